"""The front: one request, from the door to the trace.

In this order: name the call; the lab's services only; who calls; faults; authorisation; corrections
before; moto; corrections after; trace. Every refusal is the error a real SDK would parse.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass

from cloudkata.emulator import corrections
from cloudkata.emulator.authorisation import authorise
from cloudkata.emulator.backends import Backends
from cloudkata.emulator.faults import Faults
from cloudkata.emulator.naming import NamedCall, Unnamed, name_call
from cloudkata.emulator.principals import Principals
from cloudkata.emulator.refusals import Refusal, denied_by_service_control_policy, not_named, render
from cloudkata.emulator.signatures import Caller, identify
from cloudkata.emulator.trace import Trace, error_code
from cloudkata.emulator.wire import Empty, Request, Response
from cloudkata.link import LINE_HEADER
from cloudkata.worldtime import StandingClock

ALWAYS_OFFERED = frozenset({"sts"})
"""Services every lab offers: an identity may always ask who it is."""


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who stands at which door."""

    lane: str
    """The lane's name, or `checker`."""
    administrator: bool = False
    """The checker's own door: no signature asked, nothing denied, nothing recorded."""
    recorded: bool = True


class Front:
    """Everything between a door and moto, for one world.

    `on_call` hears of every call of a program before it is carried out.
    """

    def __init__(
        self,
        *,
        backends: Backends,
        clock: StandingClock,
        services: list[str],
        principals: Principals,
        request_id: Callable[[], str],
        on_call: Callable[[str], None],
    ) -> None:
        self.trace = Trace()
        self.faults = Faults()
        self._backends = backends
        self._clock = clock
        self._services = frozenset(services) | ALWAYS_OFFERED
        self._principals = principals
        self._request_id = request_id
        self._on_call = on_call

    def serve(
        self, request: Request, visitor: Visitor, polling_until_ms: int | None = None
    ) -> Response | Empty:
        """Answer one request; never raises for anything a client sent.

        A long poll that finds nothing is `Empty` until `polling_until_ms` is reached.
        """
        try:
            named = name_call(request)
        except Unnamed as unnamed:
            return render(not_named(unnamed), unnamed.protocol, self._request_id())
        if visitor.recorded:
            self._on_call(f"{named.service} {named.operation}")
        who = "anonymous"
        error = note = None
        try:
            if not visitor.administrator:
                caller = self._admit(request, named)
                who = caller.arn
                note = authorise(named, caller)
                self.faults.strike(named)
            answer = self._carry_out(request, named, who)
            if isinstance(answer, Empty):
                if self._may_wait(answer, visitor, polling_until_ms):
                    return answer
                answer = answer.response
        except Refusal as refusal:
            error, note = refusal.code, refusal.note
            answer = render(refusal, named, self._request_id())
        if visitor.recorded:
            self._record(request, named, visitor, who, answer, error, note)
        return answer

    def _may_wait(self, empty: Empty, visitor: Visitor, polling_until_ms: int | None) -> bool:
        """Whether a long poll may go on: the checker never waits, for it holds the world."""
        if visitor.administrator or not empty.wait_ms:
            return False
        return polling_until_ms is None or self._clock.now_ms < polling_until_ms

    def _admit(self, request: Request, named: NamedCall) -> Caller:
        """Who calls; refuses what the lab does not offer and signatures that are not good."""
        if named.service not in self._services:
            raise denied_by_service_control_policy(named, self._principals.program_arn)
        now = dt.datetime.fromtimestamp(self._clock.now_ms / 1000, dt.UTC)
        return identify(request, named, self._principals.key, now)

    def _carry_out(self, request: Request, named: NamedCall, who: str) -> Response | Empty:
        correction = corrections.of(named)
        if correction:
            correction.before(named, who)
        response = self._backends.call(request, named)
        return correction.after(named, response) if correction else response

    def _record(
        self,
        request: Request,
        named: NamedCall,
        visitor: Visitor,
        who: str,
        response: Response,
        error: str | None,
        note: str | None,
    ) -> None:
        line = request.header(LINE_HEADER)
        self.trace.record(
            lane=visitor.lane,
            at_ms=self._clock.now_ms,
            named=named,
            principal=who,
            response=response,
            error=error or error_code(response),
            line=int(line) if line.isascii() and line.isdigit() else None,
            note=note,
        )
