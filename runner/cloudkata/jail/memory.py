"""Memory of several processes together."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

_PAGE = os.sysconf("SC_PAGE_SIZE")


def exceeds(pids: Iterable[int], most: int) -> bool:
    """Whether the processes hold more than `most` bytes of memory.

    First by resident size, which counts shared pages once for each process and so can only be too high; when
    that is too much, by proportional size, which is exact and slower to find out (proc(5), smaps_rollup).
    """
    known = list(pids)
    if sum(map(_resident, known)) <= most:
        return False
    return sum(map(_proportional, known)) > most


def _resident(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE
    except (OSError, IndexError):  # it has ended
        return 0


def _proportional(pid: int) -> int:
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) << 10
    except OSError:  # it has ended, or does not let itself be read
        return _resident(pid)
    return 0
