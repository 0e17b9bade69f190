"""The messages between processes, and how they travel.

Supervisor, emulator, checker and program host do not trust each other: every message has a type, is
decoded strictly, and has a bounded size. A frame is two big-endian 32-bit lengths, a JSON message and
an optional binary body. File descriptors travel beside a frame (SCM_RIGHTS).
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Sequence
from typing import Any, Literal, TypeVar

import msgspec

from cloudkata.grade import Call, Check

MAX_MESSAGE = 32 << 20
"""Largest JSON message, in bytes: a trace of 2,500 calls with full parameters fits."""

MAX_BODY = 128 << 20
"""Largest body of a call or an answer, in bytes."""

_HEAD = struct.Struct(">II")
_INT = struct.Struct("i")
_SCM_CREDENTIALS = 2
_ONE_READ = 1 << 18
_ANCILLARY = socket.CMSG_SPACE(4 * _INT.size) + socket.CMSG_SPACE(3 * _INT.size)


class LinkError(Exception):
    """The other side said something that is not in the protocol, or went away in the middle of it."""


class Message(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind", tag=True
):
    """Base of all messages."""


# Supervisor to emulator


class StartWorld(Message, frozen=True):
    """Everything an emulator needs to make a world: no checks, no hints, no expected values."""

    lab: str
    """Folder with `setup.py`, as the emulator sees it."""
    lab_id: str
    seed: int
    inputs: dict[str, str]
    services: list[str]
    patience_ms: int
    max_calls: int


class LaneStarted(Message, frozen=True):
    """A launched process exists; the listening socket of its door travels beside this message."""

    lane: str


class LaneExited(Message, frozen=True):
    """Every process of the lane is gone."""

    lane: str
    status: int | None
    why: str | None = None


class LaneLooked(Message, frozen=True):
    """Answer to `LookAtLane`: whether no task of the lane ran between two looks."""

    lane: str
    number: int
    quiet: bool


class Ping(Message, frozen=True):
    """Are you alive? The emulator answers `Pong` when its one thread gets there."""

    number: int


# Emulator to supervisor


class WorldReady(Message, frozen=True):
    """The start state is made."""

    began_ms: int
    """The world's clock at the start of the program, in milliseconds since 1970."""


class WorldFault(Message, frozen=True):
    """`setup.py` failed: the lab author's fault."""

    why: str


class Launch(Message, frozen=True):
    """Start a process for a lane. Written and forgotten: the answer is `LaneStarted`, later `LaneExited`."""

    lane: str
    start: int
    """Number of the start, from 1; with the seed and the lane it seeds the process's randomness."""
    clock_ms: int
    environment: dict[str, str]
    function: str | None = None
    """Call this function of the program instead of running it as a script."""
    arguments: str = "{}"
    """Keyword arguments for it, as JSON."""


class KillLane(Message, frozen=True):
    """End every process of a lane."""

    lane: str
    why: str


class LookAtLane(Message, frozen=True):
    """Ask whether a lane with several tasks is waiting as a whole."""

    lane: str
    number: int
    """Told apart, because an answer may be out of date when it comes."""


class Serving(Message, frozen=True):
    """The emulator takes up a program's call; should it fall silent now, this is the call to name."""

    call: str


class Pong(Message, frozen=True):
    """Answer to `Ping`."""

    number: int


# Checker to emulator, on the link


class AwsCall(Message, frozen=True):
    """An HTTP request to the emulated AWS; the request's body travels as the frame's body."""

    door: Literal["administrator", "public"]
    """Who knocks: `administrator` needs no signature, `public` is treated as any stranger."""
    method: str
    target: str
    headers: list[tuple[str, str]]


class RunProgram(Message, frozen=True):
    """Start the program and let the world go on until it has ended."""

    function: str | None = None
    arguments: str = "{}"


class Advance(Message, frozen=True):
    """Let world time pass, then bring to its end what has begun by then."""

    ms: int


class Settle(Message, frozen=True):
    """Run until nothing prompt is left and no function is in flight."""


