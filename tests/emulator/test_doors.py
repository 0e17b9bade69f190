"""Doors: whatever a client sends, the emulator neither waits nor breaks."""

from __future__ import annotations

import selectors
import socket
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudkata.emulator.doors import MAX_HEAD, Connection, Door
from cloudkata.emulator.wire import Request, Response


class House:
    """A door, and clients that knock."""

    def __init__(self) -> None:
        self.selector = selectors.DefaultSelector()
        listener = socket.create_server(("127.0.0.1", 0))
        self.address = listener.getsockname()
        self.came: list[tuple[Connection, Request]] = []
        self.door = Door(listener, self.selector, lambda *arrived: self.came.append(arrived))
        self.clients: list[socket.socket] = []

    def knock(self, data: bytes = b"") -> socket.socket:
        client = socket.create_connection(self.address)
        self.clients.append(client)
        client.sendall(data)
        self.settle()
        return client

    def settle(self) -> None:
        """Serve until nothing is left to serve; on loopback what was sent is there at once."""
        while events := self.selector.select(0):
            for key, mask in events:
                if key.fileobj.fileno() >= 0:  # type: ignore[union-attr]
                    key.data(mask)

    def close(self) -> None:
        self.door.close()
        self.selector.close()
        for client in self.clients:
            client.close()


@pytest.fixture
def house() -> Iterator[House]:
    made = House()
    yield made
    made.close()


OK = Response(200, "OK", (("content-type", "text/plain"),), b"hello")


def test_a_request_is_handed_over_whole(house: House) -> None:
    house.knock(b"PUT /b/k%20x?acl HTTP/1.1\r\nHost: h\r\nX-A: 1\r\nx-a: 2\r\nContent-Length: 3\r\n\r\nabc")
    ((_, request),) = house.came
    assert (request.method, request.raw_path, request.path, request.query, request.body) == (
        "PUT", "/b/k%20x", "/b/k x", "acl", b"abc",
    )  # fmt: skip
    assert request.header("x-a") == "1,2"


def test_a_request_in_single_bytes_is_one_request(house: House) -> None:
    client = house.knock()
    for byte in b"POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\nok":
        client.sendall(bytes([byte]))
        house.settle()
    assert [request.body for _, request in house.came] == [b"ok"]


def test_chunked_bodies_are_put_together(house: House) -> None:
    house.knock(b"PUT /b/k HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")
    assert house.came[0][1].body == b"abcde"


def test_an_answer_carries_its_length_and_the_worlds_clock(house: House) -> None:
    client = house.knock(b"GET / HTTP/1.1\r\n\r\n")
    house.came[0][0].answer(OK, 1234)
    assert client.recv(4096) == (
        b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 5\r\nx-world-clock: 1234\r\n\r\nhello"
    )


def test_an_answer_to_head_has_the_length_and_no_body(house: House) -> None:
    client = house.knock(b"HEAD / HTTP/1.1\r\n\r\n")
    house.came[0][0].answer(Response(200, "OK", (("Content-Length", "77"),)), 1)
    said = client.recv(4096)
    assert b"content-length: 77\r\n" in said
    assert said.endswith(b"\r\n\r\n")


def test_who_asks_first_is_told_to_go_on(house: House) -> None:
    client = house.knock(b"PUT /b/k HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n")
    assert client.recv(4096) == b"HTTP/1.1 100 Continue\r\n\r\n"
    client.sendall(b"x")
    house.settle()
    assert house.came[0][1].body == b"x"


def test_the_next_request_waits_for_the_answer_to_the_one_before(house: House) -> None:
    house.knock(b"GET /1 HTTP/1.1\r\n\r\nGET /2 HTTP/1.1\r\n\r\n")
    assert [request.target for _, request in house.came] == ["/1"]
    house.came[0][0].answer(OK, 1)
    assert [request.target for _, request in house.came] == ["/1", "/2"]


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nno colon\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nContent-Length: many\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nA: " + b"x" * MAX_HEAD + b"\r\n\r\n", 431),
        (b"GET /" + b"x" * MAX_HEAD + b" HTTP/1.1\r\n\r\n", 431),
        (b"CONNECT h:1 HTTP/1.1\r\n\r\n", 400),
    ],
)
def test_what_is_no_request_is_refused_and_the_door_stays_open(
    house: House, sent: bytes, status: int
) -> None:
    client = house.knock(sent)
    house.settle()
    assert client.recv(4096).startswith(b"HTTP/1.1 %d " % status)
    house.knock(b"GET /fine HTTP/1.1\r\n\r\n")
    assert [request.target for _, request in house.came if request.method == "GET"][-1:] == ["/fine"]


def test_a_client_that_does_not_read_costs_only_itself(house: House) -> None:
    stalled = house.knock(b"GET /big HTTP/1.1\r\n\r\n")
    house.came[0][0].answer(Response(200, "OK", (), b"x" * (32 << 20)), 1)
    house.settle()
    assert house.door.has_unsent()
    other = house.knock(b"GET /small HTTP/1.1\r\n\r\n")
    house.came[1][0].answer(OK, 1)
    assert other.recv(4096).endswith(b"hello")
    received = 0
    while received < 32 << 20:
        received += len(stalled.recv(1 << 20))
        house.settle()
    assert not house.door.has_unsent()


def test_a_client_that_goes_away_is_forgotten(house: House) -> None:
    client = house.knock(b"GET / HTTP/1.1\r\n\r\n")
    client.close()
    house.settle()
    house.came[0][0].answer(OK, 1)
    assert house.came[0][0].closed


def test_a_closed_door_hands_over_nothing_more(house: House) -> None:
    client = house.knock(b"PUT /half HTTP/1.1\r\nContent-Length: 10\r\n\r\nabc")
    house.door.close()
    house.settle()
    assert house.came == []
    with pytest.raises(OSError, match=r"refused|reset"):
        socket.create_connection(house.address)
    client.close()


@given(st.lists(st.binary(min_size=1, max_size=60), max_size=5))
def test_garbage_never_breaks_a_door(pieces: list[bytes]) -> None:
    house = House()
    client = house.knock()
    for piece in pieces:
        try:
            client.sendall(piece)
        except OSError:
            break
        house.settle()
    house.knock(b"GET /fine HTTP/1.1\r\n\r\n")
    assert house.came[-1][1].target == "/fine"
    house.close()
