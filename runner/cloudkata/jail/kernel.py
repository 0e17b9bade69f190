"""System calls that Python's `os` does not offer in every supported version, through ctypes.

Each raises `JailError` with what was tried and why the kernel refused it.
"""

from __future__ import annotations

import ctypes
import errno
import os
import select
import signal
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Final

from cloudkata.jail.levels import JailError
from cloudkata.jail.syscalls import machine, number

CLONE_NEWNS: Final = 0x00020000
CLONE_NEWUTS: Final = 0x04000000
CLONE_NEWIPC: Final = 0x08000000
CLONE_NEWUSER: Final = 0x10000000
CLONE_NEWPID: Final = 0x20000000
CLONE_NEWNET: Final = 0x40000000

MS_RDONLY: Final = 0x1
MS_NOSUID: Final = 0x2
MS_NODEV: Final = 0x4
MS_NOEXEC: Final = 0x8
MS_REMOUNT: Final = 0x20
MS_BIND: Final = 0x1000
MS_REC: Final = 0x4000
MS_PRIVATE: Final = 0x40000

MOUNT_ATTR_RDONLY: Final = 0x1
MOUNT_ATTR_NOSUID: Final = 0x2
MOUNT_ATTR_NODEV: Final = 0x4

_MNT_DETACH = 2
_AT_FDCWD = -100
_AT_RECURSIVE = 0x8000

_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4
_PR_CAPBSET_DROP = 24
_PR_SET_CHILD_SUBREAPER = 36
_PR_SET_NO_NEW_PRIVS = 38
_PR_CAP_AMBIENT = 47
_PR_CAP_AMBIENT_RAISE = 2
_PR_CAP_AMBIENT_CLEAR_ALL = 4
_PR_SET_KEEPCAPS = 8

_CAPABILITY_VERSION_3 = 0x20080522
_PIDFD_OPEN = 434  # the same on every architecture, and needed where no filter is

CAP_CHOWN: Final = 0
CAP_KILL: Final = 5
CAP_SETGID: Final = 6
CAP_SETUID: Final = 7
CAP_SETPCAP: Final = 8
CAP_DAC_READ_SEARCH: Final = 2
"""Read and enter every file and folder, whatever its mode says (capabilities(7))."""

_libc = ctypes.CDLL(None, use_errno=True)
_libc.prctl.argtypes = [ctypes.c_int] + [ctypes.c_ulong] * 4
_libc.mount.argtypes = [ctypes.c_char_p] * 3 + [ctypes.c_ulong, ctypes.c_char_p]
_libc.umount2.argtypes = [ctypes.c_char_p, ctypes.c_int]
_libc.unshare.argtypes = [ctypes.c_int]
_libc.syscall.restype = ctypes.c_long


class _MountAttributes(ctypes.Structure):
    _fields_ = (
        ("set", ctypes.c_uint64),
        ("clear", ctypes.c_uint64),
        ("propagation", ctypes.c_uint64),
        ("user_namespace", ctypes.c_uint64),
    )


def refused(what: str) -> JailError:
    """The error for a call that just failed, from `errno`."""
    return JailError(f"The kernel refused to {what}: {os.strerror(ctypes.get_errno())}.")


def call(what: str, name: str, *arguments: object) -> int:
    """System call `name` by number; `what` completes "The kernel refused to ..."."""
    found = number(name, machine())
    if found is None:
        raise JailError(f"This architecture has no {name}.")
    result: int = _libc.syscall(ctypes.c_long(found), *arguments)
    if result < 0:
        raise refused(what)
    return result


def prctl(what: str, option: int, *arguments: int) -> int:
    """`prctl(2)`; `what` completes "The kernel refused to ..."."""
    result: int = _libc.prctl(option, *arguments, *[0] * (4 - len(arguments)))
    if result < 0:
        raise refused(what)
    return result


def unshare(flags: int) -> None:
    """Leave the namespaces named by `flags` for new ones (unshare(2))."""
    if _libc.unshare(flags) < 0:
        raise refused("make new namespaces")


def mount(
    source: str | None, target: str, kind: str | None = None, flags: int = 0, options: str | None = None
) -> None:
    """`mount(2)`."""
    texts = [None if text is None else os.fsencode(text) for text in (source, target, kind, options)]
    if _libc.mount(texts[0], texts[1], texts[2], flags, texts[3]) < 0:
        raise refused(f"mount {kind or source or 'a view'} on {target}")


def unmount(target: str) -> None:
    """Detach what is mounted at `target`, even while it is in use (umount2(2), MNT_DETACH)."""
    if _libc.umount2(os.fsencode(target), _MNT_DETACH) < 0:
        raise refused(f"unmount {target}")


