"""The world's clock, as a check handles it."""

from __future__ import annotations

import datetime as dt

from cloudkata.checking.world import World


class Clock:
    """Tells the time and lets it pass."""

    def __init__(self, world: World) -> None:
        self._world = world

    @property
    def now(self) -> dt.datetime:
        """The world's instant, UTC."""
        return self._world.now

    def advance(self, **delta: float) -> None:
        """Let `datetime.timedelta(**delta)` pass; what falls due on the way happens on the way."""
        ms = round(dt.timedelta(**delta).total_seconds() * 1000)
        if ms <= 0:
            raise ValueError("clock.advance() takes a positive amount of time.")
        self._world.advance(ms)

    def settle(self) -> None:
        """Run until nothing is left that AWS would do at once."""
        self._world.settle()
