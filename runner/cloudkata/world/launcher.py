"""Inside the program's process: the world's clock, sleeps and randomness, then the learner's file.

The program is plain boto3 and must not notice anything but that time is the world's. What it learns
here (addresses, headers) is of no use against the grade: nothing it says decides a check.
"""

from __future__ import annotations

import atexit
import http.client
import json
import linecache
import os
import random
import runpy
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable
from typing import Any

from cloudkata.link import BeginProgram
from cloudkata.worldtime import StandingClock

CANONICAL = ("127.0.0.1", 4566)
"""The emulated AWS's address as programs know it, in every run."""

CLOCK_HEADER = "x-world-clock"
LINE_HEADER = "x-program-line"

FREE_LOOKS = 1000
LOOK_MS = 10
"""After a thousand looks at the clock without a call, each look costs 10 ms of world time, so that a loop
which only watches the clock comes to its end."""

_SEVERAL_TASKS = frozenset(
    {
        "_thread.start_new_thread",
        "_thread.start_joinable_thread",
        "subprocess.Popen",
        "os.fork",
        "os.forkpty",
        "os.posix_spawn",
        "os.system",
    }
)
"""Audit events after which one waiting request is no longer the whole program waiting."""


class ProgramClock:
    """The program's clock: the world's, moved forward by every answer, never back."""

    def __init__(self, now_ms: int, door: tuple[str, int]) -> None:
        self._door = door
        self._standing = StandingClock(now_ms)
        self._began_ms = now_ms
        self._monotonic_base = time.monotonic()
        self._lock = threading.RLock()
        self._connections = threading.local()
        self._looks = 0
        self._looking = False
        self._several_tasks = False

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

        traveller.time_ns = looked  # type: ignore[method-assign]
        time.monotonic = time.perf_counter = monotonic
        time.monotonic_ns = time.perf_counter_ns = monotonic_ns
        time.sleep = self.sleep
        begin = http.client.HTTPResponse.begin

        def follow(response: http.client.HTTPResponse) -> None:
            begin(response)
            told = response.headers.get(CLOCK_HEADER, "") if response.headers else ""
            if told.isascii() and told.isdigit():
                self._move_to(int(told))

        http.client.HTTPResponse.begin = follow  # type: ignore[method-assign]
        sys.addaudithook(self._notice_tasks)

    def sleep(self, seconds: float) -> None:
        """`time.sleep`, in world time."""
        if seconds < 0:
            raise ValueError("sleep length must be non-negative")
        told = self._ask(f"/-/sleep/{round(seconds * 1000)}")
        self._move_to(told)

    def _move_to(self, now_ms: int) -> None:
        with self._lock:
            self._looks = 0
            if now_ms > self._standing.now_ms:
                self._standing.move_to(now_ms)

    def _look(self) -> None:
        self._looks += 1
        if self._looks > FREE_LOOKS and not self._looking:
            looks = self._looks
            self._looking = True
            try:
                self.sleep(LOOK_MS / 1000)
            finally:
                self._looking = False
                self._looks = looks

    def _notice_tasks(self, event: str, _: object) -> None:
        if not self._several_tasks and event in _SEVERAL_TASKS:
            self._several_tasks = True
            self._ask("/-/tasks")

    def _ask(self, target: str) -> int:
        """One exchange with the door on this thread's own connection; returns the world's clock."""
        connection = getattr(self._connections, "socket", None)
        if connection is None:
            connection = self._connections.socket = socket.create_connection(self._door)
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


def launch(order: BeginProgram, source: bytes, door: tuple[str, int], result: int) -> int:
    """Run the program, or one function of it, in this process; returns its exit status.

    `result` is a descriptor that takes the JSON a called function returned.
    """
    os.environ.clear()
    os.environ.update(order.environment)
    time.tzset()
    stream = random.Random(order.randomness)
    random.seed(stream.getrandbits(64))
    os.urandom = stream.randbytes
    random._urandom = stream.randbytes  # type: ignore[attr-defined]
    if door != CANONICAL:
        _redirect(door)
    _mark_lines(order.name)
    ProgramClock(order.clock_ms, door).install()
    with open(order.name, "wb") as file:  # noqa: PTH123 - a program's folder is wherever it stands
        file.write(source)
    sys.argv = [order.name]
    sys.path.insert(0, os.getcwd())  # noqa: PTH109
    if order.function is None:
        status = _guarded(lambda: runpy.run_path(order.name, run_name="__main__"))
    else:
        status = _guarded(lambda: _call(order, result))
    return _wind_down(status)


def _redirect(door: tuple[str, int]) -> None:
    """Where there is no network namespace, the one address of the emulated AWS leads to this program's door."""
    connect = socket.socket.connect

    def redirected(sock: socket.socket, address: Any) -> None:
        connect(sock, door if address == CANONICAL else address)

    socket.socket.connect = redirected  # type: ignore[method-assign]


def _mark_lines(name: str) -> None:
    """Let every call say which line of the program it came from."""
    from botocore.httpsession import URLLib3Session

    send = URLLib3Session.send

    def marked(self: Any, request: Any) -> Any:
        frame = sys._getframe(1)
        while frame is not None:
            if frame.f_code.co_filename == name:
                request.headers[LINE_HEADER] = str(frame.f_lineno)
                break
            frame = frame.f_back  # type: ignore[assignment]
        return send(self, request)

    URLLib3Session.send = marked


def _call(order: BeginProgram, result: int) -> None:
    """Import the program and call the function with arguments it has not seen."""
    names = runpy.run_path(order.name, run_name="solution")
    function = names.get(order.function or "")
    if not callable(function):
        sys.exit(f"{order.name} has no function {order.function}().")
    returned = function(**json.loads(order.arguments))
    try:
        text = json.dumps(returned, allow_nan=False)
    except (TypeError, ValueError) as error:
        sys.exit(f"{order.function}() returned something that JSON cannot hold: {error}.")
    with os.fdopen(os.dup(result), "wb") as pipe:
        pipe.write(text.encode())


def _guarded(run: Callable[[], object]) -> int:
    """Run it as the interpreter runs a script: its exit status, its traceback without frames of ours."""
    try:
        run()
    except SystemExit as exit_:
        code = exit_.code
        if code is None:
            return 0
        if isinstance(code, int):
            return code & 0xFF
        print(code, file=sys.stderr)  # noqa: T201 - as the interpreter does
        return 1
    except BaseException as error:
        _show(error)
        return 130 if isinstance(error, KeyboardInterrupt) else 1
    return 0


def _show(error: BaseException) -> None:
    own = (__file__, runpy.__file__)
    frames = error.__traceback__
    while frames is not None and (
        frames.tb_frame.f_code.co_filename in own or frames.tb_frame.f_code.co_filename.startswith("<frozen")
    ):
        frames = frames.tb_next
    linecache.checkcache()
    traceback.print_exception(type(error), error, frames)


def _wind_down(status: int) -> int:
    """What the interpreter does at its end: wait for threads, run what was registered, flush."""
    try:
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
    except BaseException as error:
        _show(error)
        return status or 1
    return status
