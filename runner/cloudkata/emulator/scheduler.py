"""The world's one thread: it owns clock, agenda and lanes, and it alone calls the front.

While any lane computes, nothing in the world moves. At the barrier (every lane waits) a step is the
first of these that applies: fire everything that is due; release one parked request, chosen by the
seed and by content, never by arrival; let the clock jump to the earliest entry.
"""

from __future__ import annotations

import random
import selectors
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

from cloudkata.emulator.agenda import Agenda
from cloudkata.emulator.doors import Connection, Door
from cloudkata.emulator.lanes import Budget, Held, Lane, Waiting
from cloudkata.emulator.wire import Empty, Request, Response
from cloudkata.worldtime import StandingClock

TICK_MS = 1
"""What a call moves the world by, so that order is visible."""

CALL_MS = 20
"""What a call costs its own lane; the others go on meanwhile, so working side by side is worth something."""

SLEEP_PATH = "/-/sleep/"
TASKS_PATH = "/-/tasks"
"""Paths of a door that are not AWS's: no bucket can be called `-`, names have three characters or more."""

LONGEST_SLEEP_MS = 10 * 366 * 86_400_000


class Serve(Protocol):
    """What the scheduler needs of the front."""

    def __call__(self, request: Request, lane: str, polling_until_ms: int | None) -> Response | Empty:
        """Answer one request of a lane; for one that polls, an empty answer is final from that instant on."""


class Launcher(Protocol):
    """What the scheduler needs of the supervisor."""

    def kill(self, lane: str, why: str) -> None:
        """End every process of the lane."""

    def look(self, lane: str, number: int) -> None:
        """Ask whether all its tasks wait."""


@dataclass(slots=True)
class _Order:
    """What the checker has ordered, and so when the clock may jump."""

    kind: Literal["program", "advance", "settle"]
    done: Callable[[], None]
    lane: Lane | None = None
    until_ms: int = 0