class GetTrace(Message, frozen=True):
    """Ask for the recorded calls."""


class GetState(Message, frozen=True):
    """Ask for a description of everything the lab's services hold."""


class AddFault(Message, frozen=True):
    """Answer the next calls of an operation, when a program makes them, as a throttled service does."""

    operation: str
    times: int


# Emulator to checker, on the link


class AwsAnswer(Message, frozen=True):
    """The emulated AWS's answer; its body travels as the frame's body."""

    status: int
    reason: str
    headers: list[tuple[str, str]]
    clock_ms: int


class ProgramEnded(Message, frozen=True):
    """One start of the program is over."""

    lane: str
    status: int | None
    why: str | None
    calls: int
    world_ms: int
    clock_ms: int


class Now(Message, frozen=True):
    """The world's clock, in milliseconds since 1970."""

    clock_ms: int


class Trace(Message, frozen=True):
    """The recorded calls, oldest first."""

    calls: list[Call]


class State(Message, frozen=True):
    """What the world holds: service, resource, attribute, value."""

    services: dict[str, dict[str, dict[str, Any]]]


class Refused(Message, frozen=True):
    """The emulator will not or cannot do it."""

    why: str


# Supervisor and checker


class CollectChecks(Message, frozen=True):
    """Import `check.py` and say which checks it has."""

    lab: str
    lab_id: str
    seed: int
    inputs: dict[str, str]
    services: list[str]


class ChecksCollected(Message, frozen=True):
    """The checks of the lab, in order; each stands as `blocked` until it is reported."""

    checks: list[Check]


class CollectionFault(Message, frozen=True):
    """`check.py` cannot be imported or holds no check: the lab author's fault."""

    why: str


class JudgeWorld(Message, frozen=True):
    """Run the program and the checks now."""

    clock_ms: int


class CheckDone(Message, frozen=True):
    """One check has its result."""

    check: Check


class JudgingDone(Message, frozen=True):
    """All checks are reported; what else goes into the grade."""

    program: ProgramEnded
    clock_ms: int
    timeline: list[Call]
    timeline_left_out: int
    changes: list[str]
    changes_left_out: int
    notes: list[str]


class JudgingFault(Message, frozen=True):
    """The checker itself could not go on."""

    why: str


class GetOutput(Message, frozen=True):
    """Ask for what a lane left behind."""

    lane: str


class OutputIs(Message, frozen=True):
    """What a lane left behind. Files travel in the body, one after the other, in the order of `files`."""

    stdout: str
    stderr: str
    cut: int
    files: list[tuple[str, int]]
    """Path and size of each file that the program wrote."""
    files_left_out: int
    result: str | None
    """JSON text that a called function returned."""


# Supervisor and program host


class BeginProgram(Message, frozen=True):
    """Run the program now. Its source travels as the body."""

    name: str
    clock_ms: int
    randomness: str
    """Seeds the process's randomness."""
    environment: dict[str, str]
    function: str | None
    arguments: str


class HostReady(Message, frozen=True):
    """The jail stands; the door's listening socket travels beside this message."""

    endpoint: str


class HostEnded(Message, frozen=True):
    """The program is gone. The files it wrote travel in the body."""

    status: int
    """As `os.waitstatus_to_exitcode`: negative for a signal."""
    files: list[tuple[str, int]]
    files_left_out: int
    result: str | None


M = TypeVar("M", bound=Message)

_encoder = msgspec.json.Encoder()


