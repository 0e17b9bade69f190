"""How strongly a jail holds, and what is raised when it cannot be built."""

from __future__ import annotations

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
