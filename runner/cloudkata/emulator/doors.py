"""Doors: listening sockets of the emulator, each with a role, and the HTTP connections behind them.

Nothing here blocks: bytes are parsed as they come, answers that the other side does not take at once
are kept and written when it does, so that a stalled client costs only itself.
"""

from __future__ import annotations

import fcntl
import selectors
import socket
import struct
from collections import deque
from collections.abc import Callable

import httptools

from cloudkata.emulator.wire import Request, Response
from cloudkata.link import CLOCK_HEADER

MAX_HEAD = 64 << 10
"""Largest request head, in bytes."""

MAX_REQUEST_BODY = 64 << 20
"""Largest request body, in bytes: well above what a lab needs, well below what hurts the machine."""

_SIOCOUTQNSD = 0x894B
"""ioctl: bytes not yet handed over (linux/sockios.h); unlike SIOCOUTQ it does not wait for an ACK."""

_REASONS = {
    200: "OK", 202: "Accepted", 204: "No Content", 206: "Partial Content", 301: "Moved Permanently",
    304: "Not Modified", 307: "Temporary Redirect", 400: "Bad Request", 403: "Forbidden", 404: "Not Found",
    405: "Method Not Allowed", 409: "Conflict", 411: "Length Required", 412: "Precondition Failed",
    413: "Payload Too Large", 416: "Range Not Satisfiable", 431: "Request Header Fields Too Large",
    500: "Internal Server Error", 501: "Not Implemented", 503: "Service Unavailable",
}  # fmt: skip


