"""What a process may use, and the resource limits (setrlimit(2)) that hold it to that."""

from __future__ import annotations

import contextlib
import os
import resource
from dataclasses import dataclass
from pathlib import Path

_SERVICE_ADDRESS_SPACE = 4 << 30
_SERVICE_OPEN_FILES = 1024

_NO_CORE_FILE = 1
"""Bytes, not 0: a core pattern that is a pipe ignores 0 and honours 1 (core(5))."""


@dataclass(frozen=True)
class Limits:
    """What one start of a program may use. Sizes are in bytes."""

    cpu_seconds: int = 10
    """Processor time of each process; then it gets SIGXCPU, a second later SIGKILL."""
    memory_bytes: int = 2 << 30
    """Address space of each process, and resident memory of all of them together."""
    processes: int = 64
    """Processes and threads at the same time."""
    open_files: int = 256
    scratch_bytes: int = 64 << 20
    """Everything the program has written at one time; below `Level.NAMESPACES` each single file."""
    files: int = 64
    """How many of the files it wrote are handed on."""
    file_bytes: int = 1 << 20
    """The largest of them."""
    all_files_bytes: int = 8 << 20
    """All of them together."""
    result_bytes: int = 1 << 20
    """The largest result of a called function."""


def _limit(what: int, soft: int, hard: int | None = None) -> None:
    """Set a limit; one that is lower already stays."""
    present = resource.getrlimit(what)[1]
    ceiling = soft if hard is None else hard
    if present != resource.RLIM_INFINITY:
        ceiling = min(ceiling, present)
    resource.setrlimit(what, (min(soft, ceiling), ceiling))


def limit_service() -> None:
    """Limit this process as emulator or checker: no file can grow, four GiB of address space."""
    forbid_core_file()
    _limit(resource.RLIMIT_FSIZE, 0)
    _limit(resource.RLIMIT_NOFILE, _SERVICE_OPEN_FILES)
    _limit(resource.RLIMIT_MSGQUEUE, 0)
    _limit(resource.RLIMIT_MEMLOCK, 0)
    _limit(resource.RLIMIT_AS, _SERVICE_ADDRESS_SPACE)


def limit_program(limits: Limits, *, tasks_already_there: int) -> None:
    """Limit this process and all that come from it as a program.

    `tasks_already_there` are the processes and threads that the kernel counts for the same user besides the
    program's (RLIMIT_NPROC counts per user, not per tree).
    """
    forbid_core_file()
    _limit(resource.RLIMIT_CPU, limits.cpu_seconds, limits.cpu_seconds + 1)
    _limit(resource.RLIMIT_FSIZE, limits.scratch_bytes)
    _limit(resource.RLIMIT_NOFILE, limits.open_files)
    _limit(resource.RLIMIT_MSGQUEUE, 0)
    _limit(resource.RLIMIT_MEMLOCK, 64 << 10)
    _limit(resource.RLIMIT_NPROC, limits.processes + tasks_already_there)
    _limit(resource.RLIMIT_AS, limits.memory_bytes)


def tasks_of_this_user() -> int:
    """How many processes and threads the calling user has on this machine now."""
    own = str(os.getuid())
    tasks = 0
    for name in os.listdir("/proc"):  # noqa: PTH208 - names, not paths
        if name.isdigit():
            with contextlib.suppress(OSError):  # it ended while we looked
                # Not by who owns the folder: that is root where a process does not let itself be traced.
                lines = Path("/proc", name, "status").read_text(errors="replace").splitlines()
                fields = dict(line.split(":", 1) for line in lines if line.startswith(("Uid:", "Threads:")))
                if fields["Uid"].split()[0] == own:
                    tasks += int(fields["Threads"])
    return tasks


def forbid_core_file() -> None:
    """This process and its children leave no memory image behind."""
    _limit(resource.RLIMIT_CORE, _NO_CORE_FILE)
