"""What is tried inside a jail to prove what it holds; most attempts list what they gained."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import time
from collections.abc import Callable, Iterable
from pathlib import Path

_SPOKEN = b"canary"
_PATIENCE_S = 0.5
_FOREIGN_HOSTS = ("192.0.2.1", "169.254.169.254")
"""A test network that exists nowhere (RFC 5737), and where clouds hand out credentials."""


def gained(attempts: dict[str, Callable[[], object]]) -> list[str]:
    """The names of those attempts that the system let happen."""
    successes = []
    for name, attempt in attempts.items():
        try:
            attempt()
        except (OSError, MemoryError):
            continue
        successes.append(name)
    return successes


def reach_listeners(port: int, path: str) -> list[str]:
    """Talk to canaries outside: TCP and UDP on `port` of the loopback, a Unix socket at `path`."""

    def tcp() -> None:
        with socket.create_connection(("127.0.0.1", port), timeout=_PATIENCE_S) as connection:
            connection.sendall(_SPOKEN)

    def fast_open() -> None:
        with socket.socket() as sock:
            sock.settimeout(_PATIENCE_S)
            sock.sendto(_SPOKEN, socket.MSG_FASTOPEN, ("127.0.0.1", port))

    def udp() -> None:
        with socket.socket(type=socket.SOCK_DGRAM) as sock:
            sock.sendto(_SPOKEN, ("127.0.0.1", port))

    def unix() -> None:
        with socket.socket(socket.AF_UNIX) as sock:
            sock.connect(path)

    gained({"UDP": udp})  # sending succeeds where nobody listens; the canary says whether it heard it
    return gained({"TCP": tcp, "TCP fast open": fast_open, "a Unix socket": unix})


def reach_foreign_hosts() -> list[str]:
    """Connect to hosts that are not this machine. Only for where nothing can get out."""

    def connect(host: str) -> Callable[[], object]:
        return lambda: socket.create_connection((host, 80), timeout=_PATIENCE_S).close()

    def send(host: str) -> Callable[[], object]:
        return lambda: socket.socket(type=socket.SOCK_DGRAM).sendto(_SPOKEN, (host, 53))

    return gained(
        {f"{host} by TCP": connect(host) for host in _FOREIGN_HOSTS}
        | {f"{host} by UDP": send(host) for host in _FOREIGN_HOSTS}
    )


def read(paths: Iterable[str]) -> list[str]:
    """Read files."""
    return gained({path: Path(path).read_bytes for path in paths})


def find_process(pid: int) -> list[str]:
    """See or signal a process outside."""
    return gained({"seen": Path("/proc", str(pid)).stat, "signalled": lambda: os.kill(pid, 0)})


def fill_disk(size: int) -> int:
    """Write files of half of `size` until it is refused, four at most; returns the bytes written."""
    written = 0
    for number in range(4):
        try:
            written += Path(f"filling-{number}").write_bytes(bytes(size // 2))
        except OSError:
            break
    return written


def grow_file(size: int) -> list[str]:
    """Write one file larger than `size`."""
    return gained({"a larger file": lambda: Path("larger").write_bytes(bytes(size + 1))})


def allocate(size: int) -> list[str]:
    """Hold `size` bytes of memory."""
    return gained({f"{size >> 20} MiB": lambda: bytearray(size)})


def start_processes(most: int) -> int:
    """Start processes until it is refused, `most` at most; returns how many."""
    started: list[int] = []
    try:
        while len(started) < most:
            pid = os.fork()
            if pid == 0:
                signal.pause()
            started.append(pid)
    except OSError:
        pass
    return len(started)


def leave_daemons() -> None:
    """Start processes that left the session and ignore what asks them to end."""
    for _ in range(3):
        if os.fork() == 0:
            for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
                signal.signal(number, signal.SIG_IGN)
            os.setsid()
            if os.fork():
                os._exit(0)
            time.sleep(60)
            os._exit(0)


def spin() -> None:
    """Use the processor until somebody ends it."""
    while True:
        pass


def break_out_of_service(canary: str, foreign: int) -> list[str]:
    """What hostile code in an emulator or checker would try first."""

    def fork() -> None:
        if os.fork() == 0:
            os._exit(0)

    def execute() -> None:
        # Where executing is permitted, what is missing is the file; a real one would end the attempts.
        with contextlib.suppress(FileNotFoundError):
            os.execv("/nonexistent", ["nonexistent"])

    return gained(
        {
            "start a process": fork,
            "execute a program": execute,
            "make a socket": lambda: socket.socket().close(),
            "read a foreign file": Path(canary).read_bytes,
            "write a file": lambda: Path(canary).write_bytes(_SPOKEN),
            "signal a process": lambda: os.kill(foreign, 0),
            "look into a process": Path("/proc", str(foreign), "maps").read_bytes,
        }
    )
