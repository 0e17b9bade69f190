"""A jail started only to find out what it holds: by the probe of a machine and by its doctor."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import tempfile
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from cloudkata.jail import kernel, processes
from cloudkata.jail.levels import JailError, Level
from cloudkata.jail.program import host_program, open_door
from cloudkata.jail.rlimits import Limits
from cloudkata.jail.written import WrittenFiles, remove_scratch

Attempt = Callable[[tuple[str, int]], Any]
"""What is tried in the jail: gets the address of the door, returns something JSON can hold."""

_READ = 1 << 16
_ENDED_WITHIN_S = 5.0


@dataclass(frozen=True)
class Outcome:
    """How a trial ended."""

    status: int | None
    """Of the learner's process; None when the jail could not be built or did not end in time."""
    result: Any
    """What the attempt returned; None when it did not."""
    output: str
    """What the jail wrote on standard output and error."""
    gone: bool
    """Whether nothing of the jail was left before patience ran out."""


class Trial:
    """One attempt in the jail of a program, forked from this process, which must have a single thread."""

    def __init__(self, level: Level, attempt: Attempt, limits: Limits | None = None) -> None:
        self.scratch = None if level is Level.NAMESPACES else Path(tempfile.mkdtemp(prefix="kata-trial-"))
        self._control, theirs = socket.socketpair()
        self.output, write = os.pipe()
        """Readable end of the jail's output: at its end nothing of the jail is left."""
        self._host = os.fork()
        if self._host == 0:
            os.dup2(write, 1)
            os.dup2(write, 2)
            _host(level, attempt, limits or Limits(), theirs, self.scratch)
        theirs.close()
        os.close(write)

    def outcome(self, seconds: float) -> Outcome:
        """Wait for the end, at most `seconds`; whatever still runs then is killed."""
        reports = bytearray()
        output = bytearray()
        doors: list[int] = []
        poller = select.poll()
        poller.register(self._control, select.POLLIN)
        poller.register(self.output, select.POLLIN)
        ends = time.monotonic() + seconds
        going = 2
        while going and (left := ends - time.monotonic()) > 0:
            for descriptor, _ in poller.poll(left * 1000):
                if descriptor == self.output:
                    data = os.read(self.output, _READ)
                    output += data
                else:
                    data, passed, _, _ = socket.recv_fds(self._control, _READ, 1)
                    reports += data
                    doors += passed
                if not data:
                    poller.unregister(descriptor)
                    going -= 1
        self.end()
        for door in doors:
            os.close(door)
        status, result = _read_report(bytes(reports))
        return Outcome(status, result, output.decode(errors="replace"), gone=not going)

    def end(self) -> None:
        """Kill what still runs and remove the scratch folder."""
        self._control.close()  # the warden's sign to end everything
        pidfd = kernel.pidfd_open(self._host)
        if not select.select([pidfd], [], [], _ENDED_WITHIN_S)[0]:
            os.kill(self._host, signal.SIGKILL)
        os.close(pidfd)
        os.waitpid(self._host, 0)
        os.close(self.output)
        if self.scratch is not None:
            remove_scratch(self.scratch)


def _read_report(reports: bytes) -> tuple[int | None, Any]:
    """Status and result from what came over the control socket: hello and door first, the report last."""
    try:
        status, text = json.loads(reports[reports.index(b"[") :])
        return status, None if text is None else json.loads(text)
    except ValueError:
        return None, None


def _host(
    level: Level, attempt: Attempt, limits: Limits, control: socket.socket, scratch: Path | None
) -> NoReturn:
    """The forked process: a host as the supervisor starts it."""

    def learner(door: tuple[str, int], result: int) -> int:
        text = json.dumps(attempt(door))
        os.write(result, text.encode())
        return 0

    def ended(status: int, _: WrittenFiles, result: str | None) -> None:
        control.sendall(json.dumps([status, result]).encode())

    try:
        kernel.close_all_but([control.fileno()])  # what belongs to other trials of the same process
        listener, _ = open_door(level)
        door = listener.getsockname()
        socket.send_fds(control, [b"D"], [listener.fileno()])
        listener.close()
        host_program(
            level,
            limits,
            control=control,
            readable=(),
            begin=lambda: door,
            learner=learner,
            ended=ended,
            scratch=scratch,
        )
    except JailError as error:
        processes.complain(str(error))
    except BaseException:
        processes.complain(traceback.format_exc())
    finally:
        os._exit(1)
