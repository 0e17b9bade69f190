"""A workspace is made whole or not at all, and never over somebody's work."""

from __future__ import annotations

import errno
import os
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from cloudkata import __version__
from cloudkata.catalogue import workspace as module
from cloudkata.catalogue.finding import find_lab
from cloudkata.catalogue.inputs import draw_inputs
from cloudkata.catalogue.lab import Lab, LabError, load_lab
from cloudkata.catalogue.workspace import WorkspaceError, find_workspace, start_workspace

WriteLab = Callable[..., Path]


@pytest.fixture
def lab(write_lab: WriteLab, tmp_path: Path, beside_labs: None, monkeypatch: pytest.MonkeyPatch) -> Lab:
    """An installed lab."""
    monkeypatch.setattr(module, "lab_roots", lambda: [tmp_path / "labs"])
    return load_lab(write_lab())


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_workspace_holds_task_program_and_mark(lab: Lab, tmp_path: Path) -> None:
    workspace = start_workspace(lab, tmp_path / "new" / "report", 42)
    assert names(workspace.folder) == [".kata.toml", "TASK.md", "solution.py"]
    assert workspace.solution.read_text() == "import boto3\n"
    inputs = draw_inputs(lab, 42)
    assert workspace.task.read_text() == f"Share `{inputs.REPORT_KEY}` in `{inputs.BUCKET}`.\n"
    assert tomllib.loads((workspace.folder / ".kata.toml").read_text()) == {
        "format": 1,
        "lab": "s3/share-one-report",
        "seed": 42,
        "version": __version__,
    }


def test_without_a_seed_each_workspace_has_its_own(lab: Lab, tmp_path: Path) -> None:
    seeds = {start_workspace(lab, tmp_path / str(number)).seed for number in range(3)}
    assert len(seeds) == 3


def test_an_empty_folder_is_used_as_it_is(lab: Lab, tmp_path: Path) -> None:
    folder = tmp_path / "empty"
    folder.mkdir()
    before = folder.stat().st_ino
    start_workspace(lab, folder)
    assert folder.stat().st_ino == before


def test_starting_again_puts_back_only_what_is_missing(lab: Lab, tmp_path: Path) -> None:
    first = start_workspace(lab, tmp_path / "report")
    first.solution.write_text("mine\n")
    (first.folder / "notes.txt").write_text("mine\n")
    task = first.task.read_text()
    first.task.unlink()
    again = start_workspace(lab, tmp_path / "report")
    assert again == first
    assert again.solution.read_text() == "mine\n"
    assert again.task.read_text() == task
    assert names(again.folder) == [".kata.toml", "TASK.md", "notes.txt", "solution.py"]


def test_a_start_that_was_interrupted_is_completed(lab: Lab, tmp_path: Path) -> None:
    first = start_workspace(lab, tmp_path / "report")
    first.task.unlink()
    first.solution.rename(first.folder / ".solution.py.1234.kata-part")
    assert start_workspace(lab, tmp_path / "report").solution.exists()


def test_a_folder_with_other_files_is_refused(lab: Lab, tmp_path: Path) -> None:
    folder = tmp_path / "full"
    folder.mkdir()
    for name in ("a", "b", "c", "d"):
        (folder / name).touch()
    with pytest.raises(WorkspaceError) as refused:
        start_workspace(lab, folder)
    assert (
        str(refused.value)
        == "full already holds other files, a, b, c and more; choose a new or an empty folder."
    )
    assert names(folder) == ["a", "b", "c", "d"]


def test_a_workspace_of_another_lab_is_refused(lab: Lab, write_lab: WriteLab, tmp_path: Path) -> None:
    start_workspace(lab, tmp_path / "report")
    other = load_lab(write_lab("sqs/lost-messages"))
    with pytest.raises(WorkspaceError) as refused:
        start_workspace(other, tmp_path / "report")
    assert str(refused.value) == (
        "report is already a workspace of s3/share-one-report; choose another folder for sqs/lost-messages."
    )


def test_a_workspace_with_another_seed_is_refused(lab: Lab, tmp_path: Path) -> None:
    start_workspace(lab, tmp_path / "report", 42)
    assert start_workspace(lab, tmp_path / "report", 42).seed == 42
    with pytest.raises(WorkspaceError, match="with the seed 42; choose another folder for the seed 43"):
        start_workspace(lab, tmp_path / "report", 43)


