"""The warden: the process in a program's jail that starts the learner's code, outlives it and cleans up."""

from __future__ import annotations

import os
import socket
import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, NoReturn, TypeVar

from cloudkata.jail import kernel, mounts, namespaces, privileges, processes, visible
from cloudkata.jail.confinement import Confinement
from cloudkata.jail.levels import JailError, Level
from cloudkata.jail.rlimits import Limits
from cloudkata.jail.watch import Watch
from cloudkata.jail.written import WrittenFiles, collect

T = TypeVar("T")

HELLO = b"H"

_MADE_UP_FILES = {
    "/etc/passwd": "learner:x:{id}:{id}:learner:/home/learner:/bin/sh\n",
    "/etc/group": "learner:x:{id}:\n",
    "/etc/hosts": "127.0.0.1 localhost lab\n::1 localhost\n",
    "/etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\n",
}


@dataclass(frozen=True)
class Folders:
    """Where a program lives, as it sees it."""

    work: Path
    """Its working folder; what it writes here is collected."""
    home: Path
    temporary: Path


@dataclass(frozen=True)
class Warden(Generic[T]):
    """What a warden needs to know; `run` is its life."""

    level: Level
    limits: Limits
    control: socket.socket
    readable: Sequence[Path]
    folders: Folders
    scratch: Path | None
    door_port: int
    begin: Callable[[], T]
    learner: Callable[[T, int], int]
    ended: Callable[[int, WrittenFiles, str | None], None]

    def run(self, host: int) -> NoReturn:
        """Be the warden; `host` is a pidfd of the parent. Ends the process."""
        try:
            self._settle_in(host)
            self.control.sendall(HELLO)
            status, result = self._start_learner(self.begin(), host).until_end()
            _let_go_of(2)  # the end of the output now means that nothing of the program is left
            self.ended(status, collect(self.folders.work, self.limits), result)
            os._exit(0)
        except (EOFError, ConnectionError):
            os._exit(1)  # the supervisor went away: there is nobody to tell
        except JailError as error:
            processes.complain(str(error))
        except BaseException:
            processes.complain(traceback.format_exc())
        os._exit(1)

    def _settle_in(self, host: int) -> None:
        """Root, identity and folders of the jail."""
        processes.stay_tied_to(host)
        processes.default_signals()
        processes.own_session()
        if self.level is Level.NAMESPACES:
            self._enter_own_root()
        else:
            kernel.adopt_orphans()
            self._use_scratch_folder()
        processes.stay_tied_to(host)  # the change of user cleared it
        kernel.set_dumpable(False)
        os.chdir(self.folders.work)
        os.environ.update(HOME=str(self.folders.home), TMPDIR=str(self.folders.temporary))

    def _enter_own_root(self) -> None:
        if os.getpid() != 1:
            raise JailError("The warden is not process 1 of a process namespace of its own.")
        owner = namespaces.LEARNER_ID
        places = {str(self.folders.home): "home", str(self.folders.temporary): "tmp", "/dev/shm": "shm"}
        mounts.change_root(
            mounts.Root(
                readable=self.readable,
                devices=visible.PROGRAM_DEVICES,
                files={path: text.format(id=owner) for path, text in _MADE_UP_FILES.items()},
                scratch=mounts.Scratch(self.limits.scratch_bytes, owner, places),
                processes=True,
            )
        )
        self.folders.work.mkdir()
        os.chown(self.folders.work, owner, owner)
        privileges.become(owner, kept=privileges.kept_to_read(self.readable))

    def _use_scratch_folder(self) -> None:
        if self.scratch is None:
            raise JailError(f"A program at level {self.level} needs a scratch folder.")
        stranger = privileges.stranger([*self.readable, self.scratch.parent])
        folders = (self.scratch, self.folders.work, self.folders.home, self.folders.temporary)
        for folder in folders:
            folder.mkdir(mode=0o700, exist_ok=True)
        if stranger.identity is not None:
            for folder in reversed(folders):  # the outer one last, for then it is closed to us
                os.chown(folder, stranger.identity, stranger.identity)
        privileges.become(stranger.identity, kept=stranger.kept)

    def _start_learner(self, begun: T, host: int) -> Watch:
        """Fork the learner's process; returns once it is confined."""
        if self.level is not Level.NAMESPACES:
            # From here on, dying at once with the host would leave nobody to end what the program started.
            kernel.outlive_parent()
        result_read, result_write = os.pipe()
        confined, telling = socket.socketpair()
        own = kernel.pidfd_open(os.getpid())
        sys.stdout.flush()
        sys.stderr.flush()
        pid = os.fork()
        if pid == 0:
            self._be_learner(begun, own, result_write, telling)
        for descriptor in (own, result_write):
            os.close(descriptor)
        telling.close()
        _let_go_of(0, 1)  # standard error stays, for the watch's own words
        with confined:
            told, descriptors, _, _ = socket.recv_fds(confined, 1, 1)
        if not told:
            raise JailError("The program's process could not be confined.")
        return Watch(
            self.level,
            self.limits,
            learner=pid,
            result=result_read,
            control=self.control,
            host=host,
            connections=descriptors[0] if descriptors else None,
            door_port=self.door_port,
        )

    def _be_learner(self, begun: T, warden: int, result: int, telling: socket.socket) -> NoReturn:
        """The life of the learner's process."""
        status = 1
        try:
            processes.stay_tied_to(warden)
            self.control.detach()  # closed below by number, which may then have another owner
            confinement = Confinement(self.level, self.limits, self.readable, self.scratch, self.door_port)
            listener = confinement.enter(keep_descriptors=[result, telling.fileno()])
            with telling:
                socket.send_fds(telling, [b"C"], [] if listener is None else [listener])
            if listener is not None:
                os.close(listener)
            status = self.learner(begun, result)
            sys.stdout.flush()
            sys.stderr.flush()
        except JailError as error:
            processes.complain(str(error))
        except BaseException:
            processes.complain(traceback.format_exc())
        finally:
            os._exit(status & 0xFF)


def _let_go_of(*descriptors: int) -> None:
    """Leave standard descriptors to the program; /dev/null takes their numbers."""
    null = os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)
    for descriptor in descriptors:
        os.dup2(null, descriptor)
    os.close(null)
