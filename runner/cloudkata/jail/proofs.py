"""What a jail holds, each point proven by trying it in a jail started for that."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from cloudkata.jail import attempts, fresh
from cloudkata.jail.levels import JailError, Level
from cloudkata.jail.rlimits import Limits
from cloudkata.jail.services import jail_service, seal_service
from cloudkata.jail.trial import Trial
from cloudkata.jail.written import remove_scratch

_PATIENCE_S = 15.0
_GONE_WITHIN_S = 5.0

_MEMORY = 256 << 20
_SCRATCH = 1 << 20
_PROCESSES = 8


@dataclass(frozen=True)
class Guarantee:
    """One thing that a jailed program, emulator or checker cannot do."""

    name: str
    held: bool
    detail: str
    """One sentence: what was tried and what came of it."""


def guarantees(level: Level) -> list[Guarantee]:
    """Try to break out of jails at `level`, point by point; takes one to two seconds.

    Nothing is left behind. Raises `JailError` when the jails cannot be tried at all.
    """
    return [Guarantee(**each) for each in json.loads(fresh.run("proofs", level.value, seconds=60))]


def main(level: str) -> None:
    """Print the guarantees at `level` as JSON: in an interpreter of its own, which has a single thread."""
    print(json.dumps([asdict(each) for each in _try_all(Level(level))]))  # noqa: T201 - read by `guarantees`


def _try_all(level: Level) -> list[Guarantee]:
    limits = Limits(cpu_seconds=1, memory_bytes=_MEMORY, processes=_PROCESSES, scratch_bytes=_SCRATCH)
    with _Canaries() as canaries:
        # The one that takes a second goes first, and the others beside it.
        spinning = Trial(level, lambda _: attempts.spin(), limits)
        curious = Trial(level, lambda _: _look_around(level, canaries), limits)
        leaving = Trial(level, lambda _: attempts.leave_daemons(), limits)
        orphans_gone = _orphans_are_gone(level)
        service = _break_out_of_service(level, canaries)
        found = curious.outcome(_PATIENCE_S).result
        heard = canaries.heard()
        daemons_gone = leaving.outcome(_GONE_WITHIN_S).gone
        spun = spinning.outcome(_PATIENCE_S).status
    if found is None:
        raise JailError("The program that was to try the jail did not come to its end.")
    return [
        *_about_files_and_network(found, heard),
        *_about_processes(found, daemons_gone=daemons_gone, orphans_gone=orphans_gone),
        *_about_limits(found, spun),
        _nothing_gained(
            service,
            "emulator and checker",
            "Code in a service could not start, execute, connect, read, write or signal anything.",
            "Code in a service could",
        ),
    ]


def _look_around(level: Level, canaries: _Canaries) -> dict[str, Any]:
    """Inside the program's jail: everything that is tried once and does not end the process."""
    return {
        "listeners": attempts.reach_listeners(canaries.port, str(canaries.unix_path)),
        "foreign": None if level is Level.PROCESS else attempts.reach_foreign_hosts(),
        "files": attempts.read([str(canaries.file)]),
        "process": attempts.find_process(canaries.pid),
        "filled": attempts.fill_disk(_SCRATCH),
        "grown": attempts.grow_file(_SCRATCH),
        "memory": attempts.allocate(2 * _MEMORY),
        "started": attempts.start_processes(4 * _PROCESSES),
    }


def _about_files_and_network(found: dict[str, Any], heard: list[str]) -> list[Guarantee]:
    foreign = found["foreign"]
    if foreign is None:
        network = Guarantee("network", held=False, detail="Not tried, because nothing would stop it.")
    else:
        network = _nothing_gained(
            foreign,
            "network",
            "A program reached no other host, nor the address where clouds hand out credentials.",
            "A program could reach",
        )
    return [
        _nothing_gained(
            sorted({*found["listeners"], *heard}),
            "this machine's servers",
            "Listeners on this machine heard nothing from a program, by TCP, UDP or Unix socket.",
            "A program reached a listener on this machine by",
        ),
        network,
        _nothing_gained(
            found["files"],
            "your files",
            "A program could not read a file in the home folder.",
            "A program could read",
        ),
    ]


def _about_processes(found: dict[str, Any], *, daemons_gone: bool, orphans_gone: bool) -> list[Guarantee]:
    return [
        _nothing_gained(
            found["process"],
            "other processes",
            "A program could neither see nor signal a process outside.",
            "A process outside was",
        ),
        Guarantee(
            "daemons",
            daemons_gone,
            "Three daemons that ignore signals ended with the program that left them."
            if daemons_gone
            else "A daemon was still there after the program that left it.",
        ),
        Guarantee(
            "supervisor's death",
            orphans_gone,
            "A program and its daemons ended when their supervisor was killed."
            if orphans_gone
            else "A program or its daemon outlived a supervisor that was killed.",
        ),
    ]


