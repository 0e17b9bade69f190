"""A learner's folder for one lab: the task, the program and the seed that both belong to."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import secrets
from pathlib import Path

import msgspec

from cloudkata import __version__
from cloudkata.catalogue.errors import LabError, reason, shown
from cloudkata.catalogue.finding import lab_roots
from cloudkata.catalogue.inputs import SEEDS, draw_inputs
from cloudkata.catalogue.lab import Lab
from cloudkata.catalogue.toml_file import TomlFile

FORMAT = 1
"""Version of a workspace's mark; another one is refused."""

MARK = ".kata.toml"
"""The file that makes a folder a workspace."""

_PART = ".kata-part"
"""Ends the name of a file that is still being written."""

_ADVICE = "put it right, or start the lab again in another folder"

_DISK: dict[int, str] = {
    errno.EROFS: "the disk is read-only; choose a folder that you can write to",
    errno.ENOSPC: "the disk is full; free some space or choose another disk",
    errno.EDQUOT: "your share of the disk is used up; free some space or choose another disk",
    errno.EACCES: "you have no permission to write there; choose a folder of your own",
    errno.EPERM: "you have no permission to write there; choose a folder of your own",
    errno.ENAMETOOLONG: "the name is too long; choose a shorter one",
    errno.ENOTDIR: "something on its path is a file; choose another path",
    errno.EEXIST: "something else already has this name; choose another one",
}


class WorkspaceError(ValueError):
    """A workspace cannot be made or read; the sentence says what, where and what to do."""


class Workspace(msgspec.Struct, frozen=True, kw_only=True):
    """A folder in which somebody works on a lab."""

    folder: Path
    """Absolute."""
    lab_id: str
    seed: int
    """The learner's own seed: the inputs in TASK.md follow from it."""
    version: str
    """The cloudkata that made it."""
    lab_folder: Path | None = None
    """Where the lab is, when it is not one of the installed labs."""

    @property
    def solution(self) -> Path:
        """The learner's program, whether it is there or not."""
        return self.folder / "solution.py"

    @property
    def task(self) -> Path:
        """The task with this workspace's inputs, whether it is there or not."""
        return self.folder / "TASK.md"

    @property
    def lab_name(self) -> str:
        """What `find_lab` finds the lab by."""
        return str(self.lab_folder) if self.lab_folder else self.lab_id


class _Mark(msgspec.Struct, forbid_unknown_fields=True):
    """What the mark of a workspace holds."""

    format: int
    lab: str
    seed: int
    version: str
    folder: str | None = None


def start_workspace(lab: Lab, folder: Path, seed: int | None = None) -> Workspace:
    """Make `folder` a workspace of `lab`; without a `seed` one is drawn.

    A workspace of the same lab keeps its seed and what is in it: only missing files are put back.
    Raises `WorkspaceError` when anything else is in the folder or it cannot be written, and leaves nothing
    half-made behind; `LabError` when the lab is broken.
    """
    from cloudkata.catalogue.task import render_task

    folder = Path(os.path.abspath(folder))  # noqa: PTH100  resolve() would rename a linked folder
    present = _present(folder)
    if MARK in present:
        workspace = _same_lab(_read(folder / MARK), lab, seed)
    elif present:
        raise WorkspaceError(
            f"{shown(folder)} already holds other files, {_some(present)}; choose a new or an empty folder."
        )
    else:
        installed = lab.folder.parent.parent in [root.resolve() for root in lab_roots()]
        workspace = Workspace(
            folder=folder,
            lab_id=lab.id,
            seed=secrets.randbelow(SEEDS) if seed is None else seed,
            version=__version__,
            lab_folder=None if installed else lab.folder,
        )
    try:
        starter = (lab.folder / "starter.py").read_bytes()
    except OSError as error:
        raise LabError(f"{shown(lab.folder / 'starter.py')} cannot be read: {reason(error)}.") from None
    task = render_task(lab, draw_inputs(lab, workspace.seed))
    # The mark is first: whatever ends us after it, starting again puts the rest back.
    contents = {MARK: _mark(workspace), "TASK.md": task.encode(), "solution.py": starter}
    _write(folder, {name: content for name, content in contents.items() if name not in present})
    return workspace


