"""The starts of the program in one run: their hosts, their doors, what they print, how they end."""

from __future__ import annotations

import os
import selectors
import signal
import socket
import time
from dataclasses import dataclass, field
from functools import partial
from typing import IO, Protocol

from cloudkata import jail, link
from cloudkata.channel import Channel, LinkError
from cloudkata.world.assignment import Assignment
from cloudkata.world.processes import Child, start_program_host
from cloudkata.world.tasks import all_asleep

MAX_OUTPUT = 1 << 20
"""Bytes of each stream that are kept."""

ENDLESS_OUTPUT = 16 << 20
"""A program that prints more than this is ended."""

MOST_STARTS = 500
"""More starts than this in one run are no check's doing."""

FROM_HOST = (link.HostReady, link.HostEnded)

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


class Tell(Protocol):
    """Sends a message to the emulator."""

    def __call__(self, message: link.Message, *, descriptors: tuple[int, ...] = ()) -> None:
        """Send it."""


class JailFailed(Exception):
    """The program's jail could not be built; the message says why."""


class Unordered(Exception):
    """The emulator ordered something no emulator of ours orders."""


@dataclass(eq=False)
class _Start:
    """One start of the program."""

    child: Child
    channel: Channel
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
    """Why it was ended from outside."""
    over: bool = False


class ProgramStarts:
    """Starts programs when the emulator orders it, and tells it of doors and ends.

    A spare host is made ready beforehand: its jail stands by the time the world does.
    """

    def __init__(self, assignment: Assignment, selector: selectors.BaseSelector, tell_emulator: Tell) -> None:
        self._assignment = assignment
        self._selector = selector
        self._tell_emulator = tell_emulator
        self._starts: dict[str, _Start] = {}
        self._spare: _Start | None = None

    def prepare(self) -> None:
        """Make the spare host ready."""
        self._spare = self._start_host()

    def launch(self, order: link.Launch) -> None:
        """Start the program for a lane. Raises `Unordered` for a lane that was launched before."""
        if order.lane in self._starts or len(self._starts) >= MOST_STARTS:
            raise Unordered
        start = self._spare or self._start_host()
        self._spare = None
        self._starts[order.lane] = start
        start.launch = order
        self._pass_door(start)

    def kill(self, lane: str, why: str) -> None:
        """End a lane's start from outside."""
        start = self._starts.get(lane)
        if start is not None and not start.over:
            self._end_start(start, why)

    def is_quiet(self, lane: str) -> bool:
        """Whether every task of the lane waits."""
        start = self._starts.get(lane)
        return start is not None and all_asleep(start.child.process.pid)

    def output_of(self, lane: str) -> tuple[link.OutputIs, bytes]:
        """What a start left behind; nothing for a lane that was never launched."""
        start = self._starts.get(lane)
        if start is None:
            return link.OutputIs(stdout="", stderr="", cut=0, files=[], files_left_out=0, result=None), b""
        ended = start.ended
        output = link.OutputIs(
            stdout=start.kept["stdout"].decode("utf-8", "replace"),
            stderr=start.kept["stderr"].decode("utf-8", "replace"),
            cut=start.printed - sum(len(data) for data in start.kept.values()),
            files=ended.files if ended else [],
            files_left_out=ended.files_left_out if ended else 0,
            result=ended.result if ended else None,
        )
        return output, start.files

    def running(self) -> bool:
        """Whether a start is not over yet."""
        return any(not start.over for start in self._starts.values())

    def watch(self, now: float) -> None:
        """End what has run for too long."""
        for start in list(self._starts.values()):
            if start.deadline and now > start.deadline and not start.over:
                seconds = self._assignment.limits.program
                self._end_start(start, f"The program was ended: it ran for more than {seconds:g} seconds.")

    def end(self) -> None:
        """End every start and let go of everything."""
        for start in (*self._starts.values(), self._spare):
            if start is not None:
                start.child.end()
                if start.door is not None:
                    start.door.close()

    # One start

    def _start_host(self) -> _Start:
        child = start_program_host(self._assignment.level, self._assignment.python)
        assert child.control is not None
        channel = Channel(child.control, FROM_HOST, descriptors=True)
        channel.learn_senders()
        start = _Start(child, channel)

        def read() -> None:
            try:
                channel.read_once()
                self._read_host(start)
            except (EOFError, OSError, LinkError):
                self._selector.unregister(channel.sock)
                self._host_died(start)

        self._selector.register(channel.sock, selectors.EVENT_READ, read)
        for name, pipe in (("stdout", child.process.stdout), ("stderr", child.process.stderr)):
            assert pipe is not None
            os.set_blocking(pipe.fileno(), False)
            self._selector.register(pipe, selectors.EVENT_READ, partial(self._read_output, start, name, pipe))
        return start

    def _read_output(self, start: _Start, name: str, pipe: IO[bytes]) -> None:
        try:
            data = os.read(pipe.fileno(), 1 << 18)
        except BlockingIOError:
            return
        if not data:
            self._selector.unregister(pipe)
            start.open_streams -= 1
            self._conclude(start)
            return
        start.printed += len(data)
        room = MAX_OUTPUT - len(start.kept[name])
        start.kept[name] += data[: max(0, room)]
        if start.printed > ENDLESS_OUTPUT and start.why is None:
            self._end_start(start, f"The program was ended: it printed more than {ENDLESS_OUTPUT >> 20} MB.")

    def _read_host(self, start: _Start) -> None:
        """First the door in a frame, then one byte from whoever is to be killed, then the end in a frame."""
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
            start.ended, start.files = message, body
            if message.status == -signal.SIGXCPU:
                start.why = (
                    f"The program was ended: it used more than {jail.Limits().cpu_seconds} seconds of CPU."
                )
            self._conclude(start)

    def _pass_door(self, start: _Start) -> None:
        """Once door and order are both there: the door to the emulator, the order to the host."""
        order, door = start.launch, start.door
        if order is None or door is None:
            return
        start.door = None
        self._tell_emulator(link.LaneStarted(lane=order.lane), descriptors=(door.fileno(),))
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
        if start.over:
            return
        if start.launch is None or start.child.warden is None:
            raise JailFailed(f"The program's jail could not be built: {_last_words(start)}")
        if start.ended is None and start.why is None:
            start.why = "The program took its own jail down with it."
        self._conclude(start)

    def _end_start(self, start: _Start, why: str) -> None:
        start.why = why
        start.child.kill()
        self._conclude(start)

    def _conclude(self, start: _Start) -> None:
        """Tell the emulator once the program is gone and everything it printed is read."""
        if start.launch is None or start.over or (start.ended is None and start.why is None):
            return
        if start.open_streams and start.why is None:
            return
        start.over = True
        start.child.kill()
        status = None if start.why or start.ended is None else start.ended.status
        self._tell_emulator(link.LaneExited(lane=start.launch.lane, status=status, why=start.why))


def _last_words(start: _Start) -> str:
    said = bytes(start.kept["stderr"])
    pipe = start.child.process.stderr
    if pipe is not None:
        said += pipe.read() or b""
    lines = said.decode("utf-8", "replace").strip().splitlines()
    return lines[-1] if lines else "it ended without a word."
