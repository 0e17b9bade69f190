"""A program's threads and processes: known to the world before they begin, and named alike in every run."""

from __future__ import annotations

import _thread
import itertools
import os
import random
import sys
import threading
from collections.abc import Callable
from typing import Any

_PROCESS_STARTS = frozenset({"subprocess.Popen", "os.fork", "os.forkpty", "os.posix_spawn", "os.system"})
"""Audit events after which one waiting request is no longer the whole program waiting."""

_THREAD_STARTS = ("start_new_thread", "_start_new_thread", "start_joinable_thread", "_start_joinable_thread")
"""The same of threads, by the names `_thread` and `threading` have them; only Python 3.12 audits them."""


class _OfThread(threading.local):
    """A thread's place in the tree of threads, and the randomness that belongs to it."""

    def __init__(self) -> None:
        self.name = ""
        self.children = itertools.count(1)
        self.stream: random.Random | None = None


_own = _OfThread()


def seed_randomness(seed: str) -> None:
    """Make everything random in this process follow from `seed`.

    Each thread draws from a stream of its own, named by who started it: which of two threads draws first
    depends on the machine.
    """
    random.seed(seed)

    def urandom(size: int) -> bytes:
        if _own.stream is None:
            _own.stream = random.Random(f"{seed}{_own.name}")
        return _own.stream.randbytes(size)

    os.urandom = urandom
    random._urandom = urandom  # type: ignore[attr-defined]


def when_growing(announce: Callable[[], object]) -> None:
    """Call `announce` once, before this process has a second thread or a child."""
    announced = False

    def grow() -> None:
        nonlocal announced
        if not announced:
            announced = True
            announce()

    sys.addaudithook(lambda event, _: grow() if event in _PROCESS_STARTS else None)
    for module in (_thread, threading):
        for name in _THREAD_STARTS:
            if hasattr(module, name):
                setattr(module, name, _named(getattr(module, name), grow))


def _named(start: Callable[..., Any], grow: Callable[[], None]) -> Callable[..., Any]:
    def started(function: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        grow()
        name = f"{_own.name}/{next(_own.children)}"

        def run(*given: Any, **named: Any) -> Any:
            _own.name = name
            return function(*given, **named)

        return start(run, *arguments, **options)

    return started
