"""Labs made for a test, and a shorthand for grading a program in one."""

from __future__ import annotations

import itertools
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cloudkata.catalogue.lab import Lab, load_lab
from cloudkata.grade import Check, Grade
from cloudkata.world.assignment import Limits
from cloudkata.world.grading import grade

SEED = 7

LabMaker = Callable[..., Lab]
Grader = Callable[..., Grade]


@pytest.fixture
def make_lab(tmp_path: Path) -> LabMaker:
    """A lab with the given `setup` and `check` sources; the rest is as plain as can be."""

    count = itertools.count(1)

    def make(
        check: str = 'def test_it(program):\n    """It."""\n    assert program.exit_status == 0, program.how_it_ended()\n',
        setup: str = "def setup(aws, inputs, clock):\n    pass\n",
        services: str = '["s3", "sqs", "dynamodb"]',
        worlds: str = '["calm"]',
        more: str = "",
        name: str = "s3/made-for-a-test",
    ) -> Lab:
        folder = tmp_path / f"made-{next(count)}" / "labs" / name
        folder.mkdir(parents=True)
        (folder / "lab.toml").write_text(
            'format = 1\ntitle = "Made for a test"\nlevel = "core"\nminutes = 1\nquestions = ["d2.59"]\n'
            f"services = {services}\nworlds = {worlds}\n{more}\n"
        )
        (folder / "task.md").write_text("# Made for a test\n")
        (folder / "setup.py").write_text(textwrap.dedent(setup))
        (folder / "check.py").write_text(textwrap.dedent(check))
        (folder / "starter.py").write_text("")
        return load_lab(folder)

    return make


@pytest.fixture
def graded(make_lab: LabMaker) -> Grader:
    """Grade a program in a lab made for it: `graded(program, check=..., setup=...)`."""

    def grade_in(
        program: str | bytes,
        *,
        seed: int = SEED,
        limits: Limits | None = None,
        lab: Lab | None = None,
        **parts: Any,
    ) -> Grade:
        source = program if isinstance(program, bytes) else textwrap.dedent(program).encode()
        return grade(lab or make_lab(**parts), "solution.py", source, seed, limits=limits)

    return grade_in


def only_check(made: Grade) -> Check:
    """The one check of the one run."""
    (run,) = made.runs
    assert run.fault is None, run.fault
    (check,) = run.checks
    return check
