"""The entry of every process the supervisor starts: jail it first, then be what it is to be.

Run as `python -m cloudkata.world.role ROLE LEVEL DESCRIPTOR... PATH...`; never by hand.
"""

from __future__ import annotations

import socket
import sys
from pathlib import Path

from cloudkata import jail
from cloudkata.channel import LinkError


def emulator(level: jail.Level, control: int, checker: int, *readable: str) -> None:
    """The emulator of one world."""
    jail.jail_service(level, [Path(path) for path in readable], keep_descriptors=[control, checker])
    # Doors of programs are still to come, as descriptors.
    jail.seal_service(receive_descriptors=True)
    from cloudkata.emulator.process import serve

    serve(socket.socket(fileno=control), socket.socket(fileno=checker))


def checker(level: jail.Level, control: int, emulator: int, *readable: str) -> None:
    """The process that holds pytest and the lab's checks."""
    jail.jail_service(level, [Path(path) for path in readable], keep_descriptors=[control, emulator])
    jail.seal_service()
    from cloudkata.checking.process import judge

    judge(socket.socket(fileno=control), socket.socket(fileno=emulator))


def program(level: jail.Level, control: int, scratch: str) -> None:
    """The host of one start of the program; `scratch` is empty where the jail brings its own."""
    from cloudkata.world.program_host import host

    host(level, socket.socket(fileno=control), Path(scratch) if scratch else None)


ROLES = {"emulator": emulator, "checker": checker, "program": program}

if __name__ == "__main__":
    role, level, *rest = sys.argv[1:]
    arguments = [int(text) if text.isdigit() else text for text in rest]
    try:
        ROLES[role](jail.Level(level), *arguments)  # type: ignore[operator]
    except (EOFError, BrokenPipeError, ConnectionResetError, LinkError):
        # The supervisor went away first: there is nobody to tell.
        sys.exit(1)
