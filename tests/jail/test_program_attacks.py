from __future__ import annotations

import functools
from typing import Any

import pytest
from jail import hostile_program
from jail.arena import ATTACKS, LEVELS, NOTHING, outside, run_program

from cloudkata.jail import Level


@functools.cache
def attacked(level: Level) -> tuple[dict[str, str], list[str], list[str]]:
    """What each attack gained, what heard something, and which files changed: all attacks in one program."""
    with outside() as things:
        facts: dict[str, Any] = things.facts | {"level": level.value}
        ended = run_program(level, ATTACKS, facts=facts)
        assert ended.status == 0, ended.output
        return ended.answer, things.heard(), things.changed()


HELD = [
    (level, name) for level in LEVELS for name, one in hostile_program.ATTACKS.items() if level in one.holds
]
WORKING = [name for name, one in hostile_program.ATTACKS.items() if one.works]


@pytest.mark.parametrize(("level", "name"), HELD)
def test_attack_gains_nothing(level: Level, name: str) -> None:
    gained, _, _ = attacked(level)
    assert gained[name] == NOTHING


@pytest.mark.parametrize("level", [level for level in LEVELS if level is not Level.PROCESS])
def test_nothing_outside_heard_or_changed(level: Level) -> None:
    _, heard, changed = attacked(level)
    assert (heard, changed) == ([], [])


@pytest.mark.parametrize("name", WORKING)
def test_attack_is_one(name: str) -> None:
    gained, _, _ = attacked(Level.PROCESS)
    assert gained[name] != NOTHING
