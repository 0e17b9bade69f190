"""The checker's side of the link: what can be asked of a world."""

from __future__ import annotations

import datetime as dt
import socket
from typing import Any, NoReturn, TypeVar

import pytest

from cloudkata import link, sdk
from cloudkata.channel import Channel, LinkError
from cloudkata.grade import Call
from cloudkata.worldtime import StandingClock

FROM_EMULATOR = (link.AwsAnswer, link.ProgramEnded, link.Now, link.Trace, link.State, link.Refused)
FROM_SUPERVISOR = (link.CollectChecks, link.JudgeWorld, link.OutputIs)

State = dict[str, dict[str, dict[str, Any]]]
"""Service, resource, attribute, value."""

A = TypeVar("A", bound=link.Message)


class World:
    """One world, held still between the checker's orders."""

    def __init__(self, emulator: socket.socket, supervisor: Channel) -> None:
        self._emulator = Channel(emulator, FROM_EMULATOR)
        self._supervisor = supervisor
        self._clock: StandingClock | None = None
        self.gone = False
        """Whether the emulator went away."""

    def begin(self, clock_ms: int) -> None:
        """Set this process's clock to the world's."""
        self._clock = StandingClock(clock_ms)

    @property
    def now_ms(self) -> int:
        """The world's clock, milliseconds since 1970."""
        assert self._clock is not None
        return self._clock.now_ms

    @property
    def now(self) -> dt.datetime:
        """The world's clock, UTC."""
        return dt.datetime.fromtimestamp(self.now_ms / 1000, dt.UTC)

    def carry(
        self, method: str, target: str, headers: list[tuple[str, str]], body: bytes, *, public: bool = False
    ) -> sdk.Carried:
        """Carry one HTTP request to the emulated AWS, as its administrator or as any stranger."""
        call = link.AwsCall(
            door="public" if public else "administrator", method=method, target=target, headers=headers
        )
        answer, content = self._ask(call, link.AwsAnswer, body)
        self._move_to(answer.clock_ms)
        return sdk.Carried(answer.status, answer.reason, answer.headers, content)

    def run_program(self, function: str | None = None, arguments: str = "{}") -> link.ProgramEnded:
        """Start the program and let the world go on until it has ended."""
        ended, _ = self._ask(link.RunProgram(function=function, arguments=arguments), link.ProgramEnded)
        self._move_to(ended.clock_ms)
        return ended

    def output(self, lane: str) -> tuple[link.OutputIs, bytes]:
        """What a start of the program left behind."""
        return self._supervisor.ask(link.GetOutput(lane=lane), link.OutputIs)

    def advance(self, ms: int) -> None:
        """Let world time pass, then settle."""
        self._move_to(self._ask(link.Advance(ms=ms), link.Now)[0].clock_ms)

    def settle(self) -> None:
        """Run until nothing prompt is left."""
        self._move_to(self._ask(link.Settle(), link.Now)[0].clock_ms)

    def trace(self) -> list[Call]:
        """The recorded calls so far."""
        return self._ask(link.GetTrace(), link.Trace)[0].calls

    def state(self) -> State:
        """Everything the lab's services hold. Raises `ValueError` where that cannot be told."""
        self._send(link.GetState())
        answer, _ = self._receive()
        if isinstance(answer, link.Refused):
            raise ValueError(answer.why)
        if not isinstance(answer, link.State):
            self._end()
        return answer.services

    def throttle(self, operation: str, times: int) -> None:
        """Have the next calls of an operation throttled, when a program makes them."""
        self._ask(link.AddFault(operation=operation, times=times), link.Now)

    def _ask(self, message: link.Message, kind: type[A], body: bytes = b"") -> tuple[A, bytes]:
        self._send(message, body)
        answer, content = self._receive()
        if not isinstance(answer, kind):
            self._end()
        return answer, content

    def _end(self) -> NoReturn:
        """The emulator is no longer there: end the session; no check may take that for an answer."""
        self.gone = True
        pytest.exit("The emulated AWS is gone.")

    def _send(self, message: link.Message, body: bytes = b"") -> None:
        try:
            self._emulator.send(message, body)
        except OSError:
            self._end()

    def _receive(self) -> tuple[link.Message, bytes]:
        try:
            return self._emulator.receive()
        except (OSError, EOFError, LinkError):
            self._end()

    def _move_to(self, clock_ms: int) -> None:
        assert self._clock is not None
        self._clock.move_to(clock_ms)
