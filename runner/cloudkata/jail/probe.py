"""Which level this machine can give, found out by building each jail once."""

from __future__ import annotations

import functools
import os
import socket
import sys
import traceback
from pathlib import Path

from cloudkata.jail import fresh
from cloudkata.jail.levels import JailError, Level
from cloudkata.jail.services import jail_service, seal_service
from cloudkata.jail.trial import Trial

_PATIENCE_S = 10.0


def strongest() -> Level:
    """The strongest level at which this machine jails both services and programs.

    Found by doing, once per process; nothing in the environment has a say. Raises `JailError` when not even
    `Level.PROCESS` works.
    """
    obstacles = []
    for level in Level:
        found = obstacle(level)
        if found is None:
            return level
        obstacles.append(found)
    raise JailError(obstacles[-1])


@functools.cache
def obstacle(level: Level) -> str | None:
    """Why this machine cannot give `level`, in one sentence; None when it can."""
    if len(os.listdir("/proc/self/task")) == 1:  # noqa: PTH208 - a count
        return _try(level)
    # Forking a process with several threads copies locks that nobody will ever release.
    try:
        fresh.run("probe", level.value, seconds=3 * _PATIENCE_S)
    except JailError as error:
        return str(error)
    return None


def main(level: str) -> None:
    """Try `level` in this process and exit with 0 when it works; the reason goes to standard error."""
    found = _try(Level(level))
    if found is not None:
        sys.exit(found)


def _try(level: Level) -> str | None:
    """Build both jails at `level` in forked processes; the reason why one could not be built, or None."""
    program = Trial(level, _reach_door)
    service = _try_service(level)
    outcome = program.outcome(_PATIENCE_S)
    if outcome.status == 0 and outcome.result is True:
        return service
    return _last_line(outcome.output, level)


def _reach_door(door: tuple[str, int]) -> bool:
    with socket.create_connection(door, timeout=_PATIENCE_S):
        return Path(sys.executable).exists() and os.access(".", os.W_OK)


def _try_service(level: Level) -> str | None:
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            jail_service(level, (), keep_descriptors=[write])
            seal_service()
            status = 0
        except JailError as error:
            os.write(write, str(error).encode())
        except BaseException:
            os.write(write, traceback.format_exc().encode())
        finally:
            os._exit(status)
    os.close(write)
    with os.fdopen(read, "rb") as told:
        reason = told.read().decode()
    _, status = os.waitpid(pid, 0)
    if status == 0:
        return None
    code = os.waitstatus_to_exitcode(status)
    return reason or f"A service jailed at level {level} ended at once with status {code}."


def _last_line(output: str, level: Level) -> str:
    lines = output.strip().splitlines()
    return lines[-1] if lines else f"A jail at level {level} could not be built."


if __name__ == "__main__":
    main(sys.argv[1])
