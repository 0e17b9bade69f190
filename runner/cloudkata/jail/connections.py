"""Connecting on behalf of a program that has no network of its own, to its door and to nothing else.

The program's filter holds each of its connect(2) calls until this side answers (seccomp_unotify(2)). The desk
connects the program's own socket to the door, so that the address bytes in the program's memory, which another
of its threads may change at any time, only ever decide between the door and a refusal.
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

_NOTIFICATION_SIZE = 80  # struct seccomp_notif
_ARGUMENTS_AT = 32
_ANSWER = struct.Struct("=QqiI")  # struct seccomp_notif_resp: id, value, error, flags

_INTERNET_ADDRESS_SIZE = 16  # struct sockaddr_in


class ConnectionDesk:
    """Answers the connect calls of one program."""

    def __init__(self, listener: int, door_port: int) -> None:
        self.listener = listener
        self._door = ("127.0.0.1", door_port)

    def answer(self) -> bool:
        """Answer one call that waits; returns False once nobody is left who could ask."""
        notification = bytearray(_NOTIFICATION_SIZE)
        try:
            fcntl.ioctl(self.listener, _RECEIVE, notification)
        except InterruptedError:
            return True
        except OSError as error:
            return error.errno == errno.ENOENT and not self._abandoned()
        number, task = struct.unpack_from("=QI", notification)
        descriptor, address, length = struct.unpack_from("=QQQ", notification, _ARGUMENTS_AT)
        try:
            failure = self._connect(number, task, descriptor & 0xFFFFFFFF, address, length & 0xFFFFFFFF)
        except (OSError, JailError):  # the asking task is gone, or does not let itself be looked at
            failure = errno.ENETUNREACH
        with contextlib.suppress(OSError):  # it ended while it waited
            fcntl.ioctl(self.listener, _SEND, bytearray(_ANSWER.pack(number, 0, -failure, 0)))
        return True
