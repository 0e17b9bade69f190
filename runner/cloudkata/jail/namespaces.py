"""Namespaces of one's own: entering them, who is who inside, and a loopback interface that is up."""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from cloudkata.jail import kernel, processes
from cloudkata.jail.levels import JailError, setting_up

LEARNER_ID = 1000
"""User and group id of whoever lives in the namespaces, whoever that is outside."""

_ALL = (
    kernel.CLONE_NEWUSER
    | kernel.CLONE_NEWNET
    | kernel.CLONE_NEWPID
    | kernel.CLONE_NEWNS
    | kernel.CLONE_NEWIPC
    | kernel.CLONE_NEWUTS
)

_FIRST_THROWAWAY = 0x7000_0000
"""Above every id that systemd, containers or directories hand out, below the ids that some file systems take
for negative."""

_SIOCSIFFLAGS = 0x8914
_IFF_UP = 0x1

_HOST_NAME = "lab"


def enter() -> None:
    """Move this process into new user, network, mount, IPC and UTS namespaces; its next child starts a new
    process namespace.

    An ordinary user is `LEARNER_ID` inside. Real root stays 0 until it gives that up, and a throw-away id of
    the machine takes the place of `LEARNER_ID`; every other id is itself, so that root can still enter the
    folders of the user who called sudo. Raises `JailError`.
    """
    kernel.require_one_thread()
    if os.getuid() == 0:
        _enter_as_root()
    else:
        user, group = os.getuid(), os.getgid()
        kernel.unshare(_ALL)
        with setting_up("Mapping an ordinary user into a user namespace"):
            _write("/proc/self/setgroups", "deny")  # else no group map is accepted (user_namespaces(7))
            _write("/proc/self/gid_map", f"{LEARNER_ID} {group} 1")
            _write("/proc/self/uid_map", f"{LEARNER_ID} {user} 1")
    with contextlib.suppress(OSError):  # a nicety: the same name on every machine
        socket.sethostname(_HOST_NAME)


def _enter_as_root() -> None:
    """A map with more ids than one's own must be written by somebody who has privileges outside: a helper."""
    throwaway = throwaway_id()
    user_map, group_map = (
        id_map(_present_ranges(f"/proc/self/{name}"), LEARNER_ID, throwaway)
        for name in ("uid_map", "gid_map")
    )
    caller = os.getpid()
    wake_read, wake_write = os.pipe()
    helper = os.fork()
    if helper == 0:
        os.close(wake_write)
        _write_maps(caller, wake_read, user_map, group_map)
    os.close(wake_read)
    try:
        kernel.unshare(_ALL)
        os.write(wake_write, b"1")
    finally:
        os.close(wake_write)
        _, status = os.waitpid(helper, 0)
    if status:
        raise JailError("The ids of the new user namespace could not be set.")


def _write_maps(caller: int, wake: int, user_map: str, group_map: str) -> NoReturn:
    """The helper: waits until `caller` has its namespace. Ends without effect if `caller` gave up."""
    status = 1
    try:
        if os.read(wake, 1):
            _write(f"/proc/{caller}/gid_map", group_map)
            _write(f"/proc/{caller}/uid_map", user_map)
            status = 0
    except OSError as error:
        processes.complain(f"Writing the id maps failed: {error}.")
    finally:
        os._exit(status)


def _write(path: str, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(descriptor, text.encode())  # the kernel takes a map in a single write only
    finally:
        os.close(descriptor)


def _present_ranges(path: str) -> list[tuple[int, int]]:
    """First id and count of each range of ids that exists in this user namespace."""
    lines = Path(path).read_text().splitlines()
    return [(int(first), int(count)) for first, _, count in (line.split() for line in lines)]


def id_map(ranges: Sequence[tuple[int, int]], inside: int, outside: int) -> str:
    """An id map in which every id of `ranges` is itself, except that `inside` and `outside` change places."""
    swapped = {inside: outside, outside: inside}
    lines = []
    for first, count in ranges:
        at, end = first, first + count
        while at < end:
            stop = at + 1 if at in swapped else min([end, *(cut for cut in swapped if cut > at)])
            lines.append(f"{swapped.get(at, at)} {at} {stop - at}")
            at = stop
    return "\n".join(lines)


def throwaway_id() -> int:
    """A user and group id that nothing on this machine belongs to, different for each living process.

    Derived from the process id, so that two jails never share one and its processes can be ended by owner.
    """
    ranges = _present_ranges("/proc/self/uid_map")
    wanted = _FIRST_THROWAWAY + os.getpid()
    if any(first <= wanted < first + count for first, count in ranges):
        return wanted
    # Inside a container with few ids: the upper half of its largest range, where no package creates users.
    first, count = max(ranges, key=lambda one: one[1])
    if count < 4:
        raise JailError("Real root needs spare user ids for what it jails, and this user namespace has none.")
    return first + count // 2 + os.getpid() % (count // 2 - 1)


def raise_loopback() -> None:
    """Switch on the loopback interface of a network namespace that is ours."""
    with (
        setting_up("Switching on the new network's loopback"),
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket,
    ):
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", _IFF_UP))
