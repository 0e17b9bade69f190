"""Whatever a program does, it gets a grade and a sentence; nothing is lost, nothing is left behind."""

from __future__ import annotations

from pathlib import Path

import pytest
from made_labs import Grader, only_check

from cloudkata.world.assignment import Limits

SHOWS = '''
    def test_it(program):
        """It ends normally."""
        assert program.exit_status == 0, program.how_it_ended()
'''
SEES = '''
    def test_it(aws):
        """It made the bucket."""
        names = [bucket["Name"] for bucket in aws.client("s3").list_buckets()["Buckets"]]
        assert names == ["wanted"], f"The buckets are {names}."
'''
MAKES_IT = "import boto3\nboto3.client('s3').create_bucket(Bucket='wanted')\n"


def test_a_syntax_error_is_shown_as_python_shows_it(graded: Grader) -> None:
    made = graded("print('never closed'\n", check=SHOWS)
    output = made.runs[0].output
    assert made.verdict == "failed"
    assert output.exit_status == 1
    assert output.stderr.startswith('  File "solution.py", line 1\n')
    assert "SyntaxError: '(' was never closed" in output.stderr


def test_a_traceback_shows_the_program_and_nothing_of_ours(graded: Grader) -> None:
    made = graded("def f():\n    return {}['k']\nf()\n", check=SHOWS)
    assert made.runs[0].output.stderr == (
        "Traceback (most recent call last):\n"
        '  File "solution.py", line 3, in <module>\n    f()\n'
        "  File \"solution.py\", line 2, in f\n    return {}['k']\n"
        "           ~~^^^^^\n"
        "KeyError: 'k'\n"
    )


def test_exiting_early_with_status_0_is_not_passing(graded: Grader) -> None:
    made = graded("import sys; sys.exit(0)", check=SEES)
    assert made.verdict == "failed"
    assert made.runs[0].output.exit_status == 0


def test_ending_without_a_word_is_not_passing(graded: Grader) -> None:
    assert graded("import os; os._exit(0)", check=SEES).verdict == "failed"


def test_a_gigabyte_of_output_is_not_kept(graded: Grader) -> None:
    made = graded("import sys\nwhile True: sys.stdout.write('x' * 1_000_000)", check=SHOWS)
    output = made.runs[0].output
    assert made.verdict == "failed"
    assert "printed more than 16 MB" in (output.ended or "")
    assert len(made.to_json()) < 100_000
    assert output.cut > 1_000_000


def test_binary_output_is_data(graded: Grader) -> None:
    made = graded("import sys; sys.stdout.buffer.write(bytes(range(256)))", check=SHOWS)
    assert made.passed
    assert "�" in made.runs[0].output.stdout


@pytest.mark.parametrize(
    "bomb",
    [
        "import os\nwhile True:\n    try: os.fork()\n    except OSError: pass",
        "import subprocess, sys\n[subprocess.Popen(['sleep', '1000'], start_new_session=True) for _ in range(20)]",
        "import threading\nwhile True: threading.Thread(target=threading.Event().wait, daemon=True).start()",
        "x = []\nwhile True: x.append(bytearray(100_000_000))",
    ],
    ids=["fork bomb", "daemons", "thread bomb", "memory"],
)
def test_a_program_that_eats_the_machine_costs_only_itself(graded: Grader, bomb: str) -> None:
    made = graded(MAKES_IT + bomb, check=SEES, limits=Limits(program=3))
    assert made.passed, only_check(made).message


def test_a_program_that_deletes_its_own_folder_is_graded(graded: Grader) -> None:
    made = graded(MAKES_IT + "import shutil, os\nshutil.rmtree(os.getcwd(), ignore_errors=True)", check=SEES)
    assert made.passed, only_check(made).message


def test_a_program_that_fills_its_disk_is_graded(graded: Grader) -> None:
    fill = "open('big', 'wb').write(b'x' * 10**9)"
    made = graded(MAKES_IT + fill, check=SEES)
    assert made.passed, only_check(made).message
    assert "OSError" in made.runs[0].output.stderr


