"""A grade as data: the one model that every report is rendered from.

A grade holds nothing that depends on the machine it was made on: no real seconds, no paths,
no process ids. The same lab, program and seed give the same bytes.
"""

from __future__ import annotations

import hashlib
from typing import Any, Literal

import msgspec

FORMAT = 1
"""Version of the written grade; a reader refuses a version it does not know."""

SCHEMA_ID = "https://cloudkata.dev/schemas/grade-1.json"

Fidelity = Literal["behaviour", "corrected", "state"]
"""How real the emulated ground under a check is: `behaviour` is real in moto, `corrected` is made real
by cloudkata, `state` is only stored because nothing follows from it that could be tried."""

Status = Literal["passed", "failed", "blocked", "fault"]
"""`blocked`: not run, because a check it needs did not pass. `fault`: the lab is broken, not the program."""

Verdict = Literal["passed", "failed", "not gradable"]


class Record(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of everything written into a grade: immutable, and strict about unknown fields."""


class Call(Record, frozen=True):
    """One API call as the front saw it."""

    number: int
    """Counts the calls of the world from 1."""
    lane: str
    """Who made it: `program`, `program#2` for its second start, ..."""
    at_ms: int
    """World time since the world began, in milliseconds."""
    service: str
    """botocore's service name, such as `s3`."""
    operation: str
    """The API operation, such as `PutObject`."""
    region: str
    principal: str
    """ARN of the caller, or `anonymous`."""
    parameters: dict[str, Any]
    """Input parameters by their API names; binary and long values are shortened."""
    status: int
    """HTTP status of the answer."""
    error: str | None = None
    """AWS error code, such as `NoSuchKey`, when the call was refused."""
    line: int | None = None
    """Line of the program that made the call, where it is known."""
    result: dict[str, Any] = {}
    """Plain top-level values of the answer, such as `Count` and `ScannedCount` of a Query."""
    note: str | None = None
    """One sentence when the front itself decided: why it refused, or what it withheld."""

    @property
    def ok(self) -> bool:
        """Whether AWS would call it a success."""
        return self.status < 400

    def __str__(self) -> str:
        where = f" on line {self.line}" if self.line else ""
        return f"{self.service} {self.operation}{where}"


class Check(Record, frozen=True):
    """The result of one check."""

    id: str
    """Name of the test function."""
    title: str
    """First line of its docstring."""
    points: int
    earned: int
    fidelity: Fidelity
    status: Status
    message: str | None = None
    """What was expected of the world and what was found; for a blocked check, what it waits for."""
    expected: str | None = None
    actual: str | None = None
    hints: list[str] = []
    """From nudge to near-answer."""


class Output(Record, frozen=True):
    """What one start of the program left behind."""

    exit_status: int | None
    """The status it exited with; None when it was ended from outside."""
    ended: str | None = None
    """Why it was ended from outside, in one sentence."""
    stdout: str = ""
    stderr: str = ""
    cut: int = 0
    """Bytes of output that were not kept."""


class Budgets(Record, frozen=True):
    """What the program used of what it was allowed."""

    calls: int
    calls_allowed: int
    world_ms: int
    world_ms_allowed: int


class Run(Record, frozen=True):
    """One history of one world."""

    world: str
    seed: int
    inputs: dict[str, str]
    began: str
    """The world's instant at the start of the program, ISO 8601."""
    world_ms: int
    """World time that went by from there to the end of the last check."""
    checks: list[Check]
    output: Output
    budgets: Budgets
    timeline: list[Call]
    timeline_left_out: int = 0
    """Calls beyond those kept in `timeline`."""
    changes: list[str] = []
    """What differs from the start state after the program ran, one line each."""
    changes_left_out: int = 0
    notes: list[str] = []
    """Sentences worth showing beside the result."""
    fault: str | None = None
    """Why this run could not be graded, when it could not."""

    @property
    def passed(self) -> bool:
        """Whether every check of this run passed."""
        return not self.fault and bool(self.checks) and all(c.status == "passed" for c in self.checks)


class Program(Record, frozen=True):
    """The learner's file, exactly as it was graded."""

    name: str
    text: str
    sha256: str

    @classmethod
    def of(cls, name: str, source: bytes) -> Program:
        """The program `source`, read as UTF-8; bytes that are not are shown as U+FFFD."""
        return cls(
            name=name, text=source.decode("utf-8", "replace"), sha256=hashlib.sha256(source).hexdigest()
        )


class Grade(Record, frozen=True):
    """The result of all checks in all worlds of a lab for one program."""

    lab: str
    title: str
    verdict: Verdict
    points: int
    max_points: int
    program: Program
    seed: int
    """The seed of the first world; the other worlds follow from it."""
    runs: list[Run]
    """One per world that was entered, in the lab's order; it ends with the first that was not passed."""
    worlds: list[str]
    """All worlds of the lab, entered or not."""
    versions: dict[str, str]
    """cloudkata, boto3, moto, pytest, python and the lab's own content hash."""
    isolation: str
    """What kept the program in: `namespaces`, `landlock` or `process`."""
    format: int = FORMAT

    @property
    def passed(self) -> bool:
        """Whether every check passed in every world."""
        return self.verdict == "passed"

    @property
    def broken_by(self) -> Run | None:
        """The first run that was not passed."""
        return next((run for run in self.runs if not run.passed), None)

    def to_json(self) -> bytes:
        """This grade as one line of JSON, keys in the order of the model."""
        return msgspec.json.encode(self)

    @classmethod
    def from_json(cls, text: bytes | str) -> Grade:
        """Read a written grade.

        Raises `ValueError` with one sentence when the text is not a grade of this format.
        """
        try:
            version = msgspec.json.decode(text, type=_Versioned).format
        except msgspec.MsgspecError as error:
            raise ValueError(f"This is not a grade written by cloudkata: {error}.") from None
        if version != FORMAT:
            raise ValueError(f"This grade has format {version}; this cloudkata reads format {FORMAT}.")
        try:
            return msgspec.json.decode(text, type=cls)
        except msgspec.MsgspecError as error:
            raise ValueError(f"This grade is damaged: {error}.") from None


class _Versioned(msgspec.Struct):
    """Just enough of a grade to know its version."""

    format: int


def schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of a written grade."""
    described: dict[str, Any] = msgspec.json.schema(Grade)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": SCHEMA_ID, **described}


if __name__ == "__main__":
    import pathlib

    text = msgspec.json.format(msgspec.json.encode(schema()), indent=2)
    pathlib.Path(__file__).with_name("grade.schema.json").write_bytes(text + b"\n")
