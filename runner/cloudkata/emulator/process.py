"""The emulator's process: two sockets in, one world, one thread."""

from __future__ import annotations

import gc
import os
import random
import selectors
import socket
from pathlib import Path

from cloudkata import link, sdk
from cloudkata.catalogue.inputs import Inputs
from cloudkata.channel import Channel
from cloudkata.emulator import corrections, hardening, start_state, state
from cloudkata.emulator.backends import Backends, prepare_environment
from cloudkata.emulator.doors import Connection, Door
from cloudkata.emulator.front import Front, Visitor
from cloudkata.emulator.instants import first_instant
from cloudkata.emulator.lanes import Budget, Lane
from cloudkata.emulator.principals import Principals
from cloudkata.emulator.scheduler import Scheduler
from cloudkata.emulator.wire import Empty, Request, Response
from cloudkata.worldtime import StandingClock

FROM_SUPERVISOR = (link.StartWorld, link.LaneStarted, link.LaneExited, link.LaneLooked, link.Ping)
FROM_CHECKER = (
    link.AwsCall, link.RunProgram, link.Advance, link.Settle, link.GetTrace, link.GetState, link.AddFault,
)  # fmt: skip

_SETUP = Visitor("setup", administrator=True, recorded=False)
_CHECKER = Visitor("checker", administrator=True, recorded=False)
_PUBLIC = Visitor("checker", recorded=False)


def serve(control: socket.socket, checker: socket.socket) -> None:
    """Be the emulator of one world, until the supervisor goes away."""
    supervisor = Channel(control, FROM_SUPERVISOR, descriptors=True)
    order, _ = supervisor.expect(link.StartWorld)
    try:
        world = World(order, supervisor, Channel(checker, FROM_CHECKER))
    except start_state.SetupFailed as failed:
        supervisor.send(link.WorldFault(why=str(failed)))
        return
    supervisor.send(link.WorldReady(began_ms=world.clock.now_ms))
    world.run()


