"""A root of one's own: a read-only tmpfs on which only what was listed exists (mount_namespaces(7))."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cloudkata.jail import kernel
from cloudkata.jail.levels import JailError, setting_up

_NO_EXECUTION = kernel.MS_NOSUID | kernel.MS_NODEV | kernel.MS_NOEXEC
_MOST_LINKS = 40  # as many as the kernel follows in one path
_MOST_SCRATCH_FILES = 8192

_STAGE = "/usr"
"""Where the first tmpfs is mounted: a folder that exists everywhere. Nobody else sees it, and what it covers
shows again once that tmpfs is the root."""

_OLD, _NEW, _SCRATCH = "/old", "/new", "/scratch"


@dataclass(frozen=True)
class Scratch:
    """Writable memory, of one size for all of its folders together."""

    size: int
    owner: int
    folders: Mapping[str, str]
    """Where each part of it appears, and what it is called inside."""


@dataclass(frozen=True)
class Root:
    """What a root holds. Everything else does not exist in it."""

    readable: Sequence[Path]
    devices: Sequence[str]
    files: Mapping[str, str] = field(default_factory=dict)
    """Small files that are made up, with their text."""
    scratch: Scratch | None = None
    processes: bool = False
    """Whether there is a /proc, of the process namespace of the caller."""


def change_root(root: Root) -> None:
    """Leave the machine's files for `root`; the working folder becomes /.

    The caller has CAP_SYS_ADMIN in a user and mount namespace of its own, and where `root.processes` is
    true is in its own process namespace. Readable paths appear at the same place, symbolic links on the way
    included. Raises `JailError`; then the caller must end, for half of it may be done.
    """
    links: dict[str, str] = {}
    sources = _topmost(_resolve(path, links) for path in [*root.readable, *map(Path, root.devices)])
    os.umask(0o022)
    with setting_up("Building the jail's root"):
        _stage()
        if root.scratch is not None:
            _mount_scratch(root.scratch)
        for source in sources:
            _show(source, device=str(source) in root.devices)
        for name, target in links.items():
            _link(_NEW + name, target)
        for name, text in root.files.items():
            Path(_NEW + name).parent.mkdir(parents=True, exist_ok=True)
            Path(_NEW + name).write_text(text)
        if root.processes:
            _show_own_processes()
        _leave_old_root()


def _resolve(path: Path, links: dict[str, str]) -> Path:
    """Where `path` really is; every symbolic link met on the way is added to `links`."""
    at = Path("/")
    parts = list(reversed(path.parts[1:]))
    followed = 0
    while parts:
        part = parts.pop()
        if part == "..":
            at = at.parent
            continue
        step = at / part
        if not step.is_symlink():
            at = step
            continue
        target = step.readlink()
        links[str(step)] = str(target)
        followed += 1
        if followed > _MOST_LINKS:
            raise JailError(f"{path} leads through too many symbolic links.")
        if target.is_absolute():
            at = Path("/")
        parts.extend(reversed([part for part in target.parts if part != "/"]))
    return at


def _topmost(paths: Iterable[Path]) -> list[Path]:
    """`paths` without those that lie in another one, outer before inner."""
    kept: list[Path] = []
    for path in sorted(set(paths), key=lambda one: (len(one.parts), one)):
        if not any(path.is_relative_to(outer) for outer in kept):
            kept.append(path)
    return kept


def _stage() -> None:
    """Root becomes an empty tmpfs with the old root and the new one in it."""
    kernel.mount("none", "/", flags=kernel.MS_REC | kernel.MS_PRIVATE)  # nothing of this reaches the machine
    kernel.mount("tmpfs", _STAGE, "tmpfs", kernel.MS_NOSUID | kernel.MS_NODEV, "mode=0755,size=64k")
    for name in (_OLD, _NEW, _SCRATCH):
        Path(_STAGE + name).mkdir()
    kernel.mount("tmpfs", _STAGE + _NEW, "tmpfs", kernel.MS_NOSUID | kernel.MS_NODEV, "mode=0755,size=1m")
    kernel.pivot_root(_STAGE, _STAGE + _OLD)
    os.chdir("/")


def _mount_scratch(scratch: Scratch) -> None:
    options = f"mode=0755,size={scratch.size},nr_inodes={_MOST_SCRATCH_FILES}"
    kernel.mount("tmpfs", _SCRATCH, "tmpfs", _NO_EXECUTION, options)
    for place, name in scratch.folders.items():
        part = Path(_SCRATCH, name)
        part.mkdir(mode=0o755)
        os.chown(part, scratch.owner, scratch.owner)
        Path(_NEW + place).mkdir(parents=True, exist_ok=True)
        kernel.mount(str(part), _NEW + place, flags=kernel.MS_BIND)


def _show(source: Path, *, device: bool) -> None:
    """Make `source` of the old root appear at the same path of the new one, read-only."""
    old, new = Path(f"{_OLD}{source}"), Path(f"{_NEW}{source}")
    if old.is_dir():
        new.mkdir(parents=True, exist_ok=True)
    else:
        new.parent.mkdir(parents=True, exist_ok=True)
        new.touch()
    kernel.mount(str(old), str(new), flags=kernel.MS_BIND | kernel.MS_REC)
    attributes = kernel.MOUNT_ATTR_NOSUID | kernel.MOUNT_ATTR_RDONLY  # which lets devices be written to
    if not device:
        attributes |= kernel.MOUNT_ATTR_NODEV
    kernel.add_mount_attributes(str(new), attributes)


def _link(name: str, target: str) -> None:
    link = Path(name)
    if link.is_symlink() or link.exists():  # what was mounted brought it along
        return
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(target)


def _show_own_processes() -> None:
    new = Path(_NEW, "proc")
    new.mkdir()
    # subset=pid leaves out what is about the machine; a masked /proc around us makes the kernel refuse this.
    kernel.mount("proc", str(new), "proc", _NO_EXECUTION, "subset=pid")
    devices = Path(_NEW, "dev")
    devices.mkdir(exist_ok=True)
    for name, target in (("fd", ""), ("stdin", "/0"), ("stdout", "/1"), ("stderr", "/2")):
        _link(str(devices / name), f"/proc/self/fd{target}")


def _leave_old_root() -> None:
    os.chdir(_NEW)
    kernel.pivot_root(".", ".")  # the old root now lies on top of the new one (pivot_root(2), notes)
    kernel.unmount(".")
    os.chdir("/")
    read_only = kernel.MS_REMOUNT | kernel.MS_BIND | kernel.MS_RDONLY | kernel.MS_NOSUID | kernel.MS_NODEV
    kernel.mount(None, "/", flags=read_only)
