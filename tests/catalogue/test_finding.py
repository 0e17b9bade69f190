"""Labs are found by id, by slug and by path; what is broken or unknown is told in one sentence."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from cloudkata.catalogue import finding
from cloudkata.catalogue.finding import (
    UnknownLab,
    all_labs,
    alternatives_of,
    find_lab,
    lab_roots,
    mistakes_of,
    solution_of,
    solutions_folder,
)
from cloudkata.catalogue.lab import LabError, load_lab

WriteLab = Callable[..., Path]


@pytest.fixture
def roots(tmp_path: Path, write_lab: WriteLab, beside_labs: None) -> list[Path]:
    """Three labs, two of which share a slug; the current folder is the one above."""
    for lab_id in ("s3/share-one-report", "s3/lost-messages", "sqs/lost-messages"):
        write_lab(lab_id)
    return [tmp_path / "labs"]


def solution(lab_folder: Path, name: str, text: str = "") -> Path:
    path = lab_folder.parents[2] / "solutions" / lab_folder.parent.name / lab_folder.name / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def test_all_labs_are_listed_by_id(roots: list[Path]) -> None:
    entries = all_labs(roots)
    assert [entry.id for entry in entries] == ["s3/lost-messages", "s3/share-one-report", "sqs/lost-messages"]
    entry = entries[1]
    assert entry.folder == roots[0] / "s3/share-one-report"
    assert (entry.title, entry.level, entry.minutes, entry.services, entry.error) == (
        "Share one report",
        "core",
        15,
        ("s3",),
        None,
    )


@pytest.mark.parametrize(
    ("name", "content", "error"),
    [
        (
            "lab.toml",
            "format = ",
            "lab.toml, line 1: the value cannot be read; text stands in double quotes.",
        ),
        ("lab.toml", "format = 1", 'lab.toml: key "title" is missing; add it.'),
        ("lab.toml", None, " has no lab.toml; a lab holds "),
        ("check.py", None, " has no check.py; a lab holds "),
    ],
)
def test_a_broken_lab_is_listed_with_its_error(
    roots: list[Path], write_lab: WriteLab, name: str, content: str | None, error: str
) -> None:
    write_lab("ec2/broken", files={name: content})
    entry, *others = all_labs(roots)
    assert entry.id == "ec2/broken"
    assert entry.error is not None
    assert error in entry.error
    assert [other.error for other in others] == [None, None, None]


@pytest.mark.parametrize(
    ("old", "new"), [('"core"', '"hard"'), ('["s3"]', "[3]"), ("minutes = 15", "minutes = '1'")]
)
def test_a_list_never_shows_a_wrong_value(
    roots: list[Path], write_lab: WriteLab, lab_toml: str, old: str, new: str
) -> None:
    write_lab("ec2/broken", toml=lab_toml.replace(old, new))
    assert all_labs(roots)[0].error is not None


def test_what_is_no_lab_is_not_listed(roots: list[Path]) -> None:
    (roots[0] / "README.md").touch()
    (roots[0] / "s3" / "notes.txt").touch()
    (roots[0] / "s3" / "old" / "__pycache__").mkdir(parents=True)
    (roots[0] / ".git" / "x").mkdir(parents=True)
    (roots[0] / ".git" / "x" / "lab.toml").touch()
    assert len(all_labs(roots)) == 3


def test_without_a_labs_folder_there_is_nothing_to_list(tmp_path: Path) -> None:
    assert all_labs([tmp_path / "none"]) == []


@pytest.mark.parametrize(
    "name",
    [
        "s3/share-one-report",
        "s3/share-one-report/",
        "share-one-report",
        "labs/s3/share-one-report",
        "./labs/s3/share-one-report",
        "./labs/s3/share-one-report/lab.toml",
        "{root}/s3/share-one-report",
    ],
)
def test_a_lab_is_found_by_id_slug_or_path(roots: list[Path], name: str) -> None:
    assert find_lab(name.format(root=roots[0]), roots).id == "s3/share-one-report"


def test_a_lab_outside_the_installed_ones_is_found_by_path(roots: list[Path]) -> None:
    assert find_lab("./labs/sqs/lost-messages", []).id == "sqs/lost-messages"


def test_inside_a_lab_a_dot_is_enough(roots: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(roots[0] / "s3" / "lost-messages")
    assert find_lab(".", roots).id == "s3/lost-messages"


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("s3/share-one-reprot", 'There is no lab "s3/share-one-reprot"; did you mean s3/share-one-report?'),
        ("share-report", 'There is no lab "share-report"; did you mean s3/share-one-report?'),
        ("xyzzy", 'There is no lab "xyzzy"; choose one of the 3 labs in the list.'),
        ("", 'There is no lab ""; choose one of the 3 labs in the list.'),
        (
            "lost-messages",
            '"lost-messages" is the name of several labs; say s3/lost-messages or sqs/lost-messages.',
        ),
        ("./nowhere", "There is no folder ./nowhere; name a lab by its id or by the path of its folder."),
        ("~nobody/x", "There is no folder ~nobody/x; name a lab by its id or by the path of its folder."),
        (
            "./labs/s3",
            "./labs/s3 is not the folder of a lab, because it holds no lab.toml; name one that does.",
        ),
    ],
)
def test_an_unknown_name_is_refused_in_one_sentence(roots: list[Path], name: str, sentence: str) -> None:
    with pytest.raises(UnknownLab) as refused:
        find_lab(name, roots)
    assert str(refused.value) == sentence


def test_without_any_lab_the_searched_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(
        UnknownLab, match=f"There are no labs in {tmp_path / 'none'}; install cloudkata again"
    ):
        find_lab("s3/x", [tmp_path / "none"])


def test_a_broken_lab_is_refused_when_it_is_asked_for(roots: list[Path], write_lab: WriteLab) -> None:
    write_lab("ec2/broken", files={"check.py": None})
    with pytest.raises(LabError, match=r"has no check\.py"):
        find_lab("ec2/broken", roots)


def test_in_a_checkout_labs_are_beside_the_runner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = tmp_path / "runner" / "cloudkata" / "catalogue" / "finding.py"
    (tmp_path / "labs").mkdir()
    monkeypatch.setattr(finding, "__file__", str(module))
    assert lab_roots() == [tmp_path / "labs"]


def test_installed_labs_are_shared_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = tmp_path / "lib" / "site-packages" / "cloudkata" / "catalogue" / "finding.py"
    (tmp_path / "lib" / "labs").mkdir(parents=True)
    monkeypatch.setattr(finding, "__file__", str(module))
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    assert lab_roots() == [tmp_path / "share" / "cloudkata" / "labs"]


def test_solutions_stand_beside_the_labs(write_lab: WriteLab) -> None:
    folder = write_lab()
    lab = load_lab(folder)
    assert (solutions_folder(lab), solution_of(lab), mistakes_of(lab), alternatives_of(lab)) == (
        None,
        None,
        [],
        [],
    )
    right = solution(folder, "solution.py")
    others = [solution(folder, f"alternatives/{name}.py") for name in ("loop", "resource_api")]
    assert solutions_folder(lab) == right.parent
    assert solution_of(lab) == right
    assert alternatives_of(lab) == others


def test_a_lab_in_a_folder_of_its_own_has_no_solutions(write_lab: WriteLab, tmp_path: Path) -> None:
    moved = write_lab().rename(tmp_path / "mine")
    assert solutions_folder(load_lab(moved)) is None


def test_a_mistake_says_what_it_fails_and_why_it_is_made(write_lab: WriteLab) -> None:
    folder = write_lab()
    path = solution(
        folder,
        "mistakes/a_week.py",
        '"""Fails: test_link_dies\n\nA week is the most\nthat is allowed.\n"""\n\nimport boto3\n',
    )
    (mistake,) = mistakes_of(load_lab(folder))
    assert mistake == (path, "test_link_dies", "A week is the most\nthat is allowed.")


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        ("import boto3\n", ", line 1: a mistake begins with a docstring whose first line names"),
        (
            '"""Wrong: test_x\n\nWhy.\n"""',
            ", line 1: a mistake begins with a docstring whose first line names",
        ),
        ('"""Fails: the last check\n\nWhy.\n"""', ", line 1: a mistake begins with a docstring"),
        ('"""Fails: test_x"""', ", line 1: say below its first line why people write this mistake."),
        ("x = 1\nif:\n", ", line 2: this is not Python: invalid syntax."),
        ("x = '\0'", ": this is not Python: source code string cannot contain null bytes."),
    ],
)
def test_a_malformed_mistake_is_refused(write_lab: WriteLab, text: str, rest: str) -> None:
    folder = write_lab()
    path = solution(folder, "mistakes/wrong.py", text)
    with pytest.raises(LabError) as refused:
        mistakes_of(load_lab(folder))
    assert str(refused.value).startswith(f"{path}{rest}")


def test_listing_labs_imports_nothing_heavy(roots: list[Path]) -> None:
    program = (
        "import sys; from pathlib import Path; from cloudkata.catalogue.finding import all_labs; "
        "assert len(all_labs([Path('labs')])) == 3; "
        "print(sorted({'msgspec', 'jinja2', 'boto3', 'dataclasses'} & set(sys.modules)))"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    printed = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
    )
    assert printed.stdout == "[]\n"
