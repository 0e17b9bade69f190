"""The jail of the program: its door, its warden, and the process that runs the learner's code."""

from __future__ import annotations

import os
import select
import signal
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn, TypeVar

from cloudkata.jail import kernel, namespaces, processes, visible
from cloudkata.jail.levels import JailError, Level, setting_up
from cloudkata.jail.rlimits import Limits
from cloudkata.jail.warden import Folders, Warden
from cloudkata.jail.written import WrittenFiles

T = TypeVar("T")

DOOR_PORT = 4566
_BACKLOG = 128


def program_folders(level: Level, scratch: Path | None = None) -> Folders:
    """The folders of a program at `level`: `HOME` and `TMPDIR` of its environment.

    Below `Level.NAMESPACES` they lie in `scratch`, an empty private folder made by the caller, who removes
    it.
    """
    if level is Level.NAMESPACES:
        return Folders(Path("/home/learner/work"), Path("/home/learner"), Path("/tmp"))
    if scratch is None:
        raise JailError(f"A program at level {level} needs a scratch folder.")
    return Folders(scratch / "work", scratch / "home", scratch / "tmp")


@dataclass(frozen=True)
class _Door:
    level: Level
    port: int


_door: _Door | None = None


def open_door(level: Level) -> tuple[socket.socket, str]:
    """Called first in the host of a program: the listening socket of its door, and its URL for the program.

    Under `Level.NAMESPACES` this process enters its namespaces, and the door is 127.0.0.1:4566 in a network
    that has nothing else; otherwise it is a free port of the machine's loopback. The caller passes the
    socket on and closes it. Raises `JailError`; the process must end then.
    """
    global _door  # noqa: PLW0603 - one process hosts one program
    if _door is not None:
        raise JailError("This process has a door already; each start of a program has a process of its own.")
    with setting_up("Opening the program's door"):
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # inherited from whoever started this, perhaps ignored
        kernel.die_with_parent()
        port = 0
        if level is Level.NAMESPACES:
            namespaces.enter()
            kernel.die_with_parent()  # entering a user namespace cleared it
            namespaces.raise_loopback()
            port = DOOR_PORT
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.bind(("127.0.0.1", port))
        listener.listen(_BACKLOG)
    _door = _Door(level, listener.getsockname()[1])
    return listener, f"http://127.0.0.1:{_door.port}"


def host_program(
    level: Level,
    limits: Limits,
    *,
    control: socket.socket,
    readable: Sequence[Path],
    begin: Callable[[], T],
    learner: Callable[[T, int], int],
    ended: Callable[[int, WrittenFiles, str | None], None],
    scratch: Path | None = None,
) -> NoReturn:
    """Run one program in its jail and end; `open_door` comes first, in the same process.

    A *warden* is forked (process 1 of the jail's process namespace, or a subreaper). In the jail, without
    privileges and in the program's working folder, it

    1. sends the byte ``b"H"`` over `control`, whose other end learns the warden's process id from the kernel
       (SO_PASSCRED): killing that process at any time ends everything in the jail;
    2. calls `begin`, which may block on `control`;
    3. forks the learner's process, which gets limits and filter and ends with the status that
       ``learner(begun, result_descriptor)`` returns; its standard input is empty, its output goes where this
       process's goes, no other descriptor is open;
    4. when that process ends, kills everything it started, and calls ``ended(status, files, result)``: the
       status as `os.waitstatus_to_exitcode` says it, what lies in the working folder, and the text written to
       the result descriptor, or None when there is none, or it is longer than the limit or not UTF-8.
       Standard output and error are at their end by then.

    The program can read the interpreter, installed packages, `cloudkata` and `readable` (absolute; same
    paths). Below `Level.NAMESPACES` it writes in `scratch`. When the thread that started this process ends,
    or the other end of `control` is closed, everything here ends.

    Raises `JailError` when something is missing before the warden exists. What fails after that is said on
    standard error, and the process ends with status 1 without `ended` having been called.
    """
    if _door is None or _door.level is not level:
        raise JailError("A program's door is opened first, at the same level.")
    kernel.require_one_thread()
    with setting_up("Looking for what the program may read"):
        paths = [*visible.interpreter_paths(), *visible.listed(readable)]
    warden = Warden(
        level=level,
        limits=limits,
        control=control,
        readable=paths,
        folders=program_folders(level, scratch),
        scratch=scratch,
        door_port=_door.port,
        begin=begin,
        learner=learner,
        ended=ended,
    )
    if level is Level.NAMESPACES:
        host = kernel.pidfd_open(os.getpid())
        child = os.fork()
        if child == 0:
            warden.run(host)
        processes.wait_and_end_like(child)
    _stand_behind(warden, control)


def _stand_behind(warden: Warden[T], control: socket.socket) -> NoReturn:
    """Where no process namespace does it: see to it that nothing survives the warden or the supervisor."""
    kernel.adopt_orphans()
    host = kernel.pidfd_open(os.getpid())
    child = os.fork()
    if child == 0:
        warden.run(host)
    watched = [kernel.pidfd_open(child)]
    if os.getppid():  # 0 where the supervisor is outside of our process namespace; then there is `control`
        watched.append(kernel.pidfd_open(os.getppid()))
    processes.default_signals()
    # Dying at once with the supervisor would leave nobody to end what the program started.
    kernel.outlive_parent()
    kernel.close_all_but([*watched, control.fileno()])
    os.closerange(0, 3)
    poller = select.poll()
    for process in watched:
        poller.register(process, select.POLLIN)
    poller.register(control, select.POLLRDHUP)
    poller.poll()
    status = processes.end_child(child)
    processes.end_descendants()
    processes.end_like(status)
