"""A broken lab is the author's fault: said so, with the place, and nobody loses a point."""

from __future__ import annotations

import pytest
from made_labs import Grader

from cloudkata.world.assignment import Limits

FINE = 'def test_it(program):\n    """It."""\n    assert True, "never"\n'


@pytest.mark.parametrize(
    ("setup", "sentence"),
    [
        (
            "def setup(aws, inputs, clock):\n    1 / 0\n",
            "setup.py, line 2: ZeroDivisionError: division by zero",
        ),
        ("def setup(aws, inputs clock):\n", "setup.py, line 1: SyntaxError"),
        ("import nowhere\n", "setup.py, line 1: ModuleNotFoundError: No module named 'nowhere'"),
        ("x = 1\n", "setup.py has no function setup(aws, inputs, clock)."),
        (
            "def setup(aws, inputs, clock):\n    aws.client('s3').get_object(Bucket='none', Key='k')\n",
            "setup.py, line 2: NoSuchBucket",
        ),
        ("def setup(aws, inputs, clock):\n    inputs.BUCKET\n", "has no input BUCKET"),
        ("def setup(aws, inputs, clock):\n    while True: pass\n", "setup.py was not done after 3 seconds"),
        (
            "import os\ndef setup(aws, inputs, clock):\n    os._exit(3)\n",
            "ended before the start state was made",
        ),
    ],
)
def test_a_setup_that_fails_is_the_labs_fault(graded: Grader, setup: str, sentence: str) -> None:
    made = graded("", setup=setup, check=FINE, limits=Limits(ready=3))
    assert made.verdict == "not gradable"
    assert made.points == 0
    assert sentence in (made.runs[0].fault or "")


@pytest.mark.parametrize(
    ("check", "sentence"),
    [
        ("def test_it(program)\n    pass\n", "check.py cannot be imported: SyntaxError"),
        ("import nowhere\n", "check.py cannot be imported: ModuleNotFoundError: No module named 'nowhere'"),
        ("x = 1\n", "check.py holds no check"),
        ("import pytest\n@pytest.mark.unknown\ndef test_it(): pass\n", "'unknown' not found in `markers`"),
        ("def test_it(program):\n    1 / 0\n", "check.py:2: ZeroDivisionError"),
        ("def test_it(nothing_of_this_name):\n    pass\n", "nothing_of_this_name"),
        ("import os\ndef test_it(program):\n    os._exit(0)\n", "The checker ended before all checks were done."),
        ("def test_it(program):\n    while True: pass\n", "A check did not end within 2 seconds."),
        ("from cloudkata.checking import points\n@points(0)\ndef test_it(program):\n    pass\n", "points() takes a whole number"),
    ],
)  # fmt: skip
def test_a_check_that_breaks_is_the_labs_fault(graded: Grader, check: str, sentence: str) -> None:
    made = graded("", check=check, limits=Limits(judging=2))
    assert made.verdict == "not gradable"
    assert made.points == 0
    assert sentence in (made.runs[0].fault or "")


def test_an_aws_error_in_a_check_is_a_failed_check(graded: Grader) -> None:
    made = graded(
        "",
        check='''
        def test_it(aws):
            """There is an object."""
            aws.client("s3").get_object(Bucket="missing", Key="k")
        ''',
    )
    (check,) = made.runs[0].checks
    assert made.verdict == "failed"
    assert check.message == "GetObject was refused: NoSuchBucket: The specified bucket does not exist"


def test_a_check_waits_for_those_it_needs(graded: Grader) -> None:
    made = graded(
        "",
        check='''
        from cloudkata.checking import needs, points

        @points(2)
        def test_first():
            """First."""
            assert 1 == 2, "One is not two."

        @needs("test_first")
        def test_second():
            """Second."""
            assert True, "never"

        def test_third():
            """Third."""
            assert True, "never"
        ''',
    )
    first, second, third = made.runs[0].checks
    assert (first.status, first.expected, first.actual, first.message) == (
        "failed",
        "2",
        "1",
        "One is not two.",
    )
    assert (second.status, second.message) == ("blocked", 'Waits for "First."')
    assert third.status == "passed"
    assert (made.points, made.max_points) == (1, 4)


def test_setup_and_checks_share_records_and_nothing_else(make_lab, graded: Grader) -> None:
    lab = make_lab(
        setup="""
        import os
        from records import names

        def setup(aws, inputs, clock):
            folder = os.path.dirname(__file__)
            assert sorted(os.listdir(folder)) == ["records.py", "setup.py"], os.listdir(folder)
            for name in names(inputs):
                aws.client("s3").create_bucket(Bucket=name)
        """,
        check='''
        from records import names

        def test_it(aws, inputs):
            """Both draw the same."""
            made = [bucket["Name"] for bucket in aws.client("s3").list_buckets()["Buckets"]]
            assert sorted(made) == sorted(names(inputs)), f"{made}"
        ''',
    )
    (lab.folder / "records.py").write_text(
        "def names(inputs):\n    draw = inputs.random('names')\n    return [f'b-{draw.randrange(10**6)}' for _ in range(3)]\n"
    )
    made = graded("", lab=lab)
    assert made.passed, made.runs[0].checks[0].message
