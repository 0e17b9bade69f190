"""Ties between processes: dying together, ending like another one, and ending whole families."""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path
from typing import NoReturn

from cloudkata.jail import kernel, rlimits
from cloudkata.jail.levels import JailError


def complain(text: str) -> None:
    """Write to standard error itself: in a forked process `sys.stderr` may be somebody's buffer."""
    with contextlib.suppress(OSError):
        os.write(2, text.rstrip().encode(errors="backslashreplace") + b"\n")


def own_session() -> None:
    """Leave the terminal's session: nothing can be typed into it, and its signals stay there.

    Raises `JailError` for the leader of a process group, which cannot leave.
    """
    if os.getsid(0) == os.getpid():
        return
    if os.getpgrp() == os.getpid():
        raise JailError("A process to be jailed leads a process group; start it in a session of its own.")
    os.setsid()


def stay_tied_to(parent: int) -> None:
    """Die with the parent, also if it died before the kernel was told; `parent` is a pidfd of it."""
    kernel.die_with_parent()
    if kernel.has_ended(parent):
        os._exit(1)


def default_signals() -> None:
    """Take back every signal handler and every blocked signal.

    A signal without a handler cannot be sent to process 1 of a process namespace from inside. Ends of
    children are collected, also when whoever started this process ignored its own.
    """
    for number in signal.valid_signals():
        if signal.getsignal(number) not in (signal.SIG_DFL, signal.SIG_IGN):
            signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


def wait_and_end_like(child: int) -> NoReturn:
    """Hold no descriptor, wait for `child`, and end with its exit status or by its signal."""
    default_signals()  # whoever ends this process ends the child with it
    kernel.close_all_but(())
    os.closerange(0, 3)
    _, status = os.waitpid(child, 0)
    end_like(status)


def end_like(wait_status: int) -> NoReturn:
    """End this process the way another one ended."""
    code = os.waitstatus_to_exitcode(wait_status)
    if code < 0:
        rlimits.forbid_core_file()
        if -code != signal.SIGKILL:
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
        code = 128 - code
    os._exit(code)


def end_child(child: int) -> int:
    """End `child` if it still runs; returns its wait status."""
    pid, status = os.waitpid(child, os.WNOHANG)
    if pid == 0:
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
    return status


def end_namespace() -> None:
    """As process 1 of a process namespace: end every other process in it and wait until they are gone."""
    while True:
        with contextlib.suppress(ProcessLookupError):
            os.kill(-1, signal.SIGKILL)  # everything but the caller, in one step that no fork can slip past
        try:
            os.wait()
        except ChildProcessError:
            return


def end_descendants() -> None:
    """Without a process namespace, as a subreaper: end every descendant and wait until they are gone.

    They are stopped before they are killed, because each kill would make room for a fork bomb's next process.
    """
    family: set[int] = set()
    while fresh := descendants() - family:
        _signal_all(fresh, signal.SIGSTOP)
        family |= fresh
    while family:
        _signal_all(family, signal.SIGKILL)
        # Whoever is left has an ancestor among our own children, and all of them are killed.
        with contextlib.suppress(ChildProcessError):
            os.waitpid(-1, 0)
        family = descendants()


def ended_children() -> dict[int, int]:
    """Collect every child that has ended: wait statuses by process id."""
    statuses = {}
    with contextlib.suppress(ChildProcessError):
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            statuses[ended[0]] = ended[1]
    return statuses


def all_others() -> set[int]:
    """Every process in this process namespace but this one."""
    names = os.listdir("/proc")  # noqa: PTH208 - names, not paths
    return {int(name) for name in names if name.isdigit()} - {os.getpid()}


def descendants() -> set[int]:
    """Every process of which this one is an ancestor, as far as /proc shows it now."""
    children: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):  # noqa: PTH208 - names
        if name.isdigit():
            with contextlib.suppress(OSError):  # it ended while we looked
                # The name in brackets may hold anything; after it come the state and the parent (proc(5)).
                after_name = (
                    Path("/proc", name, "stat").read_text(errors="replace").rpartition(")")[2].split()
                )
                children.setdefault(int(after_name[1]), []).append(int(name))
    found: set[int] = set()
    todo = [os.getpid()]
    while todo:
        for child in children.get(todo.pop(), []):
            if child not in found:
                found.add(child)
                todo.append(child)
    return found


def _signal_all(pids: set[int], number: signal.Signals) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)