class World:
    """One world: it answers the supervisor, the checker, and whoever stands at a door."""

    def __init__(self, order: link.StartWorld, supervisor: Channel, checker: Channel) -> None:
        self._order = order
        self._supervisor = supervisor
        self._checker = checker
        self._starts = 0
        began = first_instant(order.seed)
        self.clock = StandingClock(began - start_state.HEAD_START_MS)
        _seed_randomness(order.seed)
        prepare_environment()
        hardening.harden()
        corrections.install(order.services)
        backends = Backends()
        backends.seed(order.seed)
        ids = random.Random(f"{order.seed}/requests")
        self._principals = Principals(order.seed)
        self._front = Front(
            backends=backends,
            clock=self.clock,
            services=order.services,
            principals=self._principals,
            request_id=lambda: f"{ids.getrandbits(64):016X}",
            on_call=lambda call: supervisor.send(link.Serving(call=call)),
        )
        inputs = Inputs(order.inputs, seed=order.seed, lab_id=order.lab_id)
        start_state.build(Path(order.lab), sdk.session(self._carry_for_setup), inputs, self.clock)
        self.clock.move_to(max(began, self.clock.now_ms))
        self._front.trace.began_ms = self.clock.now_ms
        self._scheduler = Scheduler(self.clock, self._serve_lane, self, order.seed)

    def run(self) -> None:
        """Serve until the supervisor is gone."""
        selector = self._scheduler.selector
        for channel, handle in (
            (self._supervisor, self._from_supervisor),
            (self._checker, self._from_checker),
        ):
            selector.register(
                channel.sock, selectors.EVENT_READ, lambda _, c=channel, h=handle: self._read(c, h)
            )
        # The start state is there to stay: leave it out of every later collection.
        gc.freeze()
        self._scheduler.run()

    def _read(self, channel: Channel, handle: object) -> None:
        try:
            channel.read_once()
            while (frame := channel.pop()) is not None:
                handle(*frame)  # type: ignore[operator]
        except (EOFError, OSError):
            self._scheduler.stopped = True

    # What the scheduler needs

    def kill(self, lane: str, why: str) -> None:
        """End every process of the lane."""
        self._supervisor.send(link.KillLane(lane=lane, why=why))

    def look(self, lane: str, number: int) -> None:
        """Ask whether all its tasks wait."""
        self._supervisor.send(link.LookAtLane(lane=lane, number=number))

    def _serve_lane(self, request: Request, lane: str, polling_until_ms: int | None) -> Response | Empty:
        return self._front.serve(request, Visitor(lane), polling_until_ms)

    def _carry_for_setup(
        self, method: str, target: str, headers: list[tuple[str, str]], body: bytes
    ) -> sdk.Carried:
        answer = self._front.serve(Request(method, target, tuple(headers), body), _SETUP)
        self.clock.move_to(self.clock.now_ms + 1)
        response = answer.response if isinstance(answer, Empty) else answer
        return sdk.Carried(response.status, response.reason, list(response.headers), response.body)

    # What the supervisor says

    def _from_supervisor(self, message: link.Message, _: bytes) -> None:
        scheduler = self._scheduler
        if isinstance(message, link.Ping):
            self._supervisor.send(link.Pong(number=message.number))
        elif isinstance(message, link.LaneStarted):
            lane = scheduler.lanes[message.lane]
            (descriptor,) = self._supervisor.take_descriptors()
            scheduler.open_door(lane, self._door(lane, descriptor))
        elif isinstance(message, link.LaneExited):
            scheduler.lane_exited(scheduler.lanes[message.lane], message.status, message.why)
        elif isinstance(message, link.LaneLooked):
            scheduler.lane_looked(scheduler.lanes[message.lane], message.number, message.quiet)

    def _door(self, lane: Lane, descriptor: int) -> Door:
        def came(connection: Connection, request: Request) -> None:
            self._scheduler.request_came(lane, connection, request)

        return Door(socket.socket(fileno=descriptor), self._scheduler.selector, came)

    # What the checker says

    def _from_checker(self, message: link.Message, body: bytes) -> None:
        self._scheduler.when_still(lambda: self._obey(message, body))

    def _obey(self, message: link.Message, body: bytes) -> None:
        if isinstance(message, link.AwsCall):
            self._answer_call(message, body)
        elif isinstance(message, link.RunProgram):
            self._run_program(message)
        elif isinstance(message, link.Advance):
            self._scheduler.advance(message.ms, self._tell_time)
        elif isinstance(message, link.Settle):
            self._scheduler.settle(self._tell_time)
        elif isinstance(message, link.GetTrace):
            self._checker.send(link.Trace(calls=self._front.trace.calls))
        elif isinstance(message, link.AddFault):
            self._front.faults.throttle(message.operation, message.times)
            self._tell_time()
        elif isinstance(message, link.GetState):
            self._describe()

    def _answer_call(self, message: link.AwsCall, body: bytes) -> None:
        visitor = _CHECKER if message.door == "administrator" else _PUBLIC
        request = Request(message.method, message.target, tuple(message.headers), body)
        answer = self._front.serve(request, visitor)
        response = answer.response if isinstance(answer, Empty) else answer
        self._checker.send(
            link.AwsAnswer(
                status=response.status,
                reason=response.reason,
                headers=list(response.headers),
                clock_ms=self.clock.now_ms,
            ),
            response.body,
        )

    def _tell_time(self) -> None:
        self._checker.send(link.Now(clock_ms=self.clock.now_ms))

    def _describe(self) -> None:
        try:
            self._checker.send(link.State(services=state.describe(self._order.services)))
        except state.Undescribed as undescribed:
            self._checker.send(link.Refused(why=str(undescribed)))

    def _run_program(self, message: link.RunProgram) -> None:
        self._starts += 1
        name = "program" if self._starts == 1 else f"program#{self._starts}"
        lane = self._scheduler.add_lane(name, _budget(self._order))
        self._supervisor.send(
            link.Launch(
                lane=name,
                start=self._starts,
                clock_ms=self.clock.now_ms,
                environment={
                    **self._order.inputs,
                    "AWS_ACCESS_KEY_ID": self._principals.program_key,
                    "AWS_SECRET_ACCESS_KEY": self._principals.program_secret,
                },
                function=message.function,
                arguments=message.arguments,
            )
        )

        def ended() -> None:
            self._checker.send(
                link.ProgramEnded(
                    lane=name,
                    status=lane.status,
                    why=lane.why,
                    calls=lane.calls,
                    world_ms=self.clock.now_ms - lane.began_ms,
                    clock_ms=self.clock.now_ms,
                )
            )

        self._scheduler.run_until_ended(lane, ended)


def _budget(order: link.StartWorld) -> Budget:
    minutes = order.patience_ms / 60_000
    return Budget(
        calls=order.max_calls,
        out_of_calls=f"The program was ended: it made more than {order.max_calls:,} API calls.",
        patience_ms=order.patience_ms,
        out_of_patience=(
            f"The program was ended: it was still running after {minutes:g} minutes of world time."
        ),
    )


def _seed_randomness(seed: int) -> None:
    """Every id and every key that is drawn in this process follows from the seed."""
    stream = random.Random(f"{seed}/emulator")
    random.seed(stream.getrandbits(64))
    os.urandom = stream.randbytes
    random._urandom = stream.randbytes  # type: ignore[attr-defined]
