"""Which level this machine can give, found out by building each jail once."""

from __future__ import annotations

import functools
import json
import os
import socket
import sys
import traceback
from pathlib import Path

from cloudkata.jail import fresh
from cloudkata.jail.levels import JailError, Level
from cloudkata.jail.services import jail_service, seal_service
from cloudkata.jail.trial import Trial

_PATIENCE_S = 20.0


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
    """Why this machine cannot give `level`, in one sentence; None when it can.

    Raises `JailError` when that cannot be found out: a machine under load must not look like a weaker one.
    """
    if len(os.listdir("/proc/self/task")) == 1:  # noqa: PTH208 - a count
        return _try(level)
    # Forking a process with several threads copies locks that nobody will ever release.
    found: str | None = json.loads(fresh.run("probe", level.value, seconds=3 * _PATIENCE_S))
    return found


def main(level: str) -> None:
    """Print as JSON what stands in the way of `level`; for an interpreter of its own."""
    print(json.dumps(_try(Level(level))))  # noqa: T201 - read by `obstacle`


def _try(level: Level) -> str | None:
    """Build both jails in forked processes; why one could not be built, twice in a row, or None."""
    return _try_once(level) and _try_once(level)


def _try_once(level: Level) -> str | None:
    program = Trial(level, _reach_door)
    service = _try_service(level)
    outcome = program.outcome(_PATIENCE_S)
    if not outcome.gone:
        raise JailError(f"A jail at level {level} was not tried within {_PATIENCE_S:.0f} seconds.")
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
