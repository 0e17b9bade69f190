"""The command line as people and CI jobs meet it: real processes, exit statuses, every word on one screen."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cloudkata.catalogue.finding import find_lab, solution_of
from cloudkata.cli import COMMANDS
from cloudkata.grade import Grade

KATA = Path(sys.executable).with_name("kata")
LAB = "s3/share-one-report"


def kata(
    *arguments: str | Path, cwd: Path | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [KATA, *arguments],
        cwd=cwd,
        env={**os.environ, "NO_COLOR": "1", "COLUMNS": "80", **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    folder = tmp_path / "work"
    assert kata("start", LAB, folder).returncode == 0
    return folder


def solve(folder: Path) -> None:
    solution = solution_of(find_lab(LAB))
    assert solution is not None
    shutil.copy(solution, folder / "solution.py")


def test_a_learner_starts_fails_solves_and_passes(workspace: Path) -> None:
    assert sorted(path.name for path in workspace.iterdir()) == [".kata.toml", "TASK.md", "solution.py"]
    failed = kata("check", cwd=workspace)
    assert failed.returncode == 1, failed.stderr
    assert "FAILED  3 of 10 points in world calm; 1 more world waits behind it" in failed.stdout
    assert "Hint: Who vouches for the download" in failed.stdout
    solve(workspace)
    passed = kata("check", cwd=workspace)
    assert passed.returncode == 0, passed.stdout
    assert "PASSED  10 of 10 points" in passed.stdout


def test_a_workspace_keeps_its_own_seed(workspace: Path) -> None:
    seeds = {json.loads(kata("check", "--json", cwd=workspace).stdout)["seed"] for _ in range(2)}
    assert len(seeds) == 1
    assert f"seed = {seeds.pop()}" in (workspace / ".kata.toml").read_text()


def test_a_grade_can_be_printed_and_written_as_json(workspace: Path, tmp_path: Path) -> None:
    solve(workspace)
    done = kata("check", "--json", "--output", tmp_path / "grade.json", cwd=workspace)
    assert done.returncode == 0
    assert Grade.from_json(done.stdout).passed
    assert (tmp_path / "grade.json").read_text() == done.stdout


def test_the_demo_fails_then_passes(tmp_path: Path) -> None:
    done = kata("demo", cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    assert done.stdout.index("FAILED  3 of 10") < done.stdout.index("PASSED  10 of 10")
    assert "1 h 00 min went by" in " ".join(done.stdout.split())


@pytest.mark.parametrize(
    ("arguments", "status", "sentence"),
    [
        (["check", "s3/share-one-reprot", "x.py"], 2, 'There is no lab "s3/share-one-reprot"; did you mean s3/share-one-report?'),
        (["check", LAB, "nowhere.py"], 2, "There is no file nowhere.py."),
        (["check", LAB, "."], 2, "is a folder; name the program in it"),
        (["check", LAB], 2, f"Name the program to grade: kata check {LAB} PROGRAM"),
        (["check"], 2, "Name a lab, or go to the folder that kata start made."),
        (["check", LAB, "program.py", "--world", "stale"], 2, "has no world 'stale'; it has calm, renamed."),
        (["check", LAB, "program.py", "--seed", "x"], 2, "'x' is not a valid integer"),
        (["check", LAB, "huge.py"], 2, "larger than 1 MiB"),
        (["check", LAB, "program.py", "--output", "no/where.json"], 3, "could not be written to no/where.json"),
        (["start", LAB, "taken"], 2, "already holds other files"),
        (["start", LAB, "program.py"], 2, "program.py"),
        (["task", "no-such-lab"], 2, "There is no lab"),
        (["verify", "no-such-lab"], 2, "There is no lab"),
        (["nonsense"], 2, "No such command 'nonsense'"),
        (["check", "--nonsense"], 2, "No such option"),
        (["check", "./broken", "program.py"], 3, "broken/lab.toml, line 2"),
        (["check", "./empty", "program.py"], 2, "holds no lab.toml"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)  # fmt: skip
def test_bad_input_gets_one_clear_sentence(
    tmp_path: Path, arguments: list[str], status: int, sentence: str
) -> None:
    (tmp_path / "program.py").write_text("")
    (tmp_path / "huge.py").write_bytes(b"#" * (1 << 20) + b"#")
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "file").write_text("")
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "lab.toml").write_text("format = 1\ntitle = \n")
    for name in ("task.md", "setup.py", "check.py", "starter.py"):
        (tmp_path / "broken" / name).write_text("")
    (tmp_path / "empty").mkdir()
    done = kata(*arguments, cwd=tmp_path)
    said = " ".join(done.stderr.split())
    assert done.returncode == status, done.stderr
    assert sentence in said
    assert "Traceback" not in said


def test_a_program_that_cannot_be_read_is_a_usage_error(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.py")
    done = kata("check", LAB, "pipe.py", cwd=tmp_path)
    assert done.returncode == 2
    assert "not a regular file" in done.stderr


def test_every_command_has_help(tmp_path: Path) -> None:
    overview = kata("--help").stdout
    for name, line in COMMANDS.items():
        assert name in overview
        done = kata(name, "--help")
        assert done.returncode == 0
        assert "Usage: " in done.stdout
        assert line


def test_labs_are_listed() -> None:
    done = kata("list")
    assert done.returncode == 0
    assert LAB in done.stdout


def test_without_unicode_the_signs_are_ascii(workspace: Path) -> None:
    done = kata("check", cwd=workspace, PYTHONIOENCODING="ascii", LC_ALL="C", PYTHONUTF8="0")
    assert done.returncode == 1
    assert done.stdout.isascii()
    assert "x FAILED" in done.stdout


def test_nothing_is_coloured_when_nobody_wants_colour(workspace: Path) -> None:
    assert "\x1b" not in kata("check", cwd=workspace).stdout


@pytest.mark.parametrize("arguments", [["--help"], ["list"]])
def test_help_and_list_answer_at_once(arguments: list[str]) -> None:
    """Within 100 ms of a bare interpreter's start, in processor time: neither waits for anything."""

    def least_ms(command: list[str]) -> float:
        used = []
        for _ in range(5):
            process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            assert process.returncode == 0
            used.append(usage.ru_utime + usage.ru_stime)
        return min(used) * 1000

    assert least_ms([str(KATA), *arguments]) - least_ms([sys.executable, "-c", "pass"]) < 100


