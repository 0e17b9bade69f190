"""A process's wall clock, standing still at the world's instant until it is moved.

Emulator, checker and program each hold one, set to the same instant, so that timestamps, signatures
and expiries agree, and so that nothing in a world depends on how fast the machine is.
"""

from __future__ import annotations

import datetime as dt
import importlib
import sys
from types import ModuleType

EPOCH = dt.datetime(1970, 1, 1)


class StandingClock:
    """Holds `time.time`, `datetime.now` and their kin of the whole process at one instant.

    `now_ms` counts milliseconds since 1970 UTC. Integers, because 20 ms added as floats drift.
    """

    def __init__(self, now_ms: int) -> None:
        self.now_ms = now_ms
        self._traveller = _time_machine().travel(_instant(now_ms), tick=False).start()

    def move_to(self, now_ms: int) -> None:
        """Set the clock; going back is allowed only to who builds the past."""
        if now_ms != self.now_ms:
            self.now_ms = now_ms
            self._traveller.move_to(_instant(now_ms))


def iso(ms: int) -> str:
    """An instant in milliseconds since 1970 as AWS writes it, such as `2028-02-29T09:30:00.000Z`."""
    return _instant(ms).isoformat(timespec="milliseconds") + "Z"


def _instant(ms: int) -> dt.datetime:
    # A naive datetime is exact to the microsecond where a float of seconds is not.
    return EPOCH + dt.timedelta(milliseconds=ms)


def _time_machine() -> ModuleType:
    """time-machine, imported without pytest, which it would pull in for a fixture nobody here uses."""
    if "time_machine" in sys.modules or "pytest" in sys.modules:
        return importlib.import_module("time_machine")
    sys.modules["pytest"] = None  # type: ignore[assignment]
    try:
        return importlib.import_module("time_machine")
    finally:
        del sys.modules["pytest"]
