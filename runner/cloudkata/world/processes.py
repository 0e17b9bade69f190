"""Starting the processes of a run the plain way: fresh interpreters, nothing inherited but what is named."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from cloudkata import jail

_ENVIRONMENT = {
    "PATH": "/usr/local/bin:/usr/bin:/bin",
    "LANG": "C.UTF-8",
    "TZ": "UTC",
    # Sets iterate in the same order in every run.
    "PYTHONHASHSEED": "0",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONIOENCODING": "utf-8:backslashreplace",
    "AWS_CONFIG_FILE": "/dev/null",
    "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
    "BOTO_CONFIG": "/dev/null",
    "AWS_EC2_METADATA_DISABLED": "true",
    "NO_PROXY": "*",
    "no_proxy": "*",
}
"""Built from an allow-list, never copied and cleaned: nothing of the user's account or shell comes along."""


LONGEST_END = 5.0
"""Seconds within which a killed jail must be gone; then its outer process is killed too."""


@dataclass(eq=False)
class Child:
    """A process the supervisor started, and this end of its control socket."""

    process: subprocess.Popen[bytes]
    control: socket.socket | None
    scratch: Path | None = None
    warden: int | None = None
    """For a program's host: a pidfd of the process whose end ends everything in the jail."""

    def kill(self) -> None:
        """Kill it with everything it started; returns when the kernel has reaped it all.

        The process we started waits for its jail: when it is gone, nothing in the jail is left.
        """
        if self.warden is not None:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(self.warden, signal.SIGKILL)
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(LONGEST_END)
            os.close(self.warden)
            self.warden = None
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def end(self) -> None:
        """Kill it, and let go of everything that belonged to it."""
        if self.control is not None:
            self.control.close()
        self.kill()
        for pipe in (self.process.stdout, self.process.stderr):
            if pipe:
                pipe.close()
        if self.scratch:
            jail.remove_scratch(self.scratch)


def start_service(
    role: str,
    level: jail.Level,
    link_end: socket.socket,
    readable: Sequence[Path],
    control: socket.socket | None = None,
) -> Child:
    """Start the emulator or the checker; `link_end` is its end of the link between the two.

    `control` is its end of the control socket; without one a pair is made.
    """
    if control is None:
        ours, control = socket.socketpair()
    else:
        ours = None
    arguments = [str(control.fileno()), str(link_end.fileno()), *map(str, readable)]
    process = _spawn(role, level, arguments, [control.fileno(), link_end.fileno()], subprocess.DEVNULL)
    control.close()
    link_end.close()
    return Child(process, ours)


def start_program_host(level: jail.Level, python: str) -> Child:
    """Start the host of one start of the program; its output comes through the process's pipes."""
    ours, theirs = socket.socketpair()
    scratch = _scratch() if level is not jail.Level.NAMESPACES else None
    arguments = [str(theirs.fileno()), str(scratch or "")]
    process = _spawn("program", level, arguments, [theirs.fileno()], subprocess.PIPE, python)
    theirs.close()
    return Child(process, ours, scratch)


def _scratch() -> Path:
    try:
        return Path(tempfile.mkdtemp(prefix="kata-"))
    except OSError as error:
        raise jail.JailError(
            f"No folder could be made for the program to work in: {error.strerror}."
        ) from None


def _spawn(
    role: str,
    level: jail.Level,
    arguments: list[str],
    descriptors: list[int],
    output: int | IO[bytes],
    python: str = sys.executable,
) -> subprocess.Popen[bytes]:
    errors = subprocess.STDOUT if os.environ.get("CLOUDKATA_DEBUG") else output
    return subprocess.Popen(
        [python, "-P", "-s", "-m", "cloudkata.world.role", role, level.value, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output if output == subprocess.PIPE else errors,
        env=_ENVIRONMENT,
        pass_fds=descriptors,
        start_new_session=True,
        cwd="/",
    )
