"""An author's own pytest runs the checks of a lab."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from cloudkata.catalogue.finding import find_lab, mistakes_of

LAB = find_lab("s3/share-one-report")


def pytest_in(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_reference_solution_is_checked_by_default(tmp_path: Path) -> None:
    done = pytest_in(tmp_path, str(LAB.folder), "--seed", "7")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "5 passed" in done.stdout


def test_another_program_can_be_checked_with_pytests_own_tracebacks(tmp_path: Path) -> None:
    mistake = next(m for m in mistakes_of(LAB) if m.path.stem == "week_long_link")
    done = pytest_in(tmp_path, str(LAB.folder), "--program", str(mistake.path))
    assert done.returncode == 1
    assert "1 failed, 4 passed" in done.stdout
    assert (
        ">       assert late.status == 403" in " ".join(done.stdout.split("\n"))
        or "assert 200 == 403" in done.stdout
    )


def test_other_tests_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "test_mine.py").write_text(
        "def test_mine(pytestconfig):\n    assert not pytestconfig.pluginmanager.has_plugin('cloudkata-lab')\n"
    )
    (tmp_path / "check.py").write_text("raise SystemExit('not a lab')\n")
    done = pytest_in(tmp_path)
    assert done.returncode == 0, done.stdout


def test_two_labs_at_once_are_refused(tmp_path: Path) -> None:
    for name in ("one", "two"):
        folder = tmp_path / "labs" / "s3" / name
        folder.mkdir(parents=True)
        for file in ("check.py", "lab.toml", "setup.py", "task.md", "starter.py"):
            (folder / file).write_bytes((LAB.folder / file).read_bytes())
    done = pytest_in(tmp_path, "labs", "--program", str(LAB.folder / "starter.py"))
    assert done.returncode != 0
    assert "One lab at a time" in done.stdout + done.stderr
