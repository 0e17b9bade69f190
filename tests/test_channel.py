"""Messages between processes: strict, bounded, and whole."""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudkata import link
from cloudkata.channel import MAX_BODY, Channel, LinkError

Pair = tuple[Channel, Channel]


@pytest.fixture
def pair() -> Iterator[Pair]:
    one, other = socket.socketpair()
    channels = Channel(one, (link.Now,)), Channel(other, (link.Advance, link.AwsCall), descriptors=True)
    yield channels
    for channel in channels:
        channel.close()


def test_a_message_arrives_with_its_body(pair: Pair) -> None:
    one, other = pair
    call = link.AwsCall(door="public", method="GET", target="/", headers=[("a", "b")])
    one.send(call, b"body")
    assert other.receive() == (call, b"body")


def test_frames_that_come_together_are_told_apart(pair: Pair) -> None:
    one, other = pair
    for ms in range(3):
        one.send(link.Advance(ms=ms))
    assert [other.receive()[0].ms for _ in range(3)] == [0, 1, 2]  # type: ignore[attr-defined]


def test_a_message_the_other_end_does_not_take_is_an_error(pair: Pair) -> None:
    one, other = pair
    one.send(link.Settle())
    with pytest.raises(LinkError, match="not in the protocol"):
        other.receive()


@pytest.mark.parametrize(
    "text",
    [
        b'{"kind": "Advance"}',
        b'{"kind": "Advance", "ms": "1"}',
        b'{"kind": "Advance", "ms": 1, "more": 2}',
        b'{"kind": "Nothing"}',
        b"[]",
        b"\xff",
        b"",
    ],
)
def test_what_is_not_quite_a_message_is_an_error(pair: Pair, text: bytes) -> None:
    one, other = pair
    one.sock.sendall(struct.pack(">II", len(text), 0) + text)
    with pytest.raises(LinkError):
        other.receive()


def test_a_frame_that_claims_to_be_huge_is_refused_before_it_is_read(pair: Pair) -> None:
    one, other = pair
    one.sock.sendall(struct.pack(">II", 10, MAX_BODY + 1))
    with pytest.raises(LinkError, match="larger than the protocol allows"):
        other.receive()


def test_the_other_side_going_away_is_the_end(pair: Pair) -> None:
    one, other = pair
    one.sock.sendall(b"\0\0")
    one.sock.close()
    with pytest.raises(EOFError):
        other.receive()


def test_descriptors_travel_beside_a_message(pair: Pair) -> None:
    one, other = pair
    read, write = os.pipe()
    one.send(link.Advance(ms=1), descriptors=[write])
    other.receive()
    (received,) = other.take_descriptors()
    os.write(received, b"x")
    assert os.read(read, 1) == b"x"
    for descriptor in (read, write, received):
        os.close(descriptor)


def test_the_kernel_says_who_wrote(pair: Pair) -> None:
    one, other = pair
    other.learn_senders()
    one.send(link.Advance(ms=1))
    other.receive()
    assert other.sender == os.getpid()


@given(st.binary(max_size=200))
def test_garbage_never_ends_in_anything_but_a_link_error(garbage: bytes) -> None:
    one, other = socket.socketpair()
    channel = Channel(other, (link.Advance,))
    one.sendall(garbage)
    one.close()
    try:
        while True:
            channel.receive()
    except (LinkError, EOFError):
        pass
    finally:
        channel.close()
