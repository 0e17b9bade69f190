"""Connecting on behalf of a program that has no network of its own, to its door and to nothing else.

The program's filter holds each of its connect(2) calls until this side answers (seccomp_unotify(2)). The desk
makes the connection itself, so the address bytes in the program's memory, which another of its threads may
change at any time, only ever decide between the door and a refusal.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import os
import socket
import struct
from pathlib import Path

from cloudkata.jail import kernel
from cloudkata.jail.levels import JailError

# ioctls of linux/seccomp.h, type '!': direction and size in the upper half
_RECEIVE = 0xC0502100
_SEND = 0xC0182101
_IS_VALID = 0x40082102
_ADD_DESCRIPTOR = 0x40182103

_NOTIFICATION_SIZE = 80  # struct seccomp_notif
_ARGUMENTS_AT = 32
_ANSWER = struct.Struct("=QqiI")  # struct seccomp_notif_resp: id, value, error, flags

_REPLACEMENT = struct.Struct("=QIIII")  # struct seccomp_notif_addfd: id, flags, ours, theirs, flags of theirs
_REPLACE = 1

_INTERNET_ADDRESS_SIZE = 16  # struct sockaddr_in


class ConnectionDesk:
    """Answers the connect calls of one program."""

    def __init__(self, listener: int, door_port: int) -> None:
        self.listener = listener
        self._door = ("127.0.0.1", door_port)

    def answer(self) -> None:
        """Answer one call; to be called when the listener is readable."""
        notification = bytearray(_NOTIFICATION_SIZE)
        try:
            fcntl.ioctl(self.listener, _RECEIVE, notification)
        except OSError:  # it ended before we looked, or a signal came first
            return
        number, task = struct.unpack_from("=QI", notification)
        descriptor, address, length = struct.unpack_from("=QQQ", notification, _ARGUMENTS_AT)
        try:
            failure = self._connect(number, task, descriptor & 0xFFFFFFFF, address, length & 0xFFFFFFFF)
        except (OSError, JailError):  # it is gone, or does not let itself be looked at
            failure = errno.ENETUNREACH
        with contextlib.suppress(OSError):  # it ended while it waited
            fcntl.ioctl(self.listener, _SEND, bytearray(_ANSWER.pack(number, 0, -failure, 0)))

    def _connect(self, number: int, task: int, descriptor: int, address: int, length: int) -> int:
        """Connect the asking task's socket to the door, if that is what it asked for; an errno, or 0."""
        if _requested_address(task, address, length) != self._door:
            return errno.ENETUNREACH
        try:
            copy = self._copy_descriptor(number, task, descriptor)
        except JailError:
            return self._replace_descriptor(number, task, descriptor)
        with socket.socket(fileno=copy) as asking:
            if asking.family != socket.AF_INET:
                return errno.EAFNOSUPPORT
            return asking.connect_ex(self._door)

    def _copy_descriptor(self, number: int, task: int, descriptor: int) -> int:
        """The task's own socket. Raises `JailError` where pidfd_getfd(2) is refused, as containers do."""
        process = kernel.pidfd_open(_process_of(task))
        try:
            # It still waits, so `task` was not another one when its descriptor was opened.
            fcntl.ioctl(self.listener, _IS_VALID, struct.pack("=Q", number))
            return kernel.call(
                "take up a program's socket",
                "pidfd_getfd",
                ctypes.c_int(process),
                ctypes.c_int(descriptor),
                ctypes.c_uint(0),
            )
        finally:
            os.close(process)

    def _replace_descriptor(self, number: int, task: int, descriptor: int) -> int:
        """Put a socket that is connected to the door in the place of the task's own; 0."""
        flags = _descriptor_flags(task, descriptor)
        with socket.create_connection(self._door) as connection:
            # Options set on the replaced socket are lost; this one, clients set before they connect.
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.setblocking(not flags & os.O_NONBLOCK)
            replacement = _REPLACEMENT.pack(
                number, _REPLACE, connection.fileno(), descriptor, flags & os.O_CLOEXEC
            )
            fcntl.ioctl(self.listener, _ADD_DESCRIPTOR, bytearray(replacement))
        return 0


def _requested_address(task: int, address: int, length: int) -> tuple[str, int] | None:
    """The internet address at `address` in the task's memory, or None if it is another kind."""
    if length < _INTERNET_ADDRESS_SIZE:
        return None
    memory = os.open(f"/proc/{task}/mem", os.O_RDONLY | os.O_CLOEXEC)
    try:
        raw = os.pread(memory, _INTERNET_ADDRESS_SIZE, address)
    finally:
        os.close(memory)
    if len(raw) < _INTERNET_ADDRESS_SIZE or struct.unpack_from("=H", raw) != (socket.AF_INET,):
        return None
    return socket.inet_ntoa(raw[4:8]), int(struct.unpack_from("!H", raw, 2)[0])


def _process_of(task: int) -> int:
    """The process a thread belongs to."""
    for line in Path(f"/proc/{task}/status").read_text().splitlines():
        if line.startswith("Tgid:"):
            return int(line.split()[1])
    raise JailError(f"Task {task} belongs to no process.")


def _descriptor_flags(task: int, descriptor: int) -> int:
    """Status flags and close-on-exec flag of a task's descriptor."""
    for line in Path(f"/proc/{task}/fdinfo/{descriptor}").read_text().splitlines():
        if line.startswith("flags:"):
            return int(line.split()[1], 8)
    raise JailError(f"Descriptor {descriptor} of task {task} has no flags.")
