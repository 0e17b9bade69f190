"""Watching the learner's process until it ends, then ending everything it started."""

from __future__ import annotations

import os
import select
import signal
import socket
import time

from cloudkata.jail import kernel, memory, processes
from cloudkata.jail.connections import ConnectionDesk
from cloudkata.jail.levels import Level
from cloudkata.jail.rlimits import Limits

_LOOK_EVERY_S = 0.05
_LOOK_EVERY_S_OVER_WHOLE_MACHINE = 0.5
"""How often memory is added up; without a process namespace a look walks every process of the machine."""

_PIPE_READ = 1 << 16


class Watch:
    """The warden's view of a running program."""

    def __init__(
        self,
        level: Level,
        limits: Limits,
        *,
        learner: int,
        result: int,
        control: socket.socket,
        host: int,
        connections: int | None,
        door_port: int,
    ) -> None:
        self._own_namespace = level is Level.NAMESPACES
        self._limits = limits
        self._learner = learner
        self._result = _ResultPipe(result, limits.result_bytes)
        self._desk = None if connections is None else ConnectionDesk(connections, door_port)
        self._ended_by = (control.fileno(), host)
        self._poller = select.poll()
        self._poller.register(kernel.pidfd_open(learner), select.POLLIN)
        self._poller.register(result, select.POLLIN)
        self._poller.register(control, select.POLLRDHUP)
        self._poller.register(host, select.POLLIN)
        if self._desk is not None:
            self._poller.register(self._desk.listener, select.POLLIN)

    def until_end(self) -> tuple[int, str | None]:
        """Wait until the learner's process has ended and nothing of it is left; its status, and its result.

        Raises `EOFError`, with everything ended, when the supervisor or the host is gone.
        """
        pause = _LOOK_EVERY_S if self._own_namespace else _LOOK_EVERY_S_OVER_WHOLE_MACHINE
        next_look = time.monotonic() + pause
        while (status := processes.ended_children().get(self._learner)) is None:
            for descriptor, events in self._poller.poll(max(0.0, next_look - time.monotonic()) * 1000):
                self._attend_to(descriptor, events)
            if time.monotonic() >= next_look:
                self._look_at_memory()
                next_look = time.monotonic() + pause
        self._end_everything()
        return os.waitstatus_to_exitcode(status), self._result.text()

    def _attend_to(self, descriptor: int, events: int) -> None:
        if descriptor in self._ended_by:
            self._end_everything()
            raise EOFError("The supervisor is gone.")
        if self._desk is not None and descriptor == self._desk.listener and events & select.POLLIN:
            self._desk.answer()
        elif descriptor == self._result.descriptor and self._result.read():
            return
        else:  # nobody is left who could write, connect or be waited for
            self._poller.unregister(descriptor)

    def _look_at_memory(self) -> None:
        """Limits count per process; a crowd of processes is only held by adding up."""
        crowd = processes.all_others() if self._own_namespace else processes.descendants()
        if len(crowd) > 1 and memory.exceeds(crowd, self._limits.memory_bytes):
            mebibytes = self._limits.memory_bytes >> 20
            processes.complain(
                f"The program was ended: its processes together used more than {mebibytes} MiB of memory."
            )
            os.kill(self._learner, signal.SIGKILL)

    def _end_everything(self) -> None:
        if self._own_namespace:
            processes.end_namespace()
        else:
            processes.end_descendants()


class _ResultPipe:
    """What the learner's process writes as its result: read as it comes, so that it never blocks; bounded."""

    def __init__(self, descriptor: int, most: int) -> None:
        self.descriptor = descriptor
        self._most = most
        self._received = bytearray()
        os.set_blocking(descriptor, False)

    def read(self) -> bool:
        """Take what is there; returns whether there was anything."""
        try:
            data = os.read(self.descriptor, _PIPE_READ)
        except BlockingIOError:
            return False
        room = self._most + 1 - len(self._received)
        self._received += data[:room]
        return bool(data)

    def text(self) -> str | None:
        """Everything written, once all writers are gone; None when it is nothing, too much or not UTF-8."""
        while self.read():
            pass
        if not self._received or len(self._received) > self._most:
            return None
        try:
            return self._received.decode()
        except UnicodeDecodeError:
            return None
