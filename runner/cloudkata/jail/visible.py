"""Which files an interpreter reads, and never a lab among them."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import cloudkata
from cloudkata.jail.levels import JailError

DEVICES = ("/dev/null", "/dev/urandom")
"""Devices an interpreter opens."""

PROGRAM_DEVICES = (*DEVICES, "/dev/random", "/dev/zero", "/dev/full")
"""Devices a program may open."""

_SYSTEM = (
    "/usr",
    "/bin",
    "/sbin",
    "/lib",
    "/lib32",
    "/lib64",
    "/libx32",
    "/nix/store",  # where such systems keep what others keep in /usr
    "/gnu/store",
    "/home/linuxbrew/.linuxbrew",
    "/etc/alternatives",  # where links in /usr lead
    "/etc/ld.so.cache",
    "/etc/ssl/certs",
    "/etc/pki/tls/certs",
    "/etc/pki/ca-trust/extracted",
    "/etc/ca-certificates",
)


def interpreter_paths() -> list[Path]:
    """What this interpreter needs to go on: its own files, the system's libraries, installed packages, and
    the folder of the `cloudkata` package.

    Of the prefixes only `lib`, `bin` and `pyvenv.cfg`: labs and solutions lie in
    `<prefix>/share/cloudkata`. Where one of these paths holds labs or solutions all the same (a system-wide
    installation, a checkout below /usr), its other entries are listed in its place.
    """
    prefixes = dict.fromkeys(Path(prefix) for prefix in (sys.prefix, sys.base_prefix, sys.base_exec_prefix))
    packages = [Path(entry) for entry in sys.path if Path(entry).name in ("site-packages", "dist-packages")]
    own = Path(cloudkata.__file__).parent
    candidates = [
        *map(Path, _SYSTEM),
        *(prefix / part for prefix in prefixes for part in ("lib", "lib64", "bin", "pyvenv.cfg")),
        *packages,
        own,
    ]
    exercises = [prefix / "share" / "cloudkata" for prefix in prefixes]
    exercises += [
        folder / name for folder in (own.parent, own.parent.parent) for name in ("labs", "solutions")
    ]
    hidden = [path.resolve() for path in exercises if path.exists()]
    present = [path for path in dict.fromkeys(candidates) if path.exists()]
    return [shown for path in present for shown in without(path, hidden)]


def without(path: Path, hidden: Sequence[Path]) -> list[Path]:
    """`path`, or where something in `hidden` (resolved paths) lies in it, everything else that it holds."""
    real = path.resolve()
    if real in hidden:
        return []
    if not any(real in each.parents for each in hidden):
        return [path]
    return [shown for entry in sorted(path.iterdir()) for shown in without(entry, hidden)]


def listed(readable: Iterable[Path]) -> list[Path]:
    """`readable`, checked: absolute and there. Raises `JailError`."""
    paths = list(readable)
    for path in paths:
        if not path.is_absolute() or ".." in path.parts:
            raise JailError(f"A jail is given absolute paths to read, not {path}.")
        if not os.access(path, os.R_OK):
            raise JailError(f"{path} was to be readable in the jail and is not even outside of it.")
    return paths