def test_help_and_list_load_no_aws_library() -> None:
    code = (
        "import sys\nsys.argv = ['kata', 'list']\nfrom cloudkata.cli import main\n"
        "try: main()\nexcept SystemExit: pass\n"
        "print([m for m in ('boto3', 'botocore', 'moto', 'pytest', 'rich', 'jinja2') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_the_doctor_tries_and_changes_nothing(tmp_path: Path) -> None:
    done = kata("doctor", cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    assert "Programs are kept in by:" in done.stdout
    assert list(tmp_path.iterdir()) == []


READ_ONLY = """
set -e
for mounted in $(awk '{print $2}' /proc/self/mounts | grep -vE '^/(proc|sys|dev)' | sort -r); do
    mount -o remount,bind,ro "$mounted" 2>/dev/null || mount --bind "$mounted" "$mounted" -o ro 2>/dev/null || true
done
if touch "$2/probe" 2>/dev/null; then echo "the disk is still writable"; exit 99; fi
cd "$2"
exec "$1" check
"""


def test_a_read_only_disk_stops_nobody_from_checking(workspace: Path) -> None:
    solve(workspace)
    done = subprocess.run(
        ["unshare", "--mount", "bash", "-c", READ_ONLY, "bash", KATA, workspace],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "PASSED" in done.stdout


def test_a_workspace_on_a_read_only_disk_is_refused_in_one_sentence(tmp_path: Path) -> None:
    script = READ_ONLY.replace('exec "$1" check', f'exec "$1" start {LAB} new')
    done = subprocess.run(
        ["unshare", "--mount", "bash", "-c", script, "bash", KATA, tmp_path],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2, done.stdout + done.stderr
    assert "Read-only file system" in done.stderr or "read-only" in done.stderr
    assert "Traceback" not in done.stderr


def test_ctrl_c_ends_everything_and_says_so(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text("import threading\nthreading.Event().wait()\n")
    command = subprocess.Popen([KATA, "check", LAB, program], stderr=subprocess.PIPE, text=True)
    children = _children_when_there(command.pid, 3)
    command.send_signal(signal.SIGINT)
    _, said = command.communicate(timeout=20)
    assert command.returncode == 130
    assert said.strip() == "Interrupted."
    # A process that was being started in that very moment ends with its parent.
    deadline = time.monotonic() + 10
    while alive := [pid for pid in children if Path(f"/proc/{pid}").exists()]:
        assert time.monotonic() < deadline, f"{alive} are still there."


def _children_when_there(pid: int, number: int) -> list[str]:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        if len(children) >= number:
            return children
    raise AssertionError("The processes of the run never started.")
