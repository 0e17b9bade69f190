"""A grade on a terminal."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from cloudkata.grade import Budgets, Call, Check, Grade, Output, Program, Run
from cloudkata.reports.printable import printable
from cloudkata.reports.terminal import duration, show


def check(**given: object) -> Check:
    return Check(
        **{
            "id": "test_a",
            "title": "A.",
            "points": 2,
            "earned": 0,
            "fidelity": "behaviour",
            "status": "failed",
            **given,
        }
    )  # type: ignore[arg-type]


def grade(*checks: Check, **given: object) -> Grade:
    run = Run(
        **{
            "world": "calm", "seed": 1, "inputs": {}, "began": "2028-02-29T09:30:00.000Z", "world_ms": 40,
            "checks": list(checks), "output": Output(exit_status=0),
            "budgets": Budgets(calls=1, calls_allowed=9, world_ms=20, world_ms_allowed=99), "timeline": [], **given,
        }  # type: ignore[arg-type]
    )  # fmt: skip
    verdict = "not gradable" if run.fault else "passed" if run.passed else "failed"
    return Grade(
        lab="s3/a", title="T", verdict=verdict, points=sum(c.earned for c in checks), max_points=2,
        program=Program.of("solution.py", b""), seed=1, runs=[run], worlds=["calm", "renamed"], versions={},
        isolation="namespaces",
    )  # fmt: skip


def shown(made: Grade, width: int = 80) -> str:
    to = Console(file=io.StringIO(), width=width, no_color=True, highlight=False)
    show(made, to)
    assert isinstance(to.file, io.StringIO)
    return to.file.getvalue()


def test_a_failed_check_says_what_was_expected_and_what_was_found() -> None:
    text = shown(grade(check(message="The link is dead.", expected="200", actual="403", hints=["Sign it."])))
    assert "The link is dead." in text
    assert "expected 200, found 403" in text
    assert "Hint: Sign it." in text


def test_a_blocked_check_is_no_failed_check() -> None:
    assert "blocked 0/2" in shown(grade(check(status="blocked", message='Waits for "B."')))


def test_a_run_that_could_not_be_graded_blames_nobody() -> None:
    text = shown(grade(fault="setup.py, line 2: KeyError: 'x'"))
    assert "NOT GRADABLE" in text
    assert "not your program's fault" in text


def test_long_timelines_are_cut_and_say_so() -> None:
    calls = [
        Call(number=n, lane="program", at_ms=n * 20, service="s3", operation="ListBuckets", region="us-east-1",
             principal="p", parameters={}, status=200, line=3)
        for n in range(50)
    ]  # fmt: skip
    assert "(38 more calls are in the grade's JSON)" in shown(grade(check(), timeline=calls))


def test_output_that_would_take_over_the_terminal_is_made_harmless() -> None:
    nasty = "\x1b[2J\x1b]0;title\x07\r\u202eevil\x00"
    text = shown(grade(check(message=nasty), output=Output(exit_status=1, stdout=nasty, stderr=nasty)))
    assert not set(text) & set("\x1b\x07\r\u202e\x00")


@given(st.text())
def test_nothing_unprintable_passes(text: str) -> None:
    assert all(c in "\n\t" or c.isprintable() or c.isspace() or ord(c) > 127 for c in printable(text))
    assert "\x1b" not in printable(text)


@pytest.mark.parametrize("width", [60, 80, 120])
def test_lines_keep_to_the_width(width: int) -> None:
    text = shown(
        grade(check(title="A title that goes on for a while. " * 5, message="A message too. " * 20)), width
    )
    assert max(len(line) for line in text.splitlines()) <= width


@pytest.mark.parametrize(
    ("ms", "text"),
    [(0, "0 ms"), (999, "999 ms"), (1500, "1.50 s"), (125_000, "2 min 05 s"), (3_600_000, "1 h 00 min")],
)
def test_durations_are_said_as_people_say_them(ms: int, text: str) -> None:
    assert duration(ms) == text