class Connection:
    """One client of a door. It hands over one request at a time; the next follows its answer."""

    def __init__(self, sock: socket.socket, door: Door) -> None:
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock = sock
        self.closed = False
        self._door = door
        self._parser = httptools.HttpRequestParser(self)
        self._target = b""
        self._headers: list[tuple[str, str]] = []
        self._head_size = 0
        self._body = bytearray()
        self._waiting: deque[Request] = deque()
        self._answering: Request | None = None
        self._unsent = bytearray()
        self._last_word = False

    # httptools calls these while it parses

    def on_message_begin(self) -> None:
        """A request begins."""
        self._target, self._headers, self._head_size, self._body = b"", [], 0, bytearray()

    def on_url(self, part: bytes) -> None:
        """A piece of the request target."""
        self._target += part
        self._count_head(len(part))

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header, whole."""
        self._headers.append((name.decode("latin-1"), value.decode("latin-1").strip()))
        self._count_head(len(name) + len(value))

    def on_headers_complete(self) -> None:
        """The head is whole; a client that asks first is told to go on."""
        if any(name.lower() == "expect" and "100-continue" in value for name, value in self._headers):
            self._write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, part: bytes) -> None:
        """A piece of the body."""
        if len(self._body) + len(part) > MAX_REQUEST_BODY:
            raise _TooLarge(413)
        self._body += part

    def on_message_complete(self) -> None:
        """A request is whole."""
        method = self._parser.get_method().decode("latin-1")
        target = self._target.decode("latin-1")
        self._waiting.append(Request(method, target, tuple(self._headers), bytes(self._body)))

    def _count_head(self, size: int) -> None:
        self._head_size += size
        if self._head_size > MAX_HEAD:
            raise _TooLarge(431)

    # the selector calls this when there is something to read or room to write

    def serve(self, events: int) -> None:
        """Take up what the kernel has for this connection."""
        if events & selectors.EVENT_WRITE:
            self._flush()
        if events & selectors.EVENT_READ and not self.closed:
            self._read()

    def _read(self) -> None:
        try:
            data = self.sock.recv(1 << 18)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self.close()
            return
        if self._last_word:
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._refuse(400)
        except httptools.HttpParserError as error:
            cause = error.__context__
            self._refuse(cause.status if isinstance(cause, _TooLarge) else 400)
        else:
            self._hand_over()

    def _hand_over(self) -> None:
        if self._answering is None and self._waiting and not self.closed:
            self._answering = self._waiting.popleft()
            self._door.on_request(self, self._answering)

    def _refuse(self, status: int) -> None:
        self._last_word = True
        self._write(
            f"HTTP/1.1 {status} {_REASONS[status]}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".encode()
        )

    def answer(self, response: Response, clock_ms: int) -> None:
        """Write the answer to the request that was handed over, then hand over the next."""
        request, self._answering = self._answering, None
        if self.closed or request is None:
            return
        reason = response.reason or _REASONS.get(response.status, "Unknown")
        lines = [f"HTTP/1.1 {response.status} {reason}"]
        length: str | None = None
        for name, value in response.headers:
            if name.lower() == "content-length":
                length = value
            elif name.lower() not in ("transfer-encoding", "connection"):
                lines.append(f"{name}: {value}")
        if request.method != "HEAD" or length is None:
            length = str(len(response.body))
        if response.status not in (204, 304):
            lines.append(f"content-length: {length}")
        lines += [f"{CLOCK_HEADER}: {clock_ms}", "", ""]
        head = "\r\n".join(lines).encode("utf-8", "replace")
        self._write(head if request.method == "HEAD" else head + response.body)
        self._hand_over()

    def _write(self, data: bytes) -> None:
        if self.closed:
            return
        self._unsent += data
        self._flush()

    def _flush(self) -> None:
        try:
            while self._unsent:
                sent = self.sock.send(self._unsent)
                del self._unsent[:sent]
        except BlockingIOError:
            self._door.watch(self, selectors.EVENT_READ | selectors.EVENT_WRITE)
            return
        except OSError:
            self.close()
            return
        self._door.watch(self, selectors.EVENT_READ)
        if self._last_word:
            self.close()

    def has_unsent(self) -> bool:
        """Whether an answer is still on its way to the client."""
        if self._unsent:
            return True
        (kernel,) = struct.unpack("i", fcntl.ioctl(self.sock, _SIOCOUTQNSD, b"\0\0\0\0"))
        return bool(kernel)

    def close(self) -> None:
        """Forget the client; requests of its that wait are answered into the void."""
        if not self.closed:
            self.closed = True
            self._door.forget(self)
            self.sock.close()


class _TooLarge(Exception):
    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class Door:
    """A listening socket and its connections.

    `on_request(connection, request)` is called for every whole request.
    """

    def __init__(
        self,
        listener: socket.socket,
        selector: selectors.BaseSelector,
        on_request: Callable[[Connection, Request], None],
    ) -> None:
        listener.setblocking(False)
        self.on_request = on_request
        self._listener = listener
        self._selector = selector
        self._connections: set[Connection] = set()
        self._watched: dict[Connection, int] = {}
        self.closed = False
        selector.register(listener, selectors.EVENT_READ, self._accept)

    def _accept(self, _: int) -> None:
        try:
            sock, _address = self._listener.accept()
        except OSError:
            return
        connection = Connection(sock, self)
        self._connections.add(connection)
        self.watch(connection, selectors.EVENT_READ)

    def watch(self, connection: Connection, events: int) -> None:
        """Have the selector call the connection for these events."""
        watched = self._watched.get(connection)
        if watched == events or connection.closed:
            return
        if watched is None:
            self._selector.register(connection.sock, events, connection.serve)
        else:
            self._selector.modify(connection.sock, events, connection.serve)
        self._watched[connection] = events

    def forget(self, connection: Connection) -> None:
        """The connection is over."""
        if self._watched.pop(connection, None) is not None:
            self._selector.unregister(connection.sock)
        self._connections.discard(connection)

    def has_unsent(self) -> bool:
        """Whether any answer is still on its way to a client."""
        return any(connection.has_unsent() for connection in self._connections)

    def close(self) -> None:
        """Close the socket and every connection; half-sent requests are dropped."""
        if not self.closed:
            self.closed = True
            self._selector.unregister(self._listener)
            self._listener.close()
            for connection in list(self._connections):
                connection.close()
