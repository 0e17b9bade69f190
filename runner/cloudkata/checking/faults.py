"""Faults: what a check can do to the program's later starts."""

from __future__ import annotations

from cloudkata.checking.world import World


class Faults:
    """Calls of the program that fail although nothing is wrong with them.

    They strike programs that are started after they were put up, with `program.run()` or `program.call()`.
    """

    def __init__(self, world: World) -> None:
        self._world = world

    def throttle(self, operation: str, times: int = 1) -> None:
        """The next `times` calls of `operation` are throttled, with the error its service has for that."""
        if times < 1:
            raise ValueError("faults.throttle() takes a number of times from 1.")
        self._world.throttle(operation, times)
