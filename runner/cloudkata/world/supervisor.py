"""The supervisor of one run: it starts the processes, passes doors, watches limits, collects results.

It holds no AWS library and decides nothing about right and wrong; it makes sure that what the checker
says is what the checker saw, and that nobody waits for ever.
"""

from __future__ import annotations

import selectors
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import NoReturn

from cloudkata import link
from cloudkata.channel import Channel, LinkError
from cloudkata.grade import Check
from cloudkata.world.assignment import Assignment
from cloudkata.world.processes import Child, start_service
from cloudkata.world.program_starts import JailFailed, ProgramStarts, Unordered

FROM_EMULATOR = (
    link.WorldReady, link.WorldFault, link.Launch, link.KillLane, link.LookAtLane, link.Serving, link.Pong,
)  # fmt: skip
FROM_CHECKER = (
    link.ChecksCollected, link.CollectionFault, link.CheckDone, link.JudgingDone, link.JudgingFault,
    link.GetOutput,
)  # fmt: skip

SHOWN_TO_EMULATOR = ("setup.py", "records.py")
"""Files of a lab: the start state, and the data that setup.py and check.py both draw."""


@dataclass
class Outcome:
    """What came of a run. `fault` is the lab's or the machine's; `overthrow` the program's doing."""

    began_ms: int = 0
    checks: list[Check] = field(default_factory=list)
    judged: link.JudgingDone | None = None
    output: link.OutputIs | None = None
    fault: str | None = None
    overthrow: str | None = None


class _Over(Exception):
    """The run cannot go on."""


@dataclass(frozen=True)
class Seat:
    """The two sockets of a checker that runs elsewhere: towards the supervisor, and its end of the link."""

    control: socket.socket
    link: socket.socket


