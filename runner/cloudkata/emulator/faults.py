"""Faults: calls of the program that fail although nothing is wrong with them."""

from __future__ import annotations

from cloudkata.emulator.naming import NamedCall
from cloudkata.emulator.refusals import throttled


class Faults:
    """The faults that still stand."""

    def __init__(self) -> None:
        self._throttled: dict[str, int] = {}

    def throttle(self, operation: str, times: int) -> None:
        """Throttle the next `times` calls of an operation."""
        self._throttled[operation] = self._throttled.get(operation, 0) + times

    def strike(self, named: NamedCall) -> None:
        """Raise the refusal when the call is to fail, and count it."""
        left = self._throttled.get(named.operation, 0)
        if left:
            self._throttled[named.operation] = left - 1
            raise throttled(named)
