"""Landlock (landlock(7)): which files a process may use, where it may connect, whom it may signal.

It governs opening, making, removing and truncating files, not their attributes or whether they exist, and of
the network only TCP ports. The filters beside it close the rest.
"""

from __future__ import annotations

import ctypes
import os
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path

from cloudkata.jail import kernel
from cloudkata.jail.levels import JailError

EXECUTE = 1 << 0
WRITE_FILE = 1 << 1
READ_FILE = 1 << 2
READ_DIR = 1 << 3
REMOVE_DIR = 1 << 4
REMOVE_FILE = 1 << 5
_MAKE_CHAR = 1 << 6
MAKE_DIR = 1 << 7
MAKE_REG = 1 << 8
_MAKE_SOCK = 1 << 9
MAKE_FIFO = 1 << 10
_MAKE_BLOCK = 1 << 11
MAKE_SYM = 1 << 12
REFER = 1 << 13
TRUNCATE = 1 << 14
_IOCTL_DEV = 1 << 15

READ = READ_FILE | READ_DIR
READ_AND_EXECUTE = READ | EXECUTE
READ_AND_WRITE = (
    READ
    | WRITE_FILE
    | REMOVE_DIR
    | REMOVE_FILE
    | MAKE_DIR
    | MAKE_REG
    | MAKE_FIFO
    | MAKE_SYM
    | REFER
    | TRUNCATE
)
_RIGHTS_OF_A_FILE = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | _IOCTL_DEV

_FIRST_RIGHTS = (1 << 13) - 1
_RIGHTS_BY_VERSION = {2: REFER, 3: TRUNCATE, 5: _IOCTL_DEV}
_TCP_RIGHTS = 0b11  # bind, connect; version 4
_CONNECT_TCP = 0b10
_SCOPES = 0b11  # abstract Unix sockets, signals; version 6

_FIRST_WITH_TCP = 4
_FIRST_WITH_SCOPES = 6

_RULE_PATH_BENEATH = 1
_RULE_NET_PORT = 2
_FLAG_VERSION = 1


class _Ruleset(ctypes.Structure):
    _fields_ = (("files", ctypes.c_uint64), ("network", ctypes.c_uint64), ("scoped", ctypes.c_uint64))


class _PathBeneath(ctypes.Structure):
    _pack_ = 1
    _layout_ = "ms"  # what packing means; later versions of Python ask for it
    _fields_ = (("rights", ctypes.c_uint64), ("folder", ctypes.c_int32))


class _Port(ctypes.Structure):
    _fields_ = (("rights", ctypes.c_uint64), ("port", ctypes.c_uint64))


def version() -> int:
    """The version of Landlock this kernel offers. Raises `JailError` where it has none."""
    return kernel.call(
        "use Landlock", "landlock_create_ruleset", None, ctypes.c_size_t(0), ctypes.c_uint(_FLAG_VERSION)
    )


def fences_signals() -> bool:
    """Whether a confined process can be kept from signalling others (version 6, Linux 6.12)."""
    return version() >= _FIRST_WITH_SCOPES


def restrict(files: Mapping[int, Iterable[Path]], *, connect_port: int | None = None) -> None:
    """Confine this process for good: each path with the rights it is listed under, nothing else.

    TCP connections only to `connect_port`, none without it; signals and abstract Unix sockets stay inside
    where the kernel can do that. Needs `forbid_new_privileges` before. Raises `JailError`.
    """
    present = version()
    handled = _FIRST_RIGHTS
    for since, right in _RIGHTS_BY_VERSION.items():
        if present >= since:
            handled |= right
    ruleset = _Ruleset(
        handled,
        _TCP_RIGHTS if present >= _FIRST_WITH_TCP else 0,
        _SCOPES if present >= _FIRST_WITH_SCOPES else 0,
    )
    fields = 3 if present >= _FIRST_WITH_SCOPES else 2 if present >= _FIRST_WITH_TCP else 1
    descriptor = kernel.call(
        "make a Landlock ruleset",
        "landlock_create_ruleset",
        ctypes.byref(ruleset),
        ctypes.c_size_t(8 * fields),
        ctypes.c_uint(0),
    )
    try:
        for rights, paths in files.items():
            for path in paths:
                _allow(descriptor, path, rights & handled)
        if connect_port is not None and present >= _FIRST_WITH_TCP:
            port = _Port(_CONNECT_TCP, connect_port)
            _add_rule(descriptor, _RULE_NET_PORT, port, f"allow port {connect_port}")
        kernel.call(
            "enter a Landlock domain", "landlock_restrict_self", ctypes.c_int(descriptor), ctypes.c_uint(0)
        )
    finally:
        os.close(descriptor)


def _allow(ruleset: int, path: Path, rights: int) -> None:
    try:
        folder = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError as error:
        raise JailError(f"{path} was to be allowed in the jail: {error.strerror}.") from error
    try:
        if not stat.S_ISDIR(os.fstat(folder).st_mode):
            rights &= _RIGHTS_OF_A_FILE
        _add_rule(ruleset, _RULE_PATH_BENEATH, _PathBeneath(rights, folder), f"allow {path}")
    finally:
        os.close(folder)


def _add_rule(ruleset: int, kind: int, attributes: ctypes.Structure, what: str) -> None:
    kernel.call(
        what,
        "landlock_add_rule",
        ctypes.c_int(ruleset),
        ctypes.c_int(kind),
        ctypes.byref(attributes),
        ctypes.c_uint(0),
    )