def test_files_it_wrote_are_there_for_the_checks(graded: Grader) -> None:
    made = graded(
        "import os\nos.mkdir('out')\nopen('out/a.txt', 'w').write('hello')\nos.symlink('/etc/passwd', 'link')",
        check='''
        def test_it(program):
            """Its own regular files and nothing else."""
            assert program.files == {"out/a.txt": b"hello"}, f"{program.files}"
        ''',
    )
    assert made.passed, only_check(made).message


def test_files_beside_the_program_are_not_taken_along(make_lab, tmp_path: Path) -> None:
    from cloudkata.cli.program_argument import read_program
    from cloudkata.world.grading import grade

    workspace = tmp_path / "workspace"
    workspace.mkdir()
    for name in ("boto3.py", "pytest.py", "botocore.py", "cloudkata.py", "conftest.py"):
        (workspace / name).write_text("raise SystemExit('shadowed')\n")
    (workspace / "solution.py").write_text(MAKES_IT)
    made = grade(make_lab(check=SEES), "solution.py", read_program(workspace / "solution.py"), 7)
    assert made.passed, made.runs[0].output.stderr


def test_a_program_that_shadows_modules_itself_harms_only_itself(graded: Grader) -> None:
    shadow = "open('pytest.py', 'w').write('raise SystemExit(0)')\nopen('boto3.py', 'w').write('')\n"
    assert graded(shadow + MAKES_IT, check=SEES).verdict == "failed"
    assert graded(MAKES_IT + shadow, check=SEES).passed


@pytest.mark.parametrize(
    "forged",
    [
        "print('1 passed in 0.01s')",
        "import sys; sys.modules['pytest'] = None; print('{\"status\": \"passed\"}')",
        "import os\nfor fd in range(3, 64):\n    try: os.write(fd, b'{\"kind\": \"CheckDone\"}' * 100)\n    except OSError: pass",
        "import os, signal\nos.kill(os.getppid(), signal.SIGKILL)",
        "import os\nos.kill(-1, 9)",
    ],
    ids=["pass line", "module", "every descriptor", "kills its parent", "kills everybody"],
)  # fmt: skip
def test_a_verdict_cannot_be_forged(graded: Grader, forged: str) -> None:
    made = graded(forged, check=SEES)
    assert made.verdict == "failed"


def test_a_wrong_shape_of_answer_fails_the_check_only(graded: Grader) -> None:
    check = '''
        def test_it(program):
            """It answers with JSON."""
            assert program.answer == {"cause": "x"}, f"The answer is {program.answer}."
    '''
    deep = "print('[' * 100_000)"
    for program in ("", "print('not json')", deep, "print('9' * 5000)"):
        assert only_check(graded(program, check=check)).status == "failed"
    assert graded('print(\'{"cause": "x"}\')', check=check).passed


def test_a_function_is_called_with_what_it_has_not_seen(graded: Grader) -> None:
    check = '''
        def test_it(program):
            """double() doubles."""
            got = program.call("double", number=21)
            assert got == 42, f"double(21) gave {got}."
    '''
    results = {
        "def double(number): return number * 2": "passed",
        "def double(number): return number": "failed",
        "def double(number): raise ValueError(number)": "failed",
        "def double(number): return {1, 2}": "failed",
        "def double(n): return n * 2": "failed",
        "double = 42": "failed",
        "def double(number):\n    import os\n    os._exit(0)": "failed",
        "def double(number): return 'x' * 10**8": "failed",
        "": "failed",
    }
    for n, (program, status) in enumerate(results.items()):
        check_made = only_check(graded(program, check=check))
        assert check_made.status == status, (program, check_made.message)
        assert (
            status == "passed"
            or "Calling double(number=21) gave no result" in (check_made.message or "")
            or n == 1
        )