class Scheduler:
    """Lanes, barrier and agenda of one world."""

    def __init__(self, clock: StandingClock, serve: Serve, launcher: Launcher, seed: int) -> None:
        self.clock = clock
        self.agenda = Agenda()
        self.selector = selectors.DefaultSelector()
        self.lanes: dict[str, Lane] = {}
        self.stopped = False
        self._serve = serve
        self._launcher = launcher
        self._random = random.Random(f"{seed}/schedule")
        self._order: _Order | None = None
        self._polls: list[Held] = []
        self._asked: deque[Callable[[], None]] = deque()

    # Lanes come and go

    def add_lane(self, name: str, budget: Budget) -> Lane:
        """A lane that is about to be launched; it is ended when it exceeds its budget."""
        lane = Lane(name, self.clock.now_ms, budget)
        lane.patience = self.agenda.enter(
            self.clock.now_ms + budget.patience_ms,
            f"patience of {name}",
            lambda: self.end_lane(lane, budget.out_of_patience),
        )
        self.lanes[name] = lane
        return lane

    def open_door(self, lane: Lane, door: Door) -> None:
        """The lane's process is there and may knock."""
        if lane.dying or lane.gone:
            door.close()
        else:
            lane.door = door

    def end_lane(self, lane: Lane, why: str) -> None:
        """End a lane from outside. In the world this takes effect at once."""
        if not lane.dying and not lane.gone:
            lane.dying, lane.why = True, why
            self._close(lane)
            self._launcher.kill(lane.name, why)

    def lane_exited(self, lane: Lane, status: int | None, why: str | None) -> None:
        """The supervisor reports that every process of the lane is gone."""
        self._close(lane)
        lane.gone, lane.status = True, status
        lane.why = lane.why or why

    def lane_looked(self, lane: Lane, number: int, quiet: bool) -> None:
        """The supervisor has looked at the lane's tasks."""
        if lane.looking == number:
            lane.quiet = quiet
        if number == lane.looks:
            lane.looking = 0

    def _close(self, lane: Lane) -> None:
        self.agenda.cancel(lane.patience)
        for held in lane.held:
            self.agenda.cancel(held.entry)
        lane.held.clear()
        self._polls = [held for held in self._polls if held.lane is not lane]
        if lane.door is not None:
            lane.door.close()

    def request_came(self, lane: Lane, connection: Connection, request: Request) -> None:
        """A whole request is there; what it asks for waits for the barrier."""
        lane.stirred()
        if request.target.startswith(SLEEP_PATH):
            text = request.target.removeprefix(SLEEP_PATH)
            asked = int(text) if text.isascii() and text.isdigit() else 0
            held = Held(lane, connection, request, Waiting.FALLING_ASLEEP, min(asked, LONGEST_SLEEP_MS))
            lane.held.append(held)
        elif request.target == TASKS_PATH:
            lane.several_tasks = True
            connection.answer(Response(204, "No Content", ()), self.clock.now_ms)
        else:
            lane.held.append(Held(lane, connection, request, Waiting.PARKED))

    # Orders of the checker

    def when_still(self, ask: Callable[[], None]) -> None:
        """Do something at the barrier, when no order is in force: the checker's own calls."""
        self._asked.append(ask)

    def run_until_ended(self, lane: Lane, done: Callable[[], None]) -> None:
        """Let the world go on until the lane is gone."""
        self._order = _Order("program", done, lane=lane)

    def advance(self, ms: int, done: Callable[[], None]) -> None:
        """Let exactly this much world time pass, then settle."""
        self._order = _Order("advance", done, until_ms=self.clock.now_ms + ms)

    def settle(self, done: Callable[[], None]) -> None:
        """Run until nothing prompt is left and no lane is active."""
        self._order = _Order("settle", done)

    # The loop

    def run(self) -> None:
        """Serve until `stopped`."""
        while not self.stopped:
            if self._pump(0):
                continue
            running = [lane for lane in self.lanes.values() if lane.running]
            if running:
                self._wait_for(running)
            elif self._order is not None:
                self._fall_asleep()
                self._step(self._order)
            elif self._asked:
                self._asked.popleft()()
            else:
                self._pump(None)

    def _pump(self, timeout: float | None) -> int:
        events = self.selector.select(timeout)
        for key, mask in events:
            # An earlier event of the same batch may have closed it.
            if key.fileobj.fileno() >= 0:  # type: ignore[union-attr]
                key.data(mask)
        return len(events)

    def _wait_for(self, running: list[Lane]) -> None:
        for lane in running:
            if lane.held and lane.door is not None and not lane.looking and not lane.dying:
                lane.looks += 1
                # While an answer is under way a task may look idle that is about to run: such a look is void.
                lane.looking = -1 if lane.door.has_unsent() else lane.looks
                self._launcher.look(lane.name, lane.looks)
        self._pump(None)

    def _fall_asleep(self) -> None:
        """Sleeps that came since the last barrier enter the agenda by content, not by arrival."""
        fresh = [
            held
            for lane in self.lanes.values()
            for held in lane.held
            if held.waiting is Waiting.FALLING_ASLEEP
        ]
        for held in sorted(fresh, key=lambda held: (held.lane.name, held.sleep_ms)):
            self._sleep(held, self.clock.now_ms + held.sleep_ms, Response(200, "OK", ()))

    def _step(self, order: _Order) -> None:
        if order.kind == "program" and order.lane is not None and order.lane.gone:
            self._finish(order)
        elif self._fire_due() or self._release_one():
            return
        else:
            self._jump(order)

    def _finish(self, order: _Order) -> None:
        self._order = None
        order.done()

    def _fire_due(self) -> bool:
        fired = False
        while (entry := self.agenda.take_due(self.clock.now_ms)) is not None:
            fired = True
            entry.action()
        return fired

    def _release_one(self) -> bool:
        parked = [
            held for lane in self.lanes.values() for held in lane.held if held.waiting is Waiting.PARKED
        ]
        if not parked:
            return False
        parked.sort(key=lambda held: (held.lane.name, held.content))
        self._release(parked[0] if len(parked) == 1 else self._random.choice(parked))
        return True

    def _jump(self, order: _Order) -> None:
        due = self.agenda.next_due()
        active = any(not lane.gone for lane in self.lanes.values())
        if order.kind == "advance" and (due is None or due > order.until_ms):
            self.clock.move_to(order.until_ms)
            order.kind = "settle"
        elif order.kind == "settle" and not active and not self.agenda.has_prompt():
            self._finish(order)
        elif due is None:
            raise RuntimeError("Every lane waits and the agenda is empty.")
        else:
            self.clock.move_to(due)

    # One call

    def _release(self, held: Held) -> None:
        first = held.poll_until_ms is None
        if first:
            held.lane.calls += 1
            if held.lane.calls > held.lane.budget.calls:
                self.end_lane(held.lane, held.lane.budget.out_of_calls)
                return
        served = self._serve(held.request, held.lane.name, held.poll_until_ms)
        if held.lane.dying or held.lane.gone:
            return
        if isinstance(served, Empty):
            if held.poll_until_ms is None:
                held.poll_until_ms = self.clock.now_ms + served.wait_ms
            self._poll_again(held, held.poll_until_ms, served.retry_at_ms)
            return
        now = self.clock.now_ms
        self.clock.move_to(now + TICK_MS)
        self._sleep(held, now + CALL_MS, served)
        self._wake_polls()

    def _poll_again(self, held: Held, until: int, retry_at: int | None) -> None:
        held.waiting = Waiting.ASLEEP
        at = until if retry_at is None else max(min(until, retry_at), self.clock.now_ms + 1)

        def park() -> None:
            held.waiting = Waiting.PARKED
            self._polls = [poll for poll in self._polls if poll is not held]

        held.entry = self.agenda.enter(at, f"long poll of {held.lane.name}", park)
        self._polls.append(held)

    def _wake_polls(self) -> None:
        """After any call something may be there to receive: whoever polls looks again."""
        for held in self._polls:
            self.agenda.cancel(held.entry)
            held.waiting = Waiting.PARKED
        self._polls.clear()

    def _sleep(self, held: Held, until_ms: int, response: Response) -> None:
        held.waiting = Waiting.ASLEEP
        held.entry = self.agenda.enter(
            until_ms, f"answer {held.lane.name}", lambda: self._answer(held, response)
        )

    def _answer(self, held: Held, response: Response) -> None:
        held.lane.held.remove(held)
        held.lane.stirred()
        held.connection.answer(response, self.clock.now_ms)
