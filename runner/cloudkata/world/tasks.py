"""Whether a program of several threads or processes waits as a whole."""

from __future__ import annotations

import re
from pathlib import Path

_SWITCHES = re.compile(r"ctxt_switches:\t(\d+)")
_STATE = re.compile(r"State:\t(\w)")


def all_asleep(pid: int) -> bool:
    """Whether no task of `pid` or its descendants ran between two looks.

    All tasks must sleep interruptibly and their context-switch counters must stand still; a task that
    vanishes meanwhile counts as having run.
    """
    try:
        first = _look(pid)
        second = _look(pid)
    except (OSError, TypeError):
        return False
    return bool(first) and first == second and all(state == "S" for _, state, _ in first)


def _look(pid: int) -> list[tuple[int, str, tuple[str, ...]]]:
    seen = []
    for process in _family(pid):
        for task in sorted(Path(f"/proc/{process}/task").iterdir()):
            status = (task / "status").read_text()
            state = _STATE.search(status)
            seen.append((int(task.name), state[1] if state else "?", tuple(_SWITCHES.findall(status))))
    return seen


def _family(pid: int) -> list[int]:
    family = [pid]
    for member in family:
        for task in Path(f"/proc/{member}/task").iterdir():
            family += [int(child) for child in (task / "children").read_text().split()]
    return family