class Channel:
    """One end of a stream socket that carries frames.

    `allowed` are the messages this end accepts; anything else is a `LinkError`. Only an end that was
    made for it takes `descriptors`: a sealed process may not receive any.
    """

    def __init__(
        self, sock: socket.socket, allowed: Sequence[type[Message]], *, descriptors: bool = False
    ) -> None:
        self.sock = sock
        self._takes_descriptors = descriptors
        self._decoder = msgspec.json.Decoder(_union(allowed))
        self._received = bytearray()
        self._descriptors: list[int] = []
        self.sender = 0
        """Process id of who wrote last, once `learn_senders` was called."""

    def send(self, message: Message, body: bytes = b"", descriptors: Sequence[int] = ()) -> None:
        """Send one frame, and descriptors beside it; blocks until the kernel has taken it all."""
        text = _encoder.encode(message)
        if len(text) > MAX_MESSAGE or len(body) > MAX_BODY:
            raise LinkError(f"{type(message).__name__} is too large to send.")
        frame = _HEAD.pack(len(text), len(body)) + text
        if descriptors:
            sent = socket.send_fds(self.sock, [frame], list(descriptors))
            frame = frame[sent:]
        self.sock.sendall(frame + body if len(body) < 1 << 16 else frame)
        if len(body) >= 1 << 16:
            self.sock.sendall(body)

    def receive(self) -> tuple[Message, bytes]:
        """The next message and its body; blocks. Raises `EOFError` when the other side is gone."""
        while (frame := self.pop()) is None:
            self.read_once()
        return frame

    def expect(self, kind: type[M]) -> tuple[M, bytes]:
        """The next message, which must be a `kind`."""
        message, body = self.receive()
        if not isinstance(message, kind):
            raise LinkError(f"Expected {kind.__name__}, got {type(message).__name__}.")
        return message, body

    def ask(self, message: Message, kind: type[M], body: bytes = b"") -> tuple[M, bytes]:
        """Send `message` and return its answer, which must be a `kind`."""
        self.send(message, body)
        return self.expect(kind)

    def read_once(self) -> None:
        """One `recv`, kept for `pop`; descriptors that came along are kept for `take_descriptors`."""
        ancillary = []
        try:
            if self._takes_descriptors:
                data, ancillary, _, _ = self.sock.recvmsg(_ONE_READ, _ANCILLARY)
            else:
                data = self.sock.recv(_ONE_READ)
        except ConnectionResetError:
            data = b""
        for level, kind, content in ancillary:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                count = len(content) // _INT.size
                self._descriptors += struct.unpack(f"{count}i", content[: count * _INT.size])
            elif level == socket.SOL_SOCKET and kind == _SCM_CREDENTIALS:
                (self.sender,) = _INT.unpack_from(content)
        if not data:
            raise EOFError("The other side is gone.")
        self._received += data

    def learn_senders(self) -> None:
        """From now on `sender` is the process id of who wrote what was read last, told by the kernel."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)

    def pop_byte(self) -> bytes | None:
        """The next single byte among what was read, or None: a sign that travels between frames."""
        if not self._received:
            return None
        byte = bytes(self._received[:1])
        del self._received[:1]
        return byte

    def pop(self) -> tuple[Message, bytes] | None:
        """The next whole frame among what was read, or None."""
        received = self._received
        if len(received) < _HEAD.size:
            return None
        text_length, body_length = _HEAD.unpack_from(received)
        if text_length > MAX_MESSAGE or body_length > MAX_BODY:
            raise LinkError("A frame is larger than the protocol allows.")
        end = _HEAD.size + text_length + body_length
        if len(received) < end:
            return None
        text = bytes(received[_HEAD.size : _HEAD.size + text_length])
        body = bytes(received[_HEAD.size + text_length : end])
        del received[:end]
        try:
            message: Message = self._decoder.decode(text)
        except msgspec.MsgspecError as error:
            raise LinkError(f"A message is not in the protocol: {error}.") from None
        return message, body

    def take_descriptors(self) -> list[int]:
        """The descriptors received so far, which now belong to the caller."""
        taken, self._descriptors = self._descriptors, []
        return taken

    def close(self) -> None:
        """Close the socket and every descriptor nobody took."""
        for descriptor in self.take_descriptors():
            socket.close(descriptor)
        self.sock.close()


def _union(kinds: Sequence[type[Message]]) -> Any:
    union: Any = kinds[0]
    for kind in kinds[1:]:
        union = union | kind
    return union
