"""What the learner's own process gives up just before it runs the learner's code."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cloudkata.jail import filters, kernel, landlock, processes, rlimits, seccomp, visible
from cloudkata.jail.levels import Level

_NAME_RESOLUTION = ("/etc/hosts", "/etc/nsswitch.conf")
"""What a program may read of the machine's own /etc where it has no root of its own."""


@dataclass(frozen=True)
class Confinement:
    """The limits and filters of one program."""

    level: Level
    limits: rlimits.Limits
    readable: Sequence[Path]
    scratch: Path | None
    door_port: int

    def enter(self, *, keep_descriptors: Sequence[int]) -> int | None:
        """Confine this process for good. Standard input becomes empty; descriptors but 1, 2 and
        `keep_descriptors` are closed.

        Under `Level.LANDLOCK` it returns the descriptor on which the warden answers connections. Raises
        `JailError`.
        """
        processes.own_session()
        null = os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC)
        os.dup2(null, 0)
        kernel.close_all_but(keep_descriptors)
        signal.signal(signal.SIGINT, signal.default_int_handler)  # as in any fresh interpreter
        os.umask(0o022)
        rlimits.limit_program(self.limits, tasks_already_there=self._tasks_already_there())
        kernel.set_dumpable(True)  # programs read their own /proc/self; the warden reads addresses in theirs
        if self.level is Level.NAMESPACES:
            seccomp.install(filters.program_filter())
        if self.level is Level.LANDLOCK:
            return self._restrict_by_landlock()
        return None

    def _tasks_already_there(self) -> int:
        if self.level is Level.NAMESPACES:
            return 2  # the warden, and for an ordinary user the host, which is in the same user namespace
        return rlimits.tasks_of_this_user() - 1

    def _restrict_by_landlock(self) -> int:
        assert self.scratch is not None
        signals = landlock.fences_signals()
        code = filters.shared_network_program_filter(signals=signals, own_pid=os.getpid())
        devices = [Path(device) for device in visible.PROGRAM_DEVICES]
        landlock.restrict(
            {
                landlock.READ_AND_EXECUTE: self.readable,
                landlock.READ: [Path(name) for name in _NAME_RESOLUTION if Path(name).exists()],
                landlock.READ_AND_WRITE: [self.scratch],
                landlock.READ_FILE | landlock.WRITE_FILE: devices,
            },
            connect_port=self.door_port,
        )
        return seccomp.install(code, listener=True)
