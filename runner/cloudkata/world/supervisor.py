"""The supervisor of one run: it starts the processes, passes doors, watches limits, collects results.

It holds no AWS library and decides nothing about right and wrong; it makes sure that what the checker
says is what the checker saw, and that nobody waits for ever.
"""

from __future__ import annotations

import os
import selectors
import signal
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from cloudkata import jail, link
from cloudkata.grade import Check
from cloudkata.world.processes import Child, start_program_host, start_service
from cloudkata.world.tasks import all_asleep

MAX_OUTPUT = 1 << 20
"""Bytes of each stream that are kept."""

ENDLESS_OUTPUT = 16 << 20
"""A program that prints more than this is ended."""

FROM_EMULATOR = (
    link.WorldReady, link.WorldFault, link.Launch, link.KillLane, link.LookAtLane, link.Serving, link.Pong,
)  # fmt: skip
FROM_CHECKER = (
    link.ChecksCollected, link.CollectionFault, link.CheckDone, link.JudgingDone, link.JudgingFault, link.GetOutput,
)  # fmt: skip
FROM_HOST = (link.HostReady, link.HostEnded)


@dataclass(frozen=True)
class Limits:
    """Real seconds; all of them are for what went wrong, none is a measure of a program."""

    ready: float = 60
    """Until emulator and checker stand."""
    program: float = 30
    """For one start of the program."""
    silence: float = 5
    """For the emulator, within one call."""
    judging: float = 120
    """For the checker between two results."""


@dataclass(frozen=True)
class Assignment:
    """What one run is to do."""

    lab_folder: Path
    lab_id: str
    services: tuple[str, ...]
    world: str
    seed: int
    inputs: dict[str, str]
    patience_ms: int
    max_calls: int
    program_name: str
    program: bytes
    level: jail.Level
    python: str
    limits: Limits = Limits()


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


