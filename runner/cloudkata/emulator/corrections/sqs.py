"""SQS whose long polls wait in the world's time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cloudkata.emulator.corrections import Correction, Step
from cloudkata.emulator.naming import NamedCall
from cloudkata.emulator.wire import Empty, Response


@dataclass(slots=True)
class _LastReceive:
    """What the last ReceiveMessage asked for and found."""

    wait_ms: int = 0
    empty: bool = False
    retry_at_ms: int | None = None


_last = _LastReceive()


def install() -> None:
    """Take long polls out of moto's hands: it would wait for the machine's clock, which stands still here."""
    from moto.sqs.models import SQSBackend, sqs_backends

    class PollingBackend(SQSBackend):
        """Answers at once and says how long the caller wanted to wait."""

        def receive_message(
            self,
            queue_name: str,
            count: int,
            wait_seconds_timeout: int,
            visibility_timeout: int,
            message_attribute_names: list[str] | None = None,
        ) -> Any:
            """As SQSBackend, with the wait left to the scheduler."""
            found = super().receive_message(queue_name, count, 0, visibility_timeout, message_attribute_names)
            _last.wait_ms = wait_seconds_timeout * 1000
            _last.empty = not found
            _last.retry_at_ms = None if found else _next_visible(self.get_queue(queue_name))
            return found

    # moto derives a backend's URLs from the module its class says it is in.
    PollingBackend.__module__ = SQSBackend.__module__
    sqs_backends.backend = PollingBackend


def _next_visible(queue: Any) -> int | None:
    """The first millisecond at which a message that is hidden or delayed now can be received.

    moto asks whether the clock is past the end of the visibility timeout, so one is added.
    """
    instants = [max(message.visible_at + 1, message.delayed_until) for message in queue._messages]
    return int(min(instants)) if instants else None


class _WaitsInWorldTime(Step):
    """ReceiveMessage: an empty answer to a long poll is not final yet."""

    def after(self, named: NamedCall, response: Response) -> Response | Empty:
        """`Empty`, when nothing was found and the caller wanted to wait."""
        del named
        if response.status == 200 and _last.empty and _last.wait_ms:
            return Empty(response, _last.wait_ms, _last.retry_at_ms)
        return response


STEPS: dict[str, Correction] = {"ReceiveMessage": _WaitsInWorldTime()}
