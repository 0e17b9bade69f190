"""How strongly a jail holds, and what is raised when it cannot be built."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from enum import StrEnum


class Level(StrEnum):
    """What keeps a process in, from strongest to weakest. The values appear in reports."""

    NAMESPACES = "namespaces"
    """Own user, network, mount, process, IPC and UTS namespaces, a read-only root that holds only what was
    listed, and a list of permitted system calls."""

    LANDLOCK = "landlock"
    """Landlock decides on files, a list of permitted system calls on the rest: for machines that refuse user
    namespaces."""

    PROCESS = "process"
    """Resource limits, an own session and an own environment. It stops accidents, not attacks."""


class JailError(Exception):
    """A promised piece of a jail could not be set up. The message is one sentence
    for the person at the terminal."""


@contextlib.contextmanager
def setting_up(what: str) -> Iterator[None]:
    """Whatever the operating system refuses inside is a `JailError` that says `what` could not be done."""
    try:
        yield
    except OSError as error:
        raise JailError(f"{what} failed: {error}.") from error
