"""Inside the program's process: the world's clock and randomness, then the learner's file.

The program is plain boto3 and must not notice anything but that time is the world's. What it learns
here (addresses, headers) is of no use against the grade: nothing it says decides a check.
"""

from __future__ import annotations

import atexit
import json
import linecache
import os
import runpy
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable
from typing import Any

from cloudkata.link import LINE_HEADER, BeginProgram
from cloudkata.world.program_clock import ProgramClock
from cloudkata.world.program_tasks import seed_randomness

CANONICAL = ("127.0.0.1", 4566)
"""The emulated AWS's address as programs know it, in every run."""


def launch(order: BeginProgram, source: bytes, door: tuple[str, int], result: int) -> int:
    """Run the program, or one function of it, in this process; returns its exit status.

    `result` is a descriptor that takes the JSON a called function returned.
    """
    os.environ.clear()
    os.environ.update(order.environment)
    time.tzset()
    seed_randomness(order.randomness)
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
    """Where there is no network namespace: the emulated AWS's one address leads to this program's door."""
    connect = socket.socket.connect

    def redirected(sock: socket.socket, address: Any) -> None:
        connect(sock, door if address == CANONICAL else address)

    socket.socket.connect = redirected  # type: ignore[method-assign, assignment]


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
