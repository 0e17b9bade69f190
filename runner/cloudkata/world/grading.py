"""From a lab and a program to a grade: one run per world, until one is not passed."""

from __future__ import annotations

import hashlib
import platform
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from cloudkata import __version__, jail
from cloudkata.catalogue.inputs import draw_inputs, seed_for
from cloudkata.catalogue.lab import Lab
from cloudkata.grade import Budgets, Check, Grade, Output, Program, Run, Verdict
from cloudkata.world.assignment import Assignment, Limits
from cloudkata.world.supervisor import Outcome, Supervisor
from cloudkata.worldtime import iso

LONGEST_OUTPUT = 20_000
"""Characters of each stream that go into a grade."""

_TOLD = ("boto3", "botocore", "moto", "pytest")


@dataclass(frozen=True)
class Watcher:
    """Who hears of a grade while it is made."""

    on_world: Callable[[str, int], None] = lambda *_: None
    on_check: Callable[[Check], None] = lambda _: None


def grade(
    lab: Lab,
    name: str,
    source: bytes,
    seed: int,
    *,
    worlds: tuple[str, ...] | None = None,
    level: jail.Level | None = None,
    python: str = sys.executable,
    limits: Limits | None = None,
    watcher: Watcher | None = None,
) -> Grade:
    """Run `source` in the lab's worlds and grade what it did to them.

    `seed` is the first world's; the others follow from it. `worlds` narrows the lab's own list.
    """
    watcher = watcher or Watcher()
    level = level or jail.strongest()
    entered = worlds or tuple(lab.worlds)
    runs: list[Run] = []
    for world in entered:
        world_seed = seed_for(lab.id, seed, world)
        watcher.on_world(world, world_seed)
        runs.append(_run(lab, name, source, world, world_seed, level, python, limits or Limits(), watcher))
        if not runs[-1].passed:
            break
    return _graded(lab, Program.of(name, source), seed, runs, list(entered), level)


def _run(
    lab: Lab,
    name: str,
    source: bytes,
    world: str,
    seed: int,
    level: jail.Level,
    python: str,
    limits: Limits,
    watcher: Watcher,
) -> Run:
    inputs = draw_inputs(lab, seed).as_dict()
    assignment = Assignment(
        lab_folder=lab.folder.resolve(),
        lab_id=lab.id,
        services=tuple(lab.services),
        world=world,
        seed=seed,
        inputs=inputs,
        patience_ms=lab.patience_ms,
        max_calls=lab.max_calls,
        program_name=name,
        program=source,
        level=level,
        python=python,
        limits=limits,
    )
    supervisor = Supervisor(assignment, watcher.on_check)
    return _told(supervisor.run(), supervisor.collected, assignment)


def _told(outcome: Outcome, collected: list[Check], assignment: Assignment) -> Run:
    """The run as the grade tells it."""
    judged = outcome.judged
    checks = outcome.checks
    if outcome.overthrow:
        checks = _failed_by_overthrow(outcome, collected)
    faults = [check.message for check in checks if check.status == "fault"]
    output = outcome.output
    return Run(
        world=assignment.world,
        seed=assignment.seed,
        inputs=assignment.inputs,
        began=iso(outcome.began_ms),
        world_ms=judged.clock_ms - outcome.began_ms if judged else 0,
        checks=checks,
        output=Output(
            exit_status=judged.program.status if judged else None,
            ended=judged.program.why if judged else outcome.overthrow,
            stdout=output.stdout[:LONGEST_OUTPUT] if output else "",
            stderr=output.stderr[:LONGEST_OUTPUT] if output else "",
            cut=_cut(outcome),
        ),
        budgets=Budgets(
            calls=judged.program.calls if judged else 0,
            calls_allowed=assignment.max_calls,
            world_ms=judged.program.world_ms if judged else 0,
            world_ms_allowed=assignment.patience_ms,
        ),
        timeline=judged.timeline if judged else [],
        timeline_left_out=judged.timeline_left_out if judged else 0,
        changes=judged.changes if judged else [],
        changes_left_out=judged.changes_left_out if judged else 0,
        notes=judged.notes if judged else [],
        fault=outcome.fault or (faults[0] if faults else None),
    )


def _failed_by_overthrow(outcome: Outcome, collected: list[Check]) -> list[Check]:
    """Whoever brings the emulated AWS to its knees has failed, whatever was reported before."""
    return [
        Check(
            id=check.id,
            title=check.title,
            points=check.points,
            earned=0,
            fidelity=check.fidelity,
            status="failed",
            message=f"{outcome.overthrow} Nothing could be checked after that.",
            hints=check.hints,
        )
        for check in collected
    ]


def _cut(outcome: Outcome) -> int:
    if outcome.output is None:
        return 0
    shown = sum(
        len(text[LONGEST_OUTPUT:].encode()) for text in (outcome.output.stdout, outcome.output.stderr)
    )
    return outcome.output.cut + shown


def _graded(
    lab: Lab, program: Program, seed: int, runs: list[Run], worlds: list[str], level: jail.Level
) -> Grade:
    last = runs[-1]
    verdict: Verdict = "not gradable" if last.fault else "passed" if last.passed else "failed"
    return Grade(
        lab=lab.id,
        title=lab.title,
        verdict=verdict,
        points=sum(check.earned for check in last.checks) if not last.fault else 0,
        max_points=sum(check.points for check in last.checks),
        program=program,
        seed=seed,
        runs=runs,
        worlds=worlds,
        versions={
            "cloudkata": __version__,
            **{package: version(package) for package in _TOLD},
            "python": platform.python_version(),
            "lab": content_hash(lab.folder),
        },
        isolation=level.value,
    )


def content_hash(folder: Path) -> str:
    """Names a lab's content: 16 hex digits over its files and their names."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            digest.update(f"{path.relative_to(folder).as_posix()}\0".encode())
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:16]
