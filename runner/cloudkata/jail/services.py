"""The jail of emulator and checker: they compute and talk over the sockets they have, and nothing else."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from pathlib import Path

from cloudkata.jail import (
    filters,
    kernel,
    landlock,
    mounts,
    namespaces,
    privileges,
    processes,
    rlimits,
    seccomp,
    visible,
)
from cloudkata.jail.levels import JailError, Level, setting_up

_jailed_at: Level | None = None


def jail_service(level: Level, readable: Sequence[Path], *, keep_descriptors: Sequence[int]) -> None:
    """Confine the calling process for good as emulator or checker; returns in the process that is to go on.

    Under `Level.NAMESPACES` that is a child, process 1 of its own process namespace; the calling process
    waits for it and ends as it ended. Whoever started the caller must stay alive for as long as the service
    is needed: when the thread that started it ends, the kernel kills it (PR_SET_PDEATHSIG).

    Afterwards nothing can be executed, connected to or opened for writing (`/dev/null` included), and only
    the interpreter, installed packages, the `cloudkata` package and `readable` (absolute; same paths) can
    be read. Descriptors other than 0, 1, 2 and `keep_descriptors` are closed. The process may still fork;
    see `seal_service`. `Level.PROCESS` gives limits, an own session and, to root, a throw-away user only.

    Raises `JailError` when a piece of it cannot be set up; the process must end then.
    """
    global _jailed_at  # noqa: PLW0603 - a process is jailed once, and its forks know it
    with setting_up("Jailing a service"):
        _jail(level, readable, keep_descriptors)
    _jailed_at = level


def _jail(level: Level, readable: Sequence[Path], keep_descriptors: Sequence[int]) -> None:
    kernel.require_one_thread()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # inherited from whoever started this, perhaps ignored
    paths = [*visible.interpreter_paths(), *visible.listed(readable)]
    kernel.close_all_but(keep_descriptors)
    if level is Level.NAMESPACES:
        _enter_namespaces(paths)
    else:
        processes.own_session()
        kernel.die_with_parent()
        stranger = privileges.stranger(paths)
        privileges.become(stranger.identity, kept=stranger.kept)
        kernel.die_with_parent()  # changing the user cleared it
    if level is Level.LANDLOCK:
        landlock.restrict({landlock.READ: [*paths, *map(Path, visible.DEVICES)]})
    kernel.set_dumpable(False)
    os.chdir("/")
    rlimits.limit_service()
    if level is not Level.PROCESS:
        seccomp.install(filters.service_filter())


def seal_service(*, receive_descriptors: bool = False) -> None:
    """Give up forking, signalling, and passing and receiving descriptors, for good, before the run begins.

    With `receive_descriptors` the process may still receive some (and read with `recvmsg`, which cannot be
    told apart). Under `Level.PROCESS` there is no filter and this does nothing. Raises `JailError` in a
    process that is not jailed, or when the kernel refuses the filter.
    """
    if _jailed_at is None:
        raise JailError("Only a jailed service can be sealed.")
    if _jailed_at is not Level.PROCESS:
        seccomp.install(filters.sealed_filter(receive_descriptors=receive_descriptors))


def _enter_namespaces(paths: Sequence[Path]) -> None:
    """Return in process 1 of new namespaces, on a root that holds only `paths`."""
    kernel.die_with_parent()
    namespaces.enter()
    kernel.die_with_parent()  # entering a user namespace cleared it
    caller = kernel.pidfd_open(os.getpid())
    service = os.fork()
    if service:
        processes.wait_and_end_like(service)
    processes.stay_tied_to(caller)
    processes.own_session()
    mounts.change_root(mounts.Root(paths, visible.DEVICES))
    privileges.become(namespaces.LEARNER_ID, kept=privileges.kept_to_read(paths))
    processes.stay_tied_to(caller)
    os.close(caller)
