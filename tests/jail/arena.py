"""What stands around the jails in these tests: the supervisor's side, and canaries that notice an escape."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from jail import hostile_program

import cloudkata
from cloudkata.jail import Level, obstacle, remove_scratch

HERE = Path(__file__).parent
SOURCES = Path(cloudkata.__file__).parent.parent
LEVELS = [level for level in Level if obstacle(level) is None]
"""Every level this machine offers to this user."""

PATIENCE_S = 30.0

NOTHING = repr("")
"""What an attack reports that gained nothing."""

ATTACKS = (
    Path(hostile_program.__file__).read_text()
    + """
run_all(facts | {"door": door, "result": result, "warden": os.getppid()}, answer)
"""
)
"""A program that tries them all."""

KNOCKING = """
import asyncio, os, socket, subprocess, sys, threading

async def knock():
    _, writer = await asyncio.open_connection(*door)
    writer.close()
    return True

found = [asyncio.run(knock())]
def by_thread():
    socket.create_connection(door).close()
    found.append(True)
threads = [threading.Thread(target=by_thread) for _ in range(8)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
code = f"import socket; socket.create_connection({door!r}).close()"
found.append(subprocess.run([sys.executable, "-c", code]).returncode == 0)
answer(found)
"""
"""A program that connects to its door without blocking, from threads and from a child."""


def _python(script: str, *arguments: str) -> list[str]:
    return [sys.executable, "-I", str(HERE / script), str(SOURCES), *arguments]


@dataclass(frozen=True)
class Ended:
    """What is known of a program that has ended."""

    status: int | None
    """None when its end was not reported."""
    files: dict[str, bytes]
    left_out: int
    result: str | None
    output: str
    host_status: int

    @property
    def answer(self) -> Any:
        """What the program gave to `answer`."""
        assert self.result is not None, self.output
        return json.loads(self.result)


class Program:
    """A program in its jail, from the supervisor's side."""

    def __init__(
        self,
        level: Level,
        source: str,
        *,
        facts: object = None,
        limits: dict[str, int] | None = None,
        readable: Sequence[Path] = (),
        contained: bool = False,
    ) -> None:
        self.level = level
        self.scratch = Path(tempfile.mkdtemp(prefix="kata-test-"))
        self.control, theirs = socket.socketpair()
        self.control.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self.control.settimeout(PATIENCE_S)
        listed = [str(path) for path in readable]
        settings = json.dumps({"limits": limits or {}, "readable": listed, "contained": contained})
        with theirs:
            self.host = subprocess.Popen(
                _python("hosting.py", level.value, str(theirs.fileno()), str(self.scratch), settings),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                pass_fds=[theirs.fileno()],
            )
        self.output = self.host.stdout.fileno() if self.host.stdout else -1
        self.received = bytearray()
        self.door: socket.socket | None = None
        self.warden = 0
        try:
            self.endpoint, self.door = self._receive_door()
            self.warden = self._receive_hello()
            self.control.sendall(json.dumps({"source": source, "facts": facts}).encode() + b"\n")
        except BaseException:
            self.__exit__()
            raise

    def _receive_door(self) -> tuple[str, socket.socket]:
        # The sender's identity comes along and takes room that is counted in descriptors.
        data, descriptors, _, _ = socket.recv_fds(self.control, 200, 16)
        assert descriptors, self.read_until_gone()
        return data.decode(), socket.socket(fileno=descriptors[0])

    def _receive_hello(self) -> int:
        """The warden's process id, as the kernel knows it on this side."""
        data, ancillary, _, _ = self.control.recvmsg(1, socket.CMSG_SPACE(struct.calcsize("iII")))
        assert data == b"H", self.read_until_gone()
        return int(struct.unpack("iII", ancillary[0][2])[0])

    def __enter__(self) -> Program:
        return self

    def __exit__(self, *_: object) -> None:
        self.control.close()
        if self.warden:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.warden, signal.SIGKILL)
        self.read_until_gone()
        self.host.wait(PATIENCE_S)
        if self.door:
            self.door.close()
        if self.host.stdout:
            self.host.stdout.close()
        remove_scratch(self.scratch)

    def read_until(self, wanted: bytes) -> None:
        """Read output until `wanted` is in it."""
        assert self._read(wanted), f"{wanted!r} was not written, only {bytes(self.received)!r}"

    def read_until_gone(self) -> str:
        """Read output to its end: then no process of the jail is left that has not closed it."""
        assert self._read(None), f"Something still holds the output; it wrote {bytes(self.received)!r}"
        return self.received.decode(errors="replace")

    def _read(self, wanted: bytes | None) -> bool:
        ends = time.monotonic() + PATIENCE_S
        while wanted is None or wanted not in self.received:
            if not select.select([self.output], [], [], max(0.0, ends - time.monotonic()))[0]:
                return False
            data = os.read(self.output, 1 << 16)
            if not data:
                return wanted is None
            self.received += data
        return True

    def end(self) -> Ended:
        """Wait until the program has ended by itself."""
        report = bytearray()
        output = self.read_until_gone()
        while data := self.control.recv(1 << 16):
            report += data
        status = self.host.wait(PATIENCE_S)
        if not report:
            return Ended(None, {}, 0, None, output, status)
        program, files, left_out, result = json.loads(report)
        decoded = {path: base64.b64decode(data) for path, data in files.items()}
        return Ended(program, decoded, left_out, result, output, status)


