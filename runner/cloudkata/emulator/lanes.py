"""Lanes: the things that act in a world, and the requests with which they wait."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from enum import Enum

from cloudkata.emulator.agenda import Entry
from cloudkata.emulator.doors import Connection, Door
from cloudkata.emulator.wire import Request


class Waiting(Enum):
    """How a held request waits."""

    PARKED = "parked"
    """For the scheduler to release it."""
    FALLING_ASLEEP = "falling asleep"
    """It asked to sleep since the last barrier; it has no entry in the agenda yet."""
    ASLEEP = "asleep"
    """For an entry of the agenda: a sleep, a long poll, the price of a call."""


@dataclass(eq=False, slots=True)
class Held:
    """A request of a lane that has no answer yet. No thread and no moto frame belongs to it."""

    lane: Lane
    connection: Connection
    request: Request
    waiting: Waiting
    sleep_ms: int = 0
    entry: Entry | None = None
    poll_until_ms: int | None = None
    """For a long poll: when it is answered even if it is empty."""
    content: str = ""
    """Digest of what was asked: the order among parked requests rests on it, never on arrival."""

    def __post_init__(self) -> None:
        request = self.request
        digest = hashlib.sha256(f"{request.method} {request.target}\0".encode("utf-8", "replace"))
        digest.update(request.body)
        self.content = digest.hexdigest()


@dataclass(frozen=True, slots=True)
class Budget:
    """What a lane may use, and the sentence for each thing it may run out of."""

    calls: int
    out_of_calls: str
    patience_ms: int
    """World time from its launch."""
    out_of_patience: str


@dataclass(eq=False, slots=True)
class Lane:
    """One thing that acts in a world: a copy of the program, a running function."""

    name: str
    began_ms: int
    budget: Budget
    door: Door | None = None
    """None until the process is there; until then the lane counts as running."""
    held: list[Held] = field(default_factory=list)
    calls: int = 0
    several_tasks: bool = False
    """Whether it ever had more than one thread or process: then one held request is not the whole lane."""
    quiet: bool = False
    """For a lane of several tasks: looked at, and nothing in it ran. Any event makes it False again."""
    looks: int = 0
    looking: int = 0
    """Number of the look that was asked for and nothing has happened in the lane since; 0 for none."""
    dying: bool = False
    """To be ended: its door is closed, its exit is not reported yet."""
    gone: bool = False
    status: int | None = None
    why: str | None = None
    """Why it was ended from outside, in one sentence."""
    patience: Entry | None = None

    @property
    def running(self) -> bool:
        """Whether it computes right now; while one lane does, nothing in the world moves."""
        if self.gone:
            return False
        if self.dying or self.door is None or not self.held:
            return True
        return self.several_tasks and not self.quiet

    def stirred(self) -> None:
        """Something came from it or went to it: what was seen of its tasks is out of date."""
        self.quiet = False
        self.looking = 0
