"""The host of one start of the program: a jail, a door in it, and the learner's process."""

from __future__ import annotations

import socket
from pathlib import Path

from cloudkata import jail, link
from cloudkata.channel import Channel
from cloudkata.world.launcher import launch


def host(level: jail.Level, control: socket.socket, scratch: Path | None) -> None:
    """Build the jail, hand its door to the supervisor, run the program when told to, report its end."""
    channel = Channel(control, (link.BeginProgram,))
    listener, endpoint = jail.open_door(level)
    channel.send(link.HostReady(endpoint=endpoint), descriptors=[listener.fileno()])
    door = listener.getsockname()
    listener.close()

    def begin() -> tuple[link.BeginProgram, bytes]:
        return channel.expect(link.BeginProgram)

    def learner(order: tuple[link.BeginProgram, bytes], result: int) -> int:
        return launch(*order, door, result)

    def ended(status: int, written: jail.WrittenFiles, result: str | None) -> None:
        channel.send(
            link.HostEnded(
                status=status,
                files=[(path, len(data)) for path, data in written.files.items()],
                files_left_out=written.left_out,
                result=result,
            ),
            b"".join(written.files.values()),
        )

    jail.host_program(
        level,
        jail.Limits(),
        control=control,
        readable=(),
        begin=begin,
        learner=learner,
        ended=ended,
        scratch=scratch,
    )
