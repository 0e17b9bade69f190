"""A program's clock: the world's. Sleeps, deadlines and back-off become entries of the world's agenda."""

from __future__ import annotations

import http.client
import os
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

from cloudkata.link import CLOCK_HEADER
from cloudkata.world.program_tasks import when_growing
from cloudkata.worldtime import StandingClock

FREE_LOOKS = 1000
LOOK_MS = 10
"""After a thousand looks at the clock without a call, each look costs 10 ms of world time, so that a loop
which only watches the clock comes to its end."""


class _OfThread(threading.local):
    """What each thread has of its own: which of several looks first depends on the machine."""

    connection: socket.socket | None = None
    looks = 0
    looking = False


class ProgramClock:
    """The program's clock: the world's, moved forward by every answer, never back."""

    def __init__(self, now_ms: int, door: tuple[str, int]) -> None:
        self._door = door
        self._standing = StandingClock(now_ms)
        self._began_ms = now_ms
        self._monotonic_base = time.monotonic()
        self._lock = threading.RLock()
        self._own = _OfThread()

    def install(self) -> None:
        """Put it in the place of the machine's clock."""
        traveller = type(self._standing._traveller)
        time_ns: Callable[[Any], int] = traveller.time_ns

        def looked(standing: Any) -> int:
            self._look()
            return time_ns(standing)

        def monotonic() -> float:
            self._look()
            return self._monotonic_base + (self._standing.now_ms - self._began_ms) / 1000

        def monotonic_ns() -> int:
            return round(monotonic() * 1_000_000_000)

        traveller.time_ns = looked
        time.monotonic = time.perf_counter = monotonic
        time.monotonic_ns = time.perf_counter_ns = monotonic_ns
        time.sleep = self.sleep  # type: ignore[assignment]
        begin = http.client.HTTPResponse.begin

        def follow(response: http.client.HTTPResponse) -> None:
            begin(response)
            told = response.headers.get(CLOCK_HEADER, "") if response.headers else ""
            if told.isascii() and told.isdigit():
                self._move_to(int(told))

        http.client.HTTPResponse.begin = follow  # type: ignore[method-assign, assignment]
        when_growing(lambda: self._ask("/-/tasks"))

    def sleep(self, seconds: float) -> None:
        """`time.sleep`, in world time."""
        if seconds < 0:
            raise ValueError("sleep length must be non-negative")
        told = self._ask(f"/-/sleep/{round(seconds * 1000)}")
        self._move_to(told)

    def _move_to(self, now_ms: int) -> None:
        self._own.looks = 0
        with self._lock:
            if now_ms > self._standing.now_ms:
                self._standing.move_to(now_ms)

    def _look(self) -> None:
        own = self._own
        own.looks += 1
        if own.looks > FREE_LOOKS and not own.looking:
            looks = own.looks
            own.looking = True
            try:
                self.sleep(LOOK_MS / 1000)
            finally:
                own.looking = False
                own.looks = looks

    def _ask(self, target: str) -> int:
        """One exchange with the door on this thread's own connection; returns the world's clock."""
        connection = self._own.connection
        if connection is None:
            connection = self._own.connection = socket.create_connection(self._door)
        connection.sendall(f"GET {target} HTTP/1.1\r\nhost: world\r\n\r\n".encode())
        received = b""
        while b"\r\n\r\n" not in received:
            data = connection.recv(4096)
            if not data:
                # The world is over for this program; so is the program.
                os._exit(137)
            received += data
        for line in received.decode("latin-1").split("\r\n"):
            name, _, value = line.partition(": ")
            if name == CLOCK_HEADER:
                return int(value)
        return self._standing.now_ms