@dataclass(eq=False)
class _Start:
    """One start of the program."""

    child: Child
    channel: link.Channel
    launch: link.Launch | None = None
    door: socket.socket | None = None
    door_given: bool = False
    deadline: float | None = None
    kept: dict[str, bytearray] = field(default_factory=lambda: {"stdout": bytearray(), "stderr": bytearray()})
    open_streams: int = 2
    printed: int = 0
    ended: link.HostEnded | None = None
    files: bytes = b""
    why: str | None = None
    status: int | None = None
    over: bool = False


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
        self._starts: dict[str, _Start] = {}
        self._spare: _Start | None = None
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
        self._spare = self._start_host()
        setup, check = task.lab_folder / "setup.py", task.lab_folder / "check.py"
        emulator = start_service("emulator", task.level, self._emulator_end, [setup])
        self._children.append(emulator)
        self._to_emulator = self._listen(
            emulator.control, FROM_EMULATOR, self._from_emulator, self._emulator_died
        )
        if self._own_checker:
            self._children.append(
                start_service("checker", task.level, self.seat.link, [check], self.seat.control)
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
        for start in (*self._starts.values(), self._spare):
            if start is not None:
                start.child.end()
                if start.door is not None:
                    start.door.close()
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
    ) -> link.Channel:
        channel = link.Channel(control, allowed)

        def read() -> None:
            try:
                channel.read_once()
                while (frame := channel.pop()) is not None:
                    handle(*frame)
            except (EOFError, OSError, link.LinkError):
                self._forget(control)
                died()

        self._selector.register(control, selectors.EVENT_READ, read)
        return channel

    def _forget(self, source: socket.socket | IO[bytes]) -> None:
        try:
            self._selector.unregister(source)
        except (KeyError, ValueError):
            pass

    # One turn of the loop

    def _turn(self) -> None:
        now = time.monotonic()
        timeout = max(0.0, min(self._next_deadline(now), 1.0 if self._launched() else 60.0))
        for key, _ in self._selector.select(timeout):
            if key.fileobj in self._selector.get_map():
                key.data()
        self._watch(time.monotonic())

    def _next_deadline(self, now: float) -> float:
        deadlines = [start.deadline for start in self._starts.values() if start.deadline and not start.over]
        return min([self._deadline, *deadlines]) - now

    def _launched(self) -> bool:
        return any(not start.over for start in self._starts.values())

    def _watch(self, now: float) -> None:
        limits = self._assignment.limits
        for start in list(self._starts.values()):
            if start.deadline and now > start.deadline and not start.over:
                self._end_start(
                    start, f"The program was ended: it ran for more than {limits.program:g} seconds."
                )
        if self._judging and now - self._heard_emulator > 1:
            if self._pinged is None:
                self._pinged = now
                self._to_emulator.send(link.Ping(number=1))
            elif now - self._pinged > limits.silence:
                self._overthrown("did not come back")
        if now > self._deadline:
            if not self._world_ready:
                self._fault(f"setup.py was not done after {limits.ready:g} seconds.")
            if not self._judging:
                self._fault(f"check.py could not be imported within {limits.ready:g} seconds.")
            self._fault(f"A check did not end within {limits.judging:g} seconds.")

    def _fault(self, why: str) -> None:
        self._outcome.fault = why
        raise _Over

    def _overthrown(self, what: str) -> None:
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
            start = self._starts.get(message.lane)
            if start is not None and not start.over:
                self._end_start(start, message.why)
        elif isinstance(message, link.LookAtLane):
            start = self._starts.get(message.lane)
            quiet = start is not None and all_asleep(start.child.process.pid)
            self._to_emulator.send(link.LaneLooked(lane=message.lane, number=message.number, quiet=quiet))
        elif isinstance(message, link.WorldReady):
            self._world_ready = True
            self._outcome.began_ms = message.began_ms
            self._judge_when_ready()
        elif isinstance(message, link.WorldFault):
            self._fault(message.why)

    def _emulator_died(self) -> None:
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
            self._to_checker.send(*self._output_of(message.lane))
        elif isinstance(message, link.JudgingDone):
            self._finish(message)
        elif isinstance(message, link.CollectionFault | link.JudgingFault):
            self._fault(message.why)

    def _checker_died(self) -> None:
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
        start = self._starts.get(done.program.lane)
        self._outcome.output = self._output_of(done.program.lane)[0] if start else None
        self._outcome.judged = done

    def _output_of(self, lane: str) -> tuple[link.OutputIs, bytes]:
        start = self._starts.get(lane)
        if start is None:
            return link.OutputIs(stdout="", stderr="", cut=0, files=[], files_left_out=0, result=None), b""
        ended = start.ended
        kept = {name: data.decode("utf-8", "replace") for name, data in start.kept.items()}
        output = link.OutputIs(
            stdout=kept["stdout"],
            stderr=kept["stderr"],
            cut=start.printed - sum(len(data) for data in start.kept.values()),
            files=ended.files if ended else [],
            files_left_out=ended.files_left_out if ended else 0,
            result=ended.result if ended else None,
        )
        return output, start.files

    # The program's starts

    def _start_host(self) -> _Start:
        child = start_program_host(self._assignment.level, self._assignment.python)
        assert child.control is not None
        channel = link.Channel(child.control, FROM_HOST)
        start = _Start(child, channel)

        channel.learn_senders()

        def read() -> None:
            try:
                channel.read_once()
                self._read_host(start)
            except (EOFError, OSError, link.LinkError):
                self._forget(channel.sock)
                self._host_died(start)

        self._selector.register(channel.sock, selectors.EVENT_READ, read)
        for name, pipe in (("stdout", child.process.stdout), ("stderr", child.process.stderr)):
            assert pipe is not None
            os.set_blocking(pipe.fileno(), False)
            self._selector.register(pipe, selectors.EVENT_READ, self._reader(start, name, pipe))
        return start

    def _reader(self, start: _Start, name: str, pipe: IO[bytes]) -> Callable[[], None]:
        def read() -> None:
            data = pipe.read(1 << 18)
            if data is None:
                return
            if not data:
                self._forget(pipe)
                start.open_streams -= 1
                self._conclude(start)
                return
            start.printed += len(data)
            room = MAX_OUTPUT - len(start.kept[name])
            start.kept[name] += data[: max(0, room)]
            if start.printed > ENDLESS_OUTPUT and start.why is None:
                self._end_start(
                    start, f"The program was ended: it printed more than {ENDLESS_OUTPUT >> 20} MB."
                )

        return read

    def _launch(self, order: link.Launch) -> None:
        start = self._spare or self._start_host()
        self._spare = None
        self._starts[order.lane] = start
        start.launch = order
        self._pass_door(start)

    def _read_host(self, start: _Start) -> None:
        """The door in a frame, then one byte from whoever is to be killed at the end, then the end in a frame."""
        if not start.door_given:
            if (frame := start.channel.pop()) is None:
                return
            self._from_host(start, *frame)
        if start.child.warden is None and not start.over:
            if start.channel.pop_byte() is None:
                return
            start.child.warden = os.pidfd_open(start.channel.sender)
        while (frame := start.channel.pop()) is not None:
            self._from_host(start, *frame)

    def _from_host(self, start: _Start, message: link.Message, body: bytes) -> None:
        if isinstance(message, link.HostReady):
            (descriptor,) = start.channel.take_descriptors()
            start.door = socket.socket(fileno=descriptor)
            start.door_given = True
            self._pass_door(start)
        elif isinstance(message, link.HostEnded):
            start.ended, start.files, start.status = message, body, message.status
            if message.status == -signal.SIGXCPU:
                start.why = (
                    f"The program was ended: it used more than {jail.Limits().cpu_seconds} seconds of CPU."
                )
            self._conclude(start)

    def _pass_door(self, start: _Start) -> None:
        """Once the door is there and the launch is ordered: give one to the emulator, the other to the host."""
        order, door = start.launch, start.door
        if order is None or door is None:
            return
        start.door = None
        self._to_emulator.send(link.LaneStarted(lane=order.lane), descriptors=[door.fileno()])
        door.close()
        start.deadline = time.monotonic() + self._assignment.limits.program
        begin = link.BeginProgram(
            name=self._assignment.program_name,
            clock_ms=order.clock_ms,
            randomness=f"{self._assignment.seed}/{order.lane}/{order.start}",
            environment={**_PROGRAM_ENVIRONMENT, **order.environment},
            function=order.function,
            arguments=order.arguments,
        )
        start.channel.send(begin, self._assignment.program)

    def _host_died(self, start: _Start) -> None:
        if start is self._spare:
            self._fault(f"The program's jail could not be built: {self._complaint(start)}")
        if start.launch is not None and start.ended is None and start.why is None and not start.over:
            start.why = "The program took its own jail down with it."
        self._conclude(start)

    def _complaint(self, start: _Start) -> str:
        pipe = start.child.process.stderr
        said = bytes(start.kept["stderr"]) + ((pipe.read() or b"") if pipe else b"")
        lines = said.decode("utf-8", "replace").strip().splitlines()
        return lines[-1] if lines else "it ended without a word."

    def _end_start(self, start: _Start, why: str) -> None:
        start.why = why
        start.child.kill()
        self._conclude(start)

    def _conclude(self, start: _Start) -> None:
        """Tell the emulator once the program is gone and everything it printed is read."""
        if start.launch is None or start.over:
            return
        if start.ended is None and start.why is None:
            return
        if start.open_streams and start.why is None:
            return
        start.over = True
        start.child.kill()
        status = None if start.why else start.status
        self._to_emulator.send(link.LaneExited(lane=start.launch.lane, status=status, why=start.why))


_PROGRAM_ENVIRONMENT = {
    "PATH": "/usr/local/bin:/usr/bin:/bin",
    "LANG": "C.UTF-8",
    "TZ": "UTC",
    "AWS_ENDPOINT_URL": "http://127.0.0.1:4566",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_REGION": "us-east-1",
    "AWS_CONFIG_FILE": "/dev/null",
    "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
    "BOTO_CONFIG": "/dev/null",
    "AWS_EC2_METADATA_DISABLED": "true",
    "NO_PROXY": "*",
    "no_proxy": "*",
}
"""What a program finds beside its inputs and its keys: enough for plain boto3, and nothing of the machine."""