def find_workspace(path: Path) -> Workspace | None:
    """The workspace that the file or folder `path` lies in, looking upwards; None when there is none.

    Raises `WorkspaceError` naming file and line when its mark is damaged.
    """
    path = path.resolve()
    for folder in (path, *path.parents):
        if (folder / MARK).is_file():
            return _read(folder / MARK)
    return None


def _read(path: Path) -> Workspace:
    toml = TomlFile(path, WorkspaceError, _ADVICE)
    version = toml.data.get("format")
    if type(version) is int and version != FORMAT:
        raise toml.refuse(("format",), f"must be {FORMAT}, which is what this cloudkata reads, not {version}")
    mark = toml.convert(_Mark)
    return Workspace(
        folder=path.parent,
        lab_id=mark.lab,
        seed=mark.seed,
        version=mark.version,
        lab_folder=Path(mark.folder) if mark.folder else None,
    )


def _mark(workspace: Workspace) -> bytes:
    # JSON's strings are also TOML's.
    values: dict[str, str | int] = {
        "format": FORMAT,
        "lab": workspace.lab_id,
        "seed": workspace.seed,
        "version": workspace.version,
    }
    if workspace.lab_folder:
        values["folder"] = str(workspace.lab_folder)
    lines = [f"{key} = {json.dumps(value, ensure_ascii=False)}\n" for key, value in values.items()]
    return "".join(["# Which lab this folder belongs to; written by cloudkata.\n", *lines]).encode()


def _present(folder: Path) -> list[str]:
    """What is in `folder`, apart from what an interrupted start left half-written."""
    try:
        return sorted(name for name in os.listdir(folder) if not name.endswith(_PART))  # noqa: PTH208
    except FileNotFoundError:
        return []
    except NotADirectoryError:
        raise WorkspaceError(f"{shown(folder)} cannot be a workspace: {_DISK[errno.ENOTDIR]}.") from None
    except OSError as error:
        raise WorkspaceError(f"{shown(folder)} cannot be looked into: {_why(error)}.") from None


def _same_lab(workspace: Workspace, lab: Lab, seed: int | None) -> Workspace:
    if workspace.lab_id != lab.id:
        raise WorkspaceError(
            f"{shown(workspace.folder)} is already a workspace of {workspace.lab_id}; "
            f"choose another folder for {lab.id}."
        )
    if seed not in (None, workspace.seed):
        raise WorkspaceError(
            f"{shown(workspace.folder)} is already a workspace of {lab.id} with the seed {workspace.seed}; "
            f"choose another folder for the seed {seed}."
        )
    return workspace


def _write(folder: Path, contents: dict[str, bytes]) -> None:
    """Write all of `contents` into `folder` or, when one cannot be written, leave it as it was."""
    with contextlib.ExitStack() as undo:
        try:
            for missing in reversed([path for path in (folder, *folder.parents) if not path.is_dir()]):
                missing.mkdir(exist_ok=True)
                undo.callback(_quietly_remove, missing)
            for name, content in contents.items():
                part = folder / f".{name.lstrip('.')}.{os.getpid()}{_PART}"
                undo.callback(_quietly_remove, part)
                part.write_bytes(content)
                part.replace(folder / name)
                undo.callback(_quietly_remove, folder / name)
        except OSError as error:
            raise WorkspaceError(f"{shown(folder)} cannot be made a workspace: {_why(error)}.") from None
        undo.pop_all()


def _quietly_remove(path: Path) -> None:
    with contextlib.suppress(OSError):
        if path.is_dir():
            path.rmdir()
        else:
            path.unlink()


def _why(error: OSError) -> str:
    return _DISK.get(error.errno or 0, reason(error))


def _some(names: list[str]) -> str:
    return ", ".join(names[:3]) + (" and more" if len(names) > 3 else "")