def _about_limits(found: dict[str, Any], spun: int | None) -> list[Guarantee]:
    disk = found["filled"] <= _SCRATCH
    one_file = not found["grown"]
    stopped = spun in (-signal.SIGXCPU, -signal.SIGKILL)
    return [
        Guarantee(
            "disk limit",
            disk and one_file,
            f"A program wrote {found['filled'] >> 10} KiB into several files, with a limit of "
            f"{_SCRATCH >> 10} KiB{'' if one_file else ', and more than that into one'}.",
        ),
        _nothing_gained(
            found["memory"],
            "memory limit",
            f"A program did not get more than its {_MEMORY >> 20} MiB of memory.",
            f"A program with {_MEMORY >> 20} MiB of memory got",
        ),
        Guarantee(
            "process limit",
            found["started"] <= _PROCESSES,
            f"A program started {found['started']} processes where {_PROCESSES} were its limit.",
        ),
        Guarantee(
            "processor limit",
            stopped,
            "A program that spins was ended after one second of processor time."
            if stopped
            else "A program that spins was not ended by its limit.",
        ),
    ]


def _nothing_gained(gains: list[str], name: str, good: str, bad: str) -> Guarantee:
    return Guarantee(name, not gains, f"{bad} {', '.join(gains)}." if gains else good)


class _Canaries:
    """Things outside of every jail that notice when something gets at them."""

    def __enter__(self) -> _Canaries:
        self.pid = os.getpid()
        self._folder = tempfile.TemporaryDirectory(prefix=".kata-canary-", dir=_home())
        self.file = Path(self._folder.name, "canary")
        self.file.write_text("canary")
        self.unix_path = Path(self._folder.name, "socket")
        self._tcp = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._tcp.getsockname()[1]
        self._udp = socket.socket(type=socket.SOCK_DGRAM)
        self._udp.bind(("127.0.0.1", self.port))
        self._unix = socket.socket(socket.AF_UNIX)
        self._unix.bind(str(self.unix_path))
        self._unix.listen()
        return self

    def __exit__(self, *_: object) -> None:
        for canary in (self._tcp, self._udp, self._unix):
            canary.close()
        self._folder.cleanup()

    def heard(self) -> list[str]:
        """By which ways something was heard until now."""
        ways = {self._tcp: "TCP", self._udp: "UDP", self._unix: "a Unix socket"}
        ready, _, _ = select.select(list(ways), [], [], 0)
        return [ways[canary] for canary in ready]


def _home() -> str | None:
    """The home folder, or None (the machine's folder for temporary files) where it cannot be written."""
    home = Path.home()
    return str(home) if os.access(home, os.W_OK | os.X_OK) else None


def _orphans_are_gone(level: Level) -> bool:
    """Kill a supervisor whose program has left daemons; whether everything is gone soon after."""
    ours, theirs = socket.socketpair()
    supervisor = os.fork()
    if supervisor == 0:
        trial = Trial(level, _leave_daemons_and_stay)
        socket.send_fds(theirs, [str(trial.scratch or "").encode() or b"-"], [trial.output])
        signal.pause()
    theirs.close()
    with ours:
        scratch, descriptors, _, _ = socket.recv_fds(ours, 4096, 1)
    output = descriptors[0]
    started = _read_until(output, b"here", _PATIENCE_S)
    os.kill(supervisor, signal.SIGKILL)
    os.waitpid(supervisor, 0)
    gone = _read_until(output, None, _GONE_WITHIN_S)
    os.close(output)
    if scratch != b"-":
        remove_scratch(Path(os.fsdecode(scratch)))
    return started and gone


def _leave_daemons_and_stay(_: tuple[str, int]) -> None:
    attempts.leave_daemons()
    os.write(1, b"here")
    signal.pause()


def _read_until(descriptor: int, wanted: bytes | None, seconds: float) -> bool:
    """Whether `wanted` (None: the end) is read from `descriptor` within `seconds`."""
    received = b""
    ends = time.monotonic() + seconds
    while (left := ends - time.monotonic()) > 0 and select.select([descriptor], [], [], left)[0]:
        data = os.read(descriptor, 4096)
        received += data
        if not data or (wanted is not None and wanted in received):
            return (wanted is None) == (not data)
    return False


def _break_out_of_service(level: Level, canaries: _Canaries) -> list[str]:
    """What hostile code in a jailed and sealed service gains."""
    read, write = os.pipe()
    service = os.fork()
    if service == 0:
        with contextlib.suppress(BaseException):
            jail_service(level, (), keep_descriptors=[write])
            seal_service()
            gains = attempts.break_out_of_service(str(canaries.file), canaries.pid)
            os.write(write, json.dumps(gains).encode())
        os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as told:
        text = told.read()
    os.waitpid(service, 0)
    reported: list[str] = json.loads(text or b'["do something that was not reported"]')
    return reported