def add_mount_attributes(target: str, attributes: int) -> None:
    """Set attributes on the mount at `target` and on every mount below it (mount_setattr(2), Linux 5.12).

    `mount(2)` can only change the topmost one, and a writable mount below it would stay writable.
    """
    call(
        f"protect the mount at {target}",
        "mount_setattr",
        ctypes.c_int(_AT_FDCWD),
        os.fsencode(target),
        ctypes.c_uint(_AT_RECURSIVE),
        ctypes.byref(_MountAttributes(attributes, 0, 0, 0)),
        ctypes.c_size_t(ctypes.sizeof(_MountAttributes)),
    )


def pivot_root(new_root: str, put_old: str) -> None:
    """Make `new_root` the root and put the old one at `put_old` (pivot_root(2))."""
    call("change the root", "pivot_root", os.fsencode(new_root), os.fsencode(put_old))


def forbid_new_privileges() -> None:
    """From now on, executing a set-user-ID program gives nothing (PR_SET_NO_NEW_PRIVS)."""
    prctl("give up new privileges", _PR_SET_NO_NEW_PRIVS, 1)


def die_with_parent() -> None:
    """SIGKILL for this process when its parent ends (PR_SET_PDEATHSIG).

    Cleared by fork and by every change of user id or capabilities: say it again after each.
    """
    prctl("tie this process to its parent", _PR_SET_PDEATHSIG, signal.SIGKILL)


def outlive_parent() -> None:
    """Take back `die_with_parent`."""
    prctl("untie this process from its parent", _PR_SET_PDEATHSIG, 0)


def adopt_orphans() -> None:
    """Descendants whose parent ends become children of this process (PR_SET_CHILD_SUBREAPER)."""
    prctl("adopt orphaned processes", _PR_SET_CHILD_SUBREAPER, 1)


def set_dumpable(dumpable: bool) -> None:
    """Whether processes of the same user may trace this one and read its memory (PR_SET_DUMPABLE)."""
    prctl("set who may trace this process", _PR_SET_DUMPABLE, int(dumpable))


def keep_capabilities_over_uid_change() -> None:
    """Keep the permitted capabilities when the last user id that is 0 goes away (PR_SET_KEEPCAPS)."""
    prctl("keep capabilities over a change of user", _PR_SET_KEEPCAPS, 1)


def reduce_bounding_set(kept: Collection[int] = ()) -> None:
    """No program executed from here on can gain a capability but `kept`, whatever its file says.

    Needs CAP_SETPCAP, which goes with the user id: later it would fail, so this comes first.
    """
    for capability in range(64):
        if capability in kept:
            continue
        if _libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0) < 0:
            if ctypes.get_errno() == errno.EINVAL and capability:  # beyond the last one this kernel knows
                return
            raise refused("drop the capability bounding set")


def set_capabilities(kept: Iterable[int] = ()) -> None:
    """Reduce this thread's capabilities to `kept`, which executed programs keep too (ambient set)."""
    prctl("clear the ambient capabilities", _PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL)
    wanted = list(kept)
    mask = sum(1 << capability for capability in wanted)
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    # Two triples of (effective, permitted, inheritable), low 32 capabilities first.
    sets = (ctypes.c_uint32 * 6)(mask, mask, mask, 0, 0, 0)
    call("reduce the capabilities", "capset", ctypes.byref(header), ctypes.byref(sets))
    for capability in wanted:
        prctl("keep a capability", _PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, capability)


def pidfd_open(pid: int) -> int:
    """A descriptor that becomes readable when process `pid` ends.

    `os.pidfd_open` is missing from interpreters that were built against old kernel headers.
    """
    descriptor: int = _libc.syscall(ctypes.c_long(_PIDFD_OPEN), ctypes.c_int(pid), ctypes.c_uint(0))
    if descriptor < 0:
        raise refused(f"watch process {pid}")
    os.set_inheritable(descriptor, False)
    return descriptor


def has_ended(pidfd: int) -> bool:
    """Whether the process behind `pidfd` is over."""
    poller = select.poll()
    poller.register(pidfd, select.POLLIN)
    return bool(poller.poll(0))


_PAST_ALL_DESCRIPTORS = 1 << 30
"""Larger than any descriptor; close_range(2) does not count up to it."""


def close_all_but(kept: Iterable[int]) -> None:
    """Close every descriptor of this process except 0, 1, 2 and `kept`."""
    # Not by listing /proc: the root may be changed by now, or be changed meanwhile.
    lowest = 3
    for spared in sorted({*kept}):
        os.closerange(lowest, spared)
        lowest = max(lowest, spared + 1)
    os.closerange(lowest, _PAST_ALL_DESCRIPTORS)


def require_one_thread() -> None:
    """Raise `JailError` unless this process has a single thread.

    User ids, capabilities and filters belong to a thread: another one would stay outside of the jail.
    """
    if len(list(Path("/proc/self/task").iterdir())) > 1:
        raise JailError("A process is jailed while it has one thread; this one has several.")
