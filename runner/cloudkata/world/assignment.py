"""What one run is to do, and what it may take."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cloudkata import jail


@dataclass(frozen=True)
class Limits:
    """Real seconds; all of them are for what went wrong, none is a measure of a program."""

    ready: float = 60
    """Until emulator and checker stand."""
    program: float = 30
    """For one start of the program."""
    silence: float = 5
    """For the emulator, within one call."""
    judging: float = 120
    """For the checker between two results."""


@dataclass(frozen=True)
class Assignment:
    """One program, one world of one lab."""

    lab_folder: Path
    lab_id: str
    services: tuple[str, ...]
    world: str
    seed: int
    inputs: dict[str, str]
    patience_ms: int
    max_calls: int
    program_name: str
    program: bytes
    level: jail.Level
    python: str
    limits: Limits = Limits()