def test_a_file_in_the_way_is_refused(lab: Lab, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    (tmp_path / "link").symlink_to("nowhere")
    for path in ("file", "file/inside"):
        with pytest.raises(
            WorkspaceError, match=f"{path} cannot be a workspace: something on its path is a file"
        ):
            start_workspace(lab, tmp_path / path)
    with pytest.raises(WorkspaceError, match=r"^link cannot be made a workspace: something else already has"):
        start_workspace(lab, tmp_path / "link")
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (errno.EROFS, "the disk is read-only; choose a folder that you can write to."),
        (errno.ENOSPC, "the disk is full; free some space or choose another disk."),
        (errno.EDQUOT, "your share of the disk is used up; free some space or choose another disk."),
        (errno.EACCES, "you have no permission to write there; choose a folder of your own."),
        (errno.ENAMETOOLONG, "the name is too long; choose a shorter one."),
        (errno.EIO, "input/output error."),
    ],
)
@pytest.mark.parametrize("failing", [".kata.toml", "TASK.md", "solution.py"])
def test_a_disk_that_refuses_leaves_nothing_half_made(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, code: int, words: str, failing: str
) -> None:
    write = Path.write_bytes

    def refusing(path: Path, content: bytes) -> int:
        if failing.lstrip(".") not in path.name:
            return write(path, content)
        write(path, content[:1])
        raise OSError(code, os.strerror(code), str(path))

    monkeypatch.setattr(Path, "write_bytes", refusing)
    with pytest.raises(WorkspaceError) as refused:
        start_workspace(lab, Path("new/report"))
    assert str(refused.value) == f"new/report cannot be made a workspace: {words}"
    assert not Path("new").exists()


def test_an_interrupted_start_leaves_nothing(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(path: Path, target: Path) -> Path:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        start_workspace(lab, tmp_path / "report")
    assert not (tmp_path / "report").exists()


def test_a_folder_that_cannot_be_looked_into_is_refused(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def closed(path: Path) -> list[str]:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(os, "listdir", closed)
    with pytest.raises(WorkspaceError, match=r"^report cannot be looked into: you have no permission"):
        start_workspace(lab, tmp_path / "report")


def test_a_broken_task_makes_no_folder(lab: Lab, tmp_path: Path) -> None:
    (lab.folder / "task.md").write_text("{{ BUKET }}")
    with pytest.raises(LabError, match="BUKET is not an input"):
        start_workspace(lab, tmp_path / "report")
    assert not (tmp_path / "report").exists()


def test_a_workspace_is_found_from_anywhere_inside(lab: Lab, tmp_path: Path) -> None:
    made = start_workspace(lab, tmp_path / "report")
    inside = made.folder / "drafts"
    inside.mkdir()
    for path in (made.folder, made.solution, inside, inside / "not-yet.py"):
        assert find_workspace(path) == made
    assert find_workspace(tmp_path) is None


def test_a_lab_that_is_not_installed_is_found_again(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert start_workspace(lab, tmp_path / "one").lab_name == "s3/share-one-report"
    monkeypatch.setattr(module, "lab_roots", list)
    start_workspace(lab, tmp_path / "two")
    workspace = find_workspace(tmp_path / "two")
    assert workspace is not None
    assert find_lab(workspace.lab_name, []) == lab


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        (
            'format = 1\nlab = "s3/x"\nseed = "1"\nversion = "1"\n',
            ', line 3: key "seed" must be a whole number',
        ),
        ('format = 1\nlab = "s3/x"\nversion = "1"\n', ': key "seed" is missing; add it'),
        ('format = 1\nlab = "s3/x\n', ", line 2: a text does not end on its line"),
        (
            'format = 2\nplace = "s3/x"\n',
            ', line 1: key "format" must be 1, which is what this cloudkata reads',
        ),
        ("", ': key "format" is missing; add it'),
    ],
)
def test_a_damaged_mark_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, rest: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".kata.toml").write_text(text)
    with pytest.raises(WorkspaceError) as refused:
        find_workspace(tmp_path / "solution.py")
    assert str(refused.value).startswith(f".kata.toml{rest}")
    assert str(refused.value).endswith("; put it right, or start the lab again in another folder.")
