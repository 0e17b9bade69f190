"""Faults: calls of the program that fail although nothing is wrong with them."""

from __future__ import annotations

from dataclasses import dataclass

from cloudkata.emulator.naming import NamedCall
from cloudkata.emulator.refusals import Refusal


@dataclass(slots=True)
class Fault:
    """Refuse the next `times` calls of an operation."""

    operation: str
    code: str
    status: int
    times: int


class Faults:
    """The faults that still stand, oldest first."""

    def __init__(self) -> None:
        self._standing: list[Fault] = []

    def add(self, fault: Fault) -> None:
        """Put up a fault; it strikes from the next call on."""
        self._standing.append(fault)

    def strike(self, named: NamedCall) -> None:
        """Raise the refusal of the first fault that matches, and count it."""
        for fault in self._standing:
            if fault.operation == named.operation:
                fault.times -= 1
                if fault.times <= 0:
                    self._standing.remove(fault)
                raise Refusal(fault.code, "The service is having a bad moment.", fault.status)
