"""The files a program leaves behind, read without trusting any of them."""

from __future__ import annotations

import itertools
import os
import stat
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from cloudkata.jail.rlimits import Limits

_PROGRAM = "solution.py"
_MOST_ENTRIES = 10_000
_DEEPEST = 20
_LONGEST_PATH = 512


@dataclass(frozen=True)
class WrittenFiles:
    """What a program wrote into its working folder."""

    files: dict[str, bytes] = field(default_factory=dict)
    """Contents by relative path, in the order of the paths."""
    left_out: int = 0
    """How many entries are not among them: too many, too large, not regular, linked, or oddly named."""


def collect(folder: Path, limits: Limits) -> WrittenFiles:
    """Read the regular files below `folder`, within `limits`; nobody may be writing any more.

    Nothing is followed and nothing can block: links, pipes, sockets and devices are only counted. A file
    with a second name is too, because that name may be one the program could link to but not read.
    """
    files: dict[str, bytes] = {}
    left_out = 0
    room = limits.all_files_bytes
    root = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        for entry, (path, parent) in enumerate(_entries(root, "", 0)):
            if entry == _MOST_ENTRIES:
                left_out += 1
                break
            if path == _PROGRAM:
                continue
            largest = min(limits.file_bytes, room) if len(files) < limits.files else -1
            data = _read(path, parent, largest)
            if data is None:
                left_out += 1
            else:
                files[path] = data
                room -= len(data)
    finally:
        os.close(root)
    return WrittenFiles(files, left_out)


def _entries(folder: int, prefix: str, depth: int) -> Iterator[tuple[str, int]]:
    """Everything below `folder` that is not a folder itself, or is one that cannot be entered.

    Yields the path and the descriptor of the folder it is in.
    """
    with os.scandir(folder) as found:
        names = sorted(entry.name for entry in itertools.islice(found, _MOST_ENTRIES + 1))
    for name in names:
        path = prefix + name
        inner = _open_folder(name, folder) if depth < _DEEPEST else None
        if inner is None:
            yield path, folder
            continue
        try:
            yield from _entries(inner, path + "/", depth + 1)
        finally:
            os.close(inner)


def _open_folder(name: str, parent: int) -> int | None:
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        return os.open(name, flags, dir_fd=parent)
    except OSError:
        return None


def _read(path: str, parent: int, largest: int) -> bytes | None:
    """The contents of a regular file with one name and at most `largest` bytes, or None."""
    if largest < 0 or not path.isprintable() or len(path) > _LONGEST_PATH:
        return None
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        descriptor = os.open(path.rpartition("/")[2], flags, dir_fd=parent)
    except OSError:
        return None
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_nlink != 1 or status.st_size > largest:
            return None
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            data = file.read(largest + 1)
    except OSError:
        return None
    finally:
        os.close(descriptor)
    return data if len(data) <= largest else None


def remove_scratch(folder: Path) -> None:
    """Remove a scratch folder with whatever a program left in it, once nothing of the program runs.

    `shutil.rmtree` gives up on folders without permissions and on thousands of folders inside each other.
    Here every folder is moved to the top before it is emptied, so none is ever deep. Raises `OSError`.
    """
    _take_over(folder, None)
    top = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        while names := _names(top):
            for name in names:
                if _is_folder(name, top):
                    _empty_into(name, top)
                    os.rmdir(name, dir_fd=top)
                else:
                    os.unlink(name, dir_fd=top)
    finally:
        os.close(top)
    folder.rmdir()


def _empty_into(name: str, top: int) -> None:
    """Empty folder `name` of `top`: its files are removed, its folders moved into `top` under new names."""
    _take_over(name, top)
    inner = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=top)
    try:
        for entry in _names(inner):
            if _is_folder(entry, inner):
                _take_over(entry, inner)  # moving a folder writes its entry for ".."
                os.rename(entry, str(uuid.uuid4()), src_dir_fd=inner, dst_dir_fd=top)
            else:
                os.unlink(entry, dir_fd=inner)
    finally:
        os.close(inner)


def _take_over(folder: str | Path, parent: int | None) -> None:
    """Make a folder ours to write: root may be without the right to write to other users' ones."""
    if os.getuid() == 0:
        os.chown(folder, 0, 0, dir_fd=parent)
    os.chmod(folder, 0o700, dir_fd=parent)


def _names(folder: int) -> list[str]:
    with os.scandir(folder) as entries:
        return [entry.name for entry in entries]


def _is_folder(name: str, parent: int) -> bool:
    return stat.S_ISDIR(os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode)
