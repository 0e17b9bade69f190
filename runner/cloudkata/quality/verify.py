"""`kata verify`: a lab's checker must refuse what is wrong and accept what is right.

The starter must fail; the solution and every alternative must earn full marks on three seeds, twice with
the same grade; every mistake must first fail the check it names; every check must be failed by something;
every assertion must say what it expected.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from cloudkata import jail
from cloudkata.catalogue.errors import LabError
from cloudkata.catalogue.finding import alternatives_of, mistakes_of, solution_of
from cloudkata.catalogue.inputs import SEEDS, default_seed, seed_for
from cloudkata.catalogue.lab import Lab
from cloudkata.grade import Check, Grade
from cloudkata.world.grading import grade

FEWEST_MISTAKES = 3


@dataclass(frozen=True)
class Trial:
    """One program of the lab, graded once, and what must come of it."""

    name: str
    """As people find it: `solution.py`, `mistakes/public_bucket.py`."""
    path: Path
    seed: int
    must_pass: bool
    fails: str | None = None
    """For a mistake: the first check it must fail."""
    repetition: int = 1


@dataclass
class Proof:
    """What the trials of one lab came to."""

    lab: Lab
    trials: int = 0
    complaints: list[str] = field(default_factory=list)
    """One sentence each; none means the lab is proven."""

    @property
    def proven(self) -> bool:
        """Whether nothing is left to say against the lab."""
        return not self.complaints


def verify(
    labs: Iterable[Lab], *, jobs: int = 1, level: jail.Level | None = None, on_lab: Callable[[Proof], None]
) -> list[Proof]:
    """Prove each lab; `on_lab` hears of each as soon as it is done."""
    level = level or jail.strongest()
    proofs = []
    with ThreadPoolExecutor(jobs) as pool:
        for lab in labs:
            proofs.append(_prove(lab, pool, level))
            on_lab(proofs[-1])
    return proofs


def _prove(lab: Lab, pool: ThreadPoolExecutor, level: jail.Level) -> Proof:
    proof = Proof(lab, complaints=asserts_without_a_message(lab))
    try:
        trials = list(_trials(lab))
    except LabError as error:
        proof.complaints.append(str(error))
        return proof
    mistakes = sum(trial.fails is not None for trial in trials)
    if mistakes < FEWEST_MISTAKES:
        proof.complaints.append(f"It has {mistakes} mistakes; {FEWEST_MISTAKES} or more are wanted.")
    if not alternatives_of(lab):
        proof.complaints.append("It has no alternative: another right solution in another style.")
    grades = list(pool.map(lambda trial: _try(lab, trial, level), trials))
    proof.trials = len(trials)
    for trial, made in zip(trials, grades, strict=True):
        proof.complaints += _judge(trial, made)
    proof.complaints += _differences(trials, grades)
    proof.complaints += _dead_checks(trials, grades)
    return proof


def _trials(lab: Lab) -> Iterable[Trial]:
    solution = solution_of(lab)
    if solution is None:
        raise LabError(f"{lab.id} has no solution.py in its solutions folder.")
    first = default_seed(lab.id)
    seeds = [first, *((seed_for(lab.id, first, f"verify {n}")) % SEEDS for n in (2, 3))]
    yield Trial("starter.py", lab.folder / "starter.py", first, must_pass=False)
    for mistake in mistakes_of(lab):
        yield Trial(
            f"mistakes/{mistake.path.name}", mistake.path, first, must_pass=False, fails=mistake.fails
        )
    right = [("solution.py", solution), *((f"alternatives/{p.name}", p) for p in alternatives_of(lab))]
    for name, path in right:
        for seed in seeds:
            yield Trial(name, path, seed, must_pass=True)
        yield Trial(name, path, first, must_pass=True, repetition=2)


def _try(lab: Lab, trial: Trial, level: jail.Level) -> Grade:
    return grade(lab, "solution.py", trial.path.read_bytes(), trial.seed, level=level)


def _judge(trial: Trial, made: Grade) -> list[str]:
    run = made.broken_by
    on = f"{trial.name} (seed {trial.seed}"
    if made.verdict == "not gradable" and run is not None:
        return [f"{on}, world {run.world}): {run.fault}"]
    if trial.must_pass:
        if made.passed:
            return []
        assert run is not None
        first = _first_failed(run.checks)
        return [f"{on}, world {run.world}) should pass, but fails {first.id}: {first.message}"]
    if made.passed:
        return [f"{on}) passes every check, but it is wrong."]
    assert run is not None
    first = _first_failed(run.checks)
    if trial.fails is not None and first.id != trial.fails:
        return [
            f"{on}, world {run.world}) should first fail {trial.fails}, but fails {first.id}: {first.message}"
        ]
    return []


def _first_failed(checks: list[Check]) -> Check:
    return next(check for check in checks if check.status != "passed")


def _differences(trials: list[Trial], grades: list[Grade]) -> list[str]:
    first: dict[tuple[str, int], bytes] = {}
    complaints = []
    for trial, made in zip(trials, grades, strict=True):
        written = made.to_json()
        if first.setdefault((trial.name, trial.seed), written) != written:
            complaints.append(
                f"{trial.name} (seed {trial.seed}) was graded twice, with two different grades."
            )
    return complaints


def _dead_checks(trials: list[Trial], grades: list[Grade]) -> list[str]:
    known: dict[str, None] = {}
    failed: set[str] = set()
    for trial, made in zip(trials, grades, strict=True):
        for run in made.runs:
            known |= dict.fromkeys(check.id for check in run.checks)
            if not trial.must_pass:
                failed |= {check.id for check in run.checks if check.status == "failed"}
    return [
        f"{name} is failed by no mistake: nothing shows that it can fail."
        for name in known
        if name not in failed
    ]


def asserts_without_a_message(lab: Lab) -> list[str]:
    """A complaint for every assertion in `check.py` that does not say what it expected."""
    try:
        tree = ast.parse((lab.folder / "check.py").read_bytes())
    except (OSError, SyntaxError, ValueError):
        # Importing it says more than we could.
        return []
    return [
        f"check.py, line {node.lineno}: an assertion without a message."
        for node in ast.walk(tree)
        if isinstance(node, ast.Assert) and node.msg is None
    ]