class Supervisor:
    """Carries out one `Assignment`; `on_check` hears of every result as it comes.

    With `own_checker=False` it starts no checker: whoever takes the `seat` is one (an author's pytest).
    """

    def __init__(
        self,
        assignment: Assignment,
        on_check: Callable[[Check], None] = lambda _: None,
        *,
        own_checker: bool = True,
    ) -> None:
        self._assignment = assignment
        self._on_check = on_check
        self._own_checker = own_checker
        self._emulator_end, checker_end = socket.socketpair()
        self._control, control_end = socket.socketpair()
        self.seat = Seat(control_end, checker_end)
        self._children: list[Child] = []
        self._outcome = Outcome()
        self._selector = selectors.DefaultSelector()
        self._starts = ProgramStarts(assignment, self._selector, self._tell_emulator)
        self._collected: list[Check] | None = None
        self._world_ready = False
        self._judging = False
        self._last_call = ""
        self._pinged: float | None = None
        self._heard_emulator = 0.0
        self._deadline = 0.0

    def run(self) -> Outcome:
        """The whole run, from the first process started to the last one ended."""
        try:
            self._begin()
            while self._outcome.judged is None:
                self._turn()
        except JailFailed as failed:
            self._outcome.fault = str(failed)
        except _Over:
            pass
        finally:
            self._end()
        return self._outcome

    @property
    def collected(self) -> list[Check]:
        """The lab's checks as they were collected, each still `blocked`."""
        return self._collected or []

    # Beginning and end

    def _begin(self) -> None:
        task = self._assignment
        self._starts.prepare()
        # The emulator never gets to see check.py, hints or expected values.
        readable = [path for name in SHOWN_TO_EMULATOR if (path := task.lab_folder / name).is_file()]
        emulator = start_service("emulator", task.level, self._emulator_end, readable)
        self._children.append(emulator)
        assert emulator.control is not None
        self._to_emulator = self._listen(
            emulator.control, FROM_EMULATOR, self._from_emulator, self._emulator_died
        )
        if self._own_checker:
            self._children.append(
                start_service("checker", task.level, self.seat.link, [task.lab_folder], self.seat.control)
            )
        self._to_checker = self._listen(self._control, FROM_CHECKER, self._from_checker, self._checker_died)
        self._to_emulator.send(
            link.StartWorld(
                lab=str(task.lab_folder),
                lab_id=task.lab_id,
                seed=task.seed,
                inputs=task.inputs,
                services=list(task.services),
                patience_ms=task.patience_ms,
                max_calls=task.max_calls,
            )
        )
        self._to_checker.send(
            link.CollectChecks(
                lab=str(task.lab_folder),
                lab_id=task.lab_id,
                seed=task.seed,
                inputs=task.inputs,
                services=list(task.services),
            )
        )
        self._heard_emulator = time.monotonic()
        self._deadline = time.monotonic() + task.limits.ready

    def _end(self) -> None:
        self._starts.end()
        for child in self._children:
            child.end()
        for end in (self._control, self._emulator_end, self.seat.control, self.seat.link):
            if self._own_checker or end in (self._control, self._emulator_end):
                end.close()
        self._selector.close()

    def _listen(
        self,
        control: socket.socket,
        allowed: tuple[type[link.Message], ...],
        handle: Callable[[link.Message, bytes], None],
        died: Callable[[], None],
    ) -> Channel:
        channel = Channel(control, allowed)

        def read() -> None:
            try:
                channel.read_once()
                while (frame := channel.pop()) is not None:
                    handle(*frame)
            except (EOFError, OSError, LinkError):
                with suppress(KeyError, ValueError):
                    self._selector.unregister(control)
                died()

        self._selector.register(control, selectors.EVENT_READ, read)
        return channel

    # One turn of the loop

    def _turn(self) -> None:
        timeout = 1.0 if self._starts.running() or self._judging else self._deadline - time.monotonic()
        for key, _ in self._selector.select(max(0.0, timeout)):
            # An earlier event of the same batch may have closed it.
            if key.fd in self._selector.get_map():
                key.data()
        self._watch(time.monotonic())

    def _watch(self, now: float) -> None:
        limits = self._assignment.limits
        self._starts.watch(now)
        if self._judging and now - self._heard_emulator > 1:
            if self._pinged is None:
                self._pinged = now
                self._tell_emulator(link.Ping(number=1))
            elif now - self._pinged > limits.silence:
                self._overthrown("did not come back")
        if now > self._deadline:
            if not self._world_ready:
                self._fault(f"setup.py was not done after {limits.ready:g} seconds.")
            if not self._judging:
                self._fault(f"check.py could not be imported within {limits.ready:g} seconds.")
            self._fault(f"A check did not end within {limits.judging:g} seconds.")

    def _tell_emulator(self, message: link.Message, *, descriptors: tuple[int, ...] = ()) -> None:
        try:
            self._to_emulator.send(message, descriptors=descriptors)
        except OSError:
            self._emulator_died()

    def _fault(self, why: str) -> NoReturn:
        self._outcome.fault = why
        raise _Over

    def _overthrown(self, what: str) -> NoReturn:
        call = f" in the call {self._last_call!r}" if self._last_call else ""
        self._outcome.overthrow = f"The emulated AWS {what}{call}."
        raise _Over

    # What the emulator says

    def _from_emulator(self, message: link.Message, _: bytes) -> None:
        self._heard_emulator, self._pinged = time.monotonic(), None
        if isinstance(message, link.Serving):
            self._last_call = message.call
        elif isinstance(message, link.Launch):
            self._launch(message)
        elif isinstance(message, link.KillLane):
            self._starts.kill(message.lane, message.why)
        elif isinstance(message, link.LookAtLane):
            quiet = self._starts.is_quiet(message.lane)
            self._tell_emulator(link.LaneLooked(lane=message.lane, number=message.number, quiet=quiet))
        elif isinstance(message, link.WorldReady):
            self._world_ready = True
            self._outcome.began_ms = message.began_ms
            self._judge_when_ready()
        elif isinstance(message, link.WorldFault):
            self._fault(message.why)

    def _launch(self, order: link.Launch) -> None:
        try:
            self._starts.launch(order)
        except Unordered:
            self._overthrown("ordered what it never orders")

    def _emulator_died(self) -> NoReturn:
        if self._judging:
            self._overthrown("broke down")
        self._fault("The emulator ended before the start state was made.")

    def _judge_when_ready(self) -> None:
        if self._world_ready and self._collected is not None:
            self._judging = True
            self._deadline = time.monotonic() + self._assignment.limits.judging
            self._to_checker.send(link.JudgeWorld(clock_ms=self._outcome.began_ms))

    # What the checker says

    def _from_checker(self, message: link.Message, _: bytes) -> None:
        if isinstance(message, link.ChecksCollected):
            self._collected = message.checks
            self._judge_when_ready()
        elif isinstance(message, link.CheckDone):
            self._deadline = time.monotonic() + self._assignment.limits.judging
            self._report(message.check)
        elif isinstance(message, link.GetOutput):
            self._to_checker.send(*self._starts.output_of(message.lane))
        elif isinstance(message, link.JudgingDone):
            self._finish(message)
        elif isinstance(message, link.CollectionFault | link.JudgingFault):
            self._fault(message.why)

    def _checker_died(self) -> NoReturn:
        self._fault("The checker ended before all checks were done.")

    def _report(self, check: Check) -> None:
        expected = [c.id for c in self._collected or []]
        reported = [c.id for c in self._outcome.checks]
        if check.id not in expected or check.id in reported:
            self._fault(
                f"The checker reported {check.id!r}, which is not one of its checks or was reported before."
            )
        self._outcome.checks.append(check)
        self._on_check(check)

    def _finish(self, done: link.JudgingDone) -> None:
        missing = {c.id for c in self._collected or []} - {c.id for c in self._outcome.checks}
        if missing:
            self._fault(f"The checker said it was done without a result for {', '.join(sorted(missing))}.")
        self._outcome.output = self._starts.output_of(done.program.lane)[0]
        self._outcome.judged = done
