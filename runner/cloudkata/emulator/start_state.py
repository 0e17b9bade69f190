"""The start state: what the lab's `setup.py` builds in a world before the program runs."""

from __future__ import annotations

import datetime as dt
import runpy
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3

from cloudkata.worldtime import StandingClock

HEAD_START_MS = 3_600_000
"""Setup begins an hour of world time before the program, so that what it builds is not brand-new."""


class SetupFailed(Exception):
    """`setup.py` is missing its function or raised; the message says where."""


class SetupClock:
    """The `clock` of `setup(aws, inputs, clock)`: lets the past be built in the past."""

    def __init__(self, clock: StandingClock) -> None:
        self._clock = clock

    @property
    def now(self) -> dt.datetime:
        """The world's instant, UTC."""
        return dt.datetime.fromtimestamp(self._clock.now_ms / 1000, dt.UTC)

    @contextmanager
    def ago(self, **delta: float) -> Iterator[None]:
        """Within the block it is earlier by `datetime.timedelta(**delta)`: `with clock.ago(days=30): ...`."""
        back = int(dt.timedelta(**delta).total_seconds() * 1000)
        if back < 0:
            raise ValueError("clock.ago() takes a time that lies in the past, as a positive amount.")
        before = self._clock.now_ms
        self._clock.move_to(before - back)
        try:
            yield
        finally:
            self._clock.move_to(max(before, self._clock.now_ms - back))


def build(folder: Path, aws: boto3.Session, inputs: Any, clock: StandingClock) -> None:
    """Run the lab's setup. Raises `SetupFailed` with the author's own traceback."""
    path = folder / "setup.py"
    # For records.py, which check.py imports too.
    sys.path.insert(0, str(folder))
    try:
        setup = runpy.run_path(str(path), run_name="setup").get("setup")
    except Exception as error:
        raise SetupFailed(_told(path, error)) from error
    if not callable(setup):
        raise SetupFailed("setup.py has no function setup(aws, inputs, clock).")
    try:
        setup(aws, inputs, SetupClock(clock))
    except Exception as error:
        raise SetupFailed(_told(path, error)) from error


def _told(path: Path, error: Exception) -> str:
    lines = [
        f"line {frame.lineno}"
        for frame in traceback.extract_tb(error.__traceback__)
        if frame.filename == str(path)
    ]
    where = f", {lines[-1]}" if lines else ""
    if isinstance(error, SyntaxError):
        where = f", line {error.lineno}"
    return f"setup.py{where}: {type(error).__name__}: {error}"