def run_program(level: Level, source: str, **settings: Any) -> Ended:
    """Run a program in its jail to its end."""
    with Program(level, source, **settings) as program:
        return program.end()


class Service:
    """A jailed service, from the supervisor's side."""

    def __init__(
        self, level: Level, source: str, *, facts: object = None, readable: Sequence[Path] = ()
    ) -> None:
        self.control, theirs = socket.socketpair()
        self.control.settimeout(PATIENCE_S)
        settings = {"source": source, "facts": facts, "readable": [str(path) for path in readable]}
        with theirs:
            self.process = subprocess.Popen(
                _python("serving.py", level.value, str(theirs.fileno()), json.dumps(settings)),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                pass_fds=[theirs.fileno()],
            )

    def __enter__(self) -> Service:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.control.close()
        self.process.kill()
        self.process.communicate()

    def answer(self) -> Any:
        """What the service gave to `answer`; waits for its end."""
        received = bytearray()
        while data := self.control.recv(1 << 16):
            received += data
        output, _ = self.process.communicate(timeout=PATIENCE_S)
        assert received, output.decode()
        return json.loads(received.lstrip(b"x"))  # what attackers sent before it


def run_service(level: Level, source: str, **settings: Any) -> Any:
    """Run a service to its end; what it gave to `answer`."""
    with Service(level, source, **settings) as service:
        return service.answer()


VICTIMS = (
    "appended",
    "chmodded",
    "emptied",
    "linked",
    "moved",
    "overwritten",
    "removed",
    "touched",
    "tagged",
)
"""Files outside of every jail, each for one attack that would change it."""


class Outside:
    """Things outside of every jail. File permissions keep nobody from them: only a jail does."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="kata-outside-")
        folder = Path(self._folder.name)
        folder.chmod(0o777)
        self.secret = folder / "secret"
        self.secret.write_text("the expected answer")
        self.secret.chmod(0o644)
        for name in VICTIMS:
            (folder / name).write_text(name)
            (folder / name).chmod(0o666)
        self._before = self._look()
        self._tcp = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._tcp.getsockname()[1]
        self._udp = socket.socket(type=socket.SOCK_DGRAM)
        self._udp.bind(("127.0.0.1", self.port))
        self._unix = _unix_listener(str(folder / "socket"), socket.SOCK_STREAM)
        self._datagrams = _unix_listener(str(folder / "datagrams"), socket.SOCK_DGRAM)
        self._abstract = _unix_listener(f"\0kata-test-{os.getpid()}-{self.port}", socket.SOCK_STREAM)
        for name in ("socket", "datagrams"):
            (folder / name).chmod(0o666)

    def close(self) -> None:
        for listener in (self._tcp, self._udp, self._unix, self._datagrams, self._abstract):
            listener.close()
        self._folder.cleanup()

    @property
    def facts(self) -> dict[str, Any]:
        """What attackers are told about it all."""
        folder = self._folder.name
        return {
            "folder": folder,
            "secret": str(self.secret),
            "victims": {name: f"{folder}/{name}" for name in VICTIMS},
            "port": self.port,
            "unix": f"{folder}/socket",
            "datagrams": f"{folder}/datagrams",
            "abstract": f"kata-test-{os.getpid()}-{self.port}",
            "pid": os.getpid(),
            "labs": [str(SOURCES.parent / "labs"), str(SOURCES.parent / "solutions")],
            "site": str(Path(json.__file__).parent),
        }

    def heard(self) -> list[str]:
        """Which listeners heard something until now."""
        names = {
            self._tcp: "tcp",
            self._udp: "udp",
            self._unix: "unix",
            self._datagrams: "datagrams",
            self._abstract: "abstract",
        }
        ready, _, _ = select.select(list(names), [], [], 0)
        return [names[listener] for listener in ready]

    def changed(self) -> list[str]:
        """Which files are not as they were."""
        now = self._look()
        return [name for name, state in self._before.items() if now[name] != state]

    def _look(self) -> dict[str, Any]:
        return {name: _state(Path(self._folder.name, name)) for name in VICTIMS}


def _state(path: Path) -> object:
    if not path.exists():
        return None
    status = path.stat()
    attributes = os.listxattr(path)
    return path.read_text(), status.st_mode, status.st_mtime_ns, status.st_nlink, attributes


def _unix_listener(address: str, kind: int) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX, kind)
    listener.bind(address)
    if kind == socket.SOCK_STREAM:
        listener.listen()
    return listener


@contextlib.contextmanager
def outside() -> Iterator[Outside]:
    """Things outside, for one level's attacks."""
    things = Outside()
    try:
        yield things
    finally:
        things.close()


def living_with(marker: str) -> list[int]:
    """Processes of this machine, zombies aside, that have `marker` in their command line."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            with contextlib.suppress(OSError):
                if marker.encode() in (entry / "cmdline").read_bytes():
                    found.append(int(entry.name))
    return found
