"""The messages between processes.

Supervisor, emulator, checker and program host do not trust each other: every message has a type, and
whoever receives one says which types it takes (`channel.Channel`).
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from cloudkata.grade import Call, Check

CLOCK_HEADER = "x-world-clock"
"""Every answer at a door carries the world's clock, milliseconds since 1970; the program's own follows it."""

LINE_HEADER = "x-program-line"
"""Every call of a program says which of its lines it came from; it is no part of what is signed."""


class Message(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind", tag=True
):
    """Base of all messages."""


# Supervisor to emulator


class StartWorld(Message, frozen=True):
    """Everything an emulator needs to make a world: no checks, no hints, no expected values."""

    lab: str
    """Folder with `setup.py`, as the emulator sees it."""
    lab_id: str
    seed: int
    inputs: dict[str, str]
    services: list[str]
    patience_ms: int
    max_calls: int


class LaneStarted(Message, frozen=True):
    """A launched process exists; the listening socket of its door travels beside this message."""

    lane: str


class LaneExited(Message, frozen=True):
    """Every process of the lane is gone."""

    lane: str
    status: int | None
    why: str | None = None


class LaneLooked(Message, frozen=True):
    """Answer to `LookAtLane`: whether no task of the lane ran between two looks."""

    lane: str
    number: int
    quiet: bool


class Ping(Message, frozen=True):
    """Are you alive? The emulator answers `Pong` when its one thread gets there."""

    number: int


# Emulator to supervisor


class WorldReady(Message, frozen=True):
    """The start state is made."""

    began_ms: int
    """The world's clock at the start of the program, in milliseconds since 1970."""


class WorldFault(Message, frozen=True):
    """`setup.py` failed: the lab author's fault."""

    why: str


class Launch(Message, frozen=True):
    """Start a process for a lane. Written and forgotten: the answer is `LaneStarted`, later `LaneExited`."""

    lane: str
    start: int
    """Number of the start, from 1; with the seed and the lane it seeds the process's randomness."""
    clock_ms: int
    environment: dict[str, str]
    function: str | None = None
    """Call this function of the program instead of running it as a script."""
    arguments: str = "{}"
    """Keyword arguments for it, as JSON."""


class KillLane(Message, frozen=True):
    """End every process of a lane."""

    lane: str
    why: str


class LookAtLane(Message, frozen=True):
    """Ask whether a lane with several tasks is waiting as a whole."""

    lane: str
    number: int
    """Told apart, because an answer may be out of date when it comes."""


class Serving(Message, frozen=True):
    """The emulator takes up a program's call; should it fall silent now, this is the call to name."""

    call: str


class Pong(Message, frozen=True):
    """Answer to `Ping`."""

    number: int


# Checker to emulator, on the link


class AwsCall(Message, frozen=True):
    """An HTTP request to the emulated AWS; the request's body travels as the frame's body."""

    door: Literal["administrator", "public"]
    """Who knocks: `administrator` needs no signature, `public` is treated as any stranger."""
    method: str
    target: str
    headers: list[tuple[str, str]]


class RunProgram(Message, frozen=True):
    """Start the program and let the world go on until it has ended."""

    function: str | None = None
    arguments: str = "{}"


class Advance(Message, frozen=True):
    """Let world time pass, then bring to its end what has begun by then."""

    ms: int


class Settle(Message, frozen=True):
    """Run until nothing prompt is left and no function is in flight."""


class GetTrace(Message, frozen=True):
    """Ask for the recorded calls."""


class GetState(Message, frozen=True):
    """Ask for a description of everything the lab's services hold."""


class AddFault(Message, frozen=True):
    """Answer the next calls of an operation, when a program makes them, as a throttled service does."""

    operation: str
    times: int


# Emulator to checker, on the link


class AwsAnswer(Message, frozen=True):
    """The emulated AWS's answer; its body travels as the frame's body."""

    status: int
    reason: str
    headers: list[tuple[str, str]]
    clock_ms: int


class ProgramEnded(Message, frozen=True):
    """One start of the program is over."""

    lane: str
    status: int | None
    why: str | None
    calls: int
    world_ms: int
    clock_ms: int


class Now(Message, frozen=True):
    """The world's clock, in milliseconds since 1970."""

    clock_ms: int


class Trace(Message, frozen=True):
    """The recorded calls, oldest first."""

    calls: list[Call]


class State(Message, frozen=True):
    """What the world holds: service, resource, attribute, value."""

    services: dict[str, dict[str, dict[str, Any]]]


class Refused(Message, frozen=True):
    """The emulator will not or cannot do it."""

    why: str


# Supervisor and checker


class CollectChecks(Message, frozen=True):
    """Import `check.py` and say which checks it has."""

    lab: str
    lab_id: str
    seed: int
    inputs: dict[str, str]
    services: list[str]


class ChecksCollected(Message, frozen=True):
    """The checks of the lab, in order; each stands as `blocked` until it is reported."""

    checks: list[Check]


class CollectionFault(Message, frozen=True):
    """`check.py` cannot be imported or holds no check: the lab author's fault."""

    why: str


class JudgeWorld(Message, frozen=True):
    """Run the program and the checks now."""

    clock_ms: int


class CheckDone(Message, frozen=True):
    """One check has its result."""

    check: Check


class JudgingDone(Message, frozen=True):
    """All checks are reported; what else goes into the grade."""

    program: ProgramEnded
    clock_ms: int
    timeline: list[Call]
    timeline_left_out: int
    changes: list[str]
    changes_left_out: int
    notes: list[str]


class JudgingFault(Message, frozen=True):
    """The checker itself could not go on."""

    why: str


class GetOutput(Message, frozen=True):
    """Ask for what a lane left behind."""

    lane: str


class OutputIs(Message, frozen=True):
    """What a lane left behind. Files travel in the body, one after the other, in the order of `files`."""

    stdout: str
    stderr: str
    cut: int
    files: list[tuple[str, int]]
    """Path and size of each file that the program wrote."""
    files_left_out: int
    result: str | None
    """JSON text that a called function returned."""


# Supervisor and program host


class BeginProgram(Message, frozen=True):
    """Run the program now. Its source travels as the body."""

    name: str
    clock_ms: int
    randomness: str
    """Seeds the process's randomness."""
    environment: dict[str, str]
    function: str | None
    arguments: str


class HostReady(Message, frozen=True):
    """The jail stands; the door's listening socket travels beside this message."""

    endpoint: str


class HostEnded(Message, frozen=True):
    """The program is gone. The files it wrote travel in the body."""

    status: int
    """As `os.waitstatus_to_exitcode`: negative for a signal."""
    files: list[tuple[str, int]]
    files_left_out: int
    result: str | None
