"""How messages travel between processes: strictly decoded, bounded in size, descriptors beside them.

A frame is two big-endian 32-bit lengths, a JSON message and an optional binary body. File descriptors
travel beside a frame (SCM_RIGHTS).
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Sequence
from typing import Any, TypeVar

import msgspec

from cloudkata.link import Message

MAX_MESSAGE = 32 << 20
"""Largest JSON message, in bytes: a trace of 2,500 calls with full parameters fits."""

MAX_BODY = 128 << 20
"""Largest body of a call or an answer, in bytes."""

_HEAD = struct.Struct(">II")
_INT = struct.Struct("i")
_SCM_CREDENTIALS = 2
_ONE_READ = 1 << 18
_ANCILLARY = socket.CMSG_SPACE(4 * _INT.size) + socket.CMSG_SPACE(3 * _INT.size)


class LinkError(Exception):
    """The other side said something that is not in the protocol, or went away in the middle of it."""


M = TypeVar("M", bound=Message)

_encoder = msgspec.json.Encoder()


class Channel:
    """One end of a stream socket that carries frames.

    `allowed` are the messages this end accepts; anything else is a `LinkError`. Only an end that was
    made for it takes `descriptors`: a sealed process may not receive any.
    """

    def __init__(
        self, sock: socket.socket, allowed: Sequence[type[Message]], *, descriptors: bool = False
    ) -> None:
        self.sock = sock
        self._takes_descriptors = descriptors
        self._decoder = msgspec.json.Decoder(_union(allowed))
        self._received = bytearray()
        self._descriptors: list[int] = []
        self.sender = 0
        """Process id of who wrote last, once `learn_senders` was called."""

    def send(self, message: Message, body: bytes = b"", descriptors: Sequence[int] = ()) -> None:
        """Send one frame, and descriptors beside it; blocks until the kernel has taken it all."""
        text = _encoder.encode(message)
        if len(text) > MAX_MESSAGE or len(body) > MAX_BODY:
            raise LinkError(f"{type(message).__name__} is too large to send.")
        frame = _HEAD.pack(len(text), len(body)) + text
        if descriptors:
            sent = socket.send_fds(self.sock, [frame], list(descriptors))
            frame = frame[sent:]
        self.sock.sendall(frame + body if len(body) < 1 << 16 else frame)
        if len(body) >= 1 << 16:
            self.sock.sendall(body)

    def receive(self) -> tuple[Message, bytes]:
        """The next message and its body; blocks. Raises `EOFError` when the other side is gone."""
        while (frame := self.pop()) is None:
            self.read_once()
        return frame

    def expect(self, kind: type[M]) -> tuple[M, bytes]:
        """The next message, which must be a `kind`."""
        message, body = self.receive()
        if not isinstance(message, kind):
            raise LinkError(f"Expected {kind.__name__}, got {type(message).__name__}.")
        return message, body

    def ask(self, message: Message, kind: type[M], body: bytes = b"") -> tuple[M, bytes]:
        """Send `message` and return its answer, which must be a `kind`."""
        self.send(message, body)
        return self.expect(kind)

    def read_once(self) -> None:
        """One `recv`, kept for `pop`; descriptors that came along are kept for `take_descriptors`."""
        ancillary: list[tuple[int, int, bytes]] = []
        try:
            if self._takes_descriptors:
                data, ancillary, _, _ = self.sock.recvmsg(_ONE_READ, _ANCILLARY)
            else:
                data = self.sock.recv(_ONE_READ)
        except ConnectionResetError:
            data = b""
        for level, kind, content in ancillary:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                count = len(content) // _INT.size
                self._descriptors += struct.unpack(f"{count}i", content[: count * _INT.size])
            elif level == socket.SOL_SOCKET and kind == _SCM_CREDENTIALS:
                (self.sender,) = _INT.unpack_from(content)
        if not data:
            raise EOFError("The other side is gone.")
        self._received += data

    def learn_senders(self) -> None:
        """From now on `sender` is the process id of who wrote what was read last, told by the kernel."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)

    def pop_byte(self) -> bytes | None:
        """The next single byte among what was read, or None: a sign that travels between frames."""
        if not self._received:
            return None
        byte = bytes(self._received[:1])
        del self._received[:1]
        return byte

    def pop(self) -> tuple[Message, bytes] | None:
        """The next whole frame among what was read, or None."""
        received = self._received
        if len(received) < _HEAD.size:
            return None
        text_length, body_length = _HEAD.unpack_from(received)
        if text_length > MAX_MESSAGE or body_length > MAX_BODY:
            raise LinkError("A frame is larger than the protocol allows.")
        end = _HEAD.size + text_length + body_length
        if len(received) < end:
            return None
        text = bytes(received[_HEAD.size : _HEAD.size + text_length])
        body = bytes(received[_HEAD.size + text_length : end])
        del received[:end]
        try:
            message: Message = self._decoder.decode(text)
        except msgspec.MsgspecError as error:
            raise LinkError(f"A message is not in the protocol: {error}.") from None
        return message, body

    def take_descriptors(self) -> list[int]:
        """The descriptors received so far, which now belong to the caller."""
        taken, self._descriptors = self._descriptors, []
        return taken

    def close(self) -> None:
        """Close the socket and every descriptor nobody took."""
        for descriptor in self.take_descriptors():
            socket.close(descriptor)
        self.sock.close()


def _union(kinds: Sequence[type[Message]]) -> Any:
    union: Any = kinds[0]
    for kind in kinds[1:]:
        union = union | kind
    return union
