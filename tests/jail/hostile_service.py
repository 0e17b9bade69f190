"""A table of what hostile code in an emulator or checker would try.

It runs inside the jail, so it imports nothing of ours. Each attack returns what it gained, or something
false, or fails with an error. All are tried twice, before and after the service was sealed; `once_sealed` are
those that a service may do until then.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import resource
import signal
import socket
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Facts = dict[str, Any]

libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long
libc.prctl.argtypes = [ctypes.c_int] + [ctypes.c_ulong] * 4

COLUMN = 0 if os.uname().machine == "x86_64" else 1
NUMBERS = {
    # name: (x86_64, aarch64)
    "bpf": (321, 280),
    "clone": (56, 220),
    "clone3": (435, 435),
    "execveat": (322, 281),
    "io_uring_setup": (425, 425),
    "keyctl": (250, 219),
    "memfd_create": (319, 279),
    "mount": (165, 40),
    "openat2": (437, 437),
    "perf_event_open": (298, 241),
    "pidfd_open": (434, 434),
    "pidfd_send_signal": (424, 424),
    "process_vm_readv": (310, 270),
    "ptrace": (101, 117),
    "rt_sigqueueinfo": (129, 138),
    "seccomp": (317, 277),
    "setns": (308, 268),
    "shmget": (29, 194),
    "splice": (275, 76),
    "tgkill": (234, 131),
    "unshare": (272, 97),
    "userfaultfd": (323, 282),
}


def call(name: str, *arguments: object) -> int:
    """A system call by number; an OSError when it fails."""
    result: int = libc.syscall(ctypes.c_long(NUMBERS[name][COLUMN]), *arguments)
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result


def successes(attempts: dict[str, Callable[[], object]]) -> list[str]:
    """Those that were not refused: an error about the arguments means that the kernel looked at them."""
    found = []
    for name, one in attempts.items():
        try:
            one()
            found.append(name)
        except OSError as error:
            if (
                error.errno in (errno.EINVAL, errno.EFAULT, errno.EBADF, errno.ENOENT, errno.ESRCH)
                and name in NUMBERS
            ):
                found.append(f"{name}: {error.strerror}")
    return found


@dataclass(frozen=True)
class Attack:
    run: Callable[[Facts], object]
    once_sealed: bool


ATTACKS: dict[str, Attack] = {}


def attack(run: Callable[[Facts], object]) -> Callable[[Facts], object]:
    ATTACKS[run.__name__] = Attack(run, once_sealed=False)
    return run


def attack_once_sealed(run: Callable[[Facts], object]) -> Callable[[Facts], object]:
    ATTACKS[run.__name__] = Attack(run, once_sealed=True)
    return run


@attack
def executing(_: Facts) -> object:
    path, none = ctypes.c_char_p(b"/bin/true"), ctypes.c_void_p(None)
    return successes(
        {
            # With arguments that cannot work, so that success would not end these attempts.
            "execve": lambda: os.execv("/nonexistent", ["x"]),
            "execveat": lambda: call("execveat", ctypes.c_int(-1), path, none, none, ctypes.c_int(0)),
        }
    )


@attack
def making_sockets(_: Facts) -> object:
    made = []
    for family in range(46):
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_RAW, socket.SOCK_SEQPACKET):
            try:
                socket.socket(family, kind).close()
                made.append((family, kind))
            except OSError:
                continue
    with contextlib.suppress(OSError):
        made.append(socket.socketpair())
    return made


@attack
def using_what_it_has_to_connect(facts: Facts) -> object:
    there = ("127.0.0.1", facts["port"])

    def tries(sock: socket.socket) -> dict[str, Callable[[], object]]:
        return {
            "connect": lambda: sock.connect(there),
            "bind": lambda: sock.bind(("127.0.0.1", 0)),
            "listen": sock.listen,
            "fast open": lambda: sock.sendto(b"x", socket.MSG_FASTOPEN, there),
            "fast open by sendmsg": lambda: sock.sendmsg([b"x"], [], socket.MSG_FASTOPEN, there),
        }

    return [gain for sock in facts["sockets"][1:] for gain in successes(tries(sock))]


@attack
def reading(facts: Facts) -> object:
    found = []
    for path in (facts["secret"], "/etc/shadow", "/proc/self/environ", "/proc/1/environ", *facts["labs"]):
        try:
            found.append(list(Path(path).iterdir()) if Path(path).is_dir() else Path(path).read_bytes())
        except OSError:
            continue
    return found


@attack
def writing(facts: Facts) -> object:
    found = []
    for folder in ("/", "/tmp", "/dev", "/usr", facts["folder"], facts["site"], "."):
        place = f"{folder}/written"
        for name, one in {
            "open": lambda place=place: os.open(place, os.O_WRONLY | os.O_CREAT),
            "create": lambda place=place: os.open(place, os.O_RDONLY | os.O_CREAT),
            "unnamed": lambda folder=folder: os.open(folder, os.O_RDWR | os.O_TMPFILE),
            "folder": lambda place=place: Path(place).mkdir(),
            "pipe": lambda place=place: os.mkfifo(place),
            "link": lambda place=place: Path(place).symlink_to("x"),
        }.items():
            try:
                one()
                found.append(f"{name} in {folder}")
            except OSError:
                continue
    how = struct.pack("=QQQ", os.O_RDWR | os.O_CREAT, 0o600, 0)
    found += successes(
        {
            "openat2": lambda: call("openat2", ctypes.c_int(-100), b"/tmp/x", how, ctypes.c_size_t(24)),
            "memfd_create": lambda: call("memfd_create", b"x", ctypes.c_uint(0)),
            "shmget": lambda: call("shmget", ctypes.c_int(0), ctypes.c_size_t(4096), ctypes.c_int(0o1600)),
        }
    )
    return found


@attack
def changing(facts: Facts) -> object:
    victims = facts["victims"]
    return successes(
        {
            "overwrite": lambda: Path(victims["overwritten"]).write_text("x"),
            "append": lambda: os.open(victims["appended"], os.O_WRONLY | os.O_APPEND),
            "truncate": lambda: os.truncate(victims["emptied"], 0),
            "unlink": Path(victims["removed"]).unlink,
            "rename": lambda: Path(victims["moved"]).rename(facts["folder"] + "/elsewhere"),
            "chmod": lambda: Path(victims["chmodded"]).chmod(0o777),
            "utime": lambda: os.utime(victims["touched"], (0, 0)),
            "setxattr": lambda: os.setxattr(victims["tagged"], "user.note", b"x"),
            "link": lambda: os.link(victims["linked"], facts["folder"] + "/linked-again"),
        }
    )


@attack
def signalling(facts: Facts) -> object:
    gains = []
    for pid in {facts["pid"], os.getppid(), 1, os.getpid()} - {0}:
        gains += successes(
            {
                f"kill {pid}": lambda pid=pid: os.kill(pid, 0),
                f"tgkill {pid}": lambda pid=pid: call("tgkill", pid, pid, 0),
                f"queue {pid}": lambda pid=pid: call("rt_sigqueueinfo", pid, 0, None),
                f"pidfd {pid}": lambda pid=pid: call("pidfd_open", pid, 0),
            }
        )
    return gains + successes({"kill all": lambda: os.kill(-1, 0), "kill the group": lambda: os.killpg(0, 0)})


@attack
def having_others_signalled(facts: Facts) -> object:
    import fcntl

    return successes({"F_SETOWN": lambda: fcntl.fcntl(facts["sockets"][0], fcntl.F_SETOWN, facts["pid"])})


@attack
def governing_others(facts: Facts) -> object:
    pid = facts["pid"]
    return successes(
        {
            "ptrace": lambda: call("ptrace", ctypes.c_long(16), ctypes.c_long(pid), None, None),
            "process_vm_readv": lambda: call("process_vm_readv", pid, None, 0, None, 0, 0),
            "prlimit": lambda: resource.prlimit(pid, resource.RLIMIT_NOFILE),
            "affinity": lambda: os.sched_setaffinity(pid, {0}),
            "priority": lambda: os.setpriority(os.PRIO_PROCESS, pid, 5),
        }
    )


@attack
def reaching_into_the_kernel(_: Facts) -> object:
    return successes(
        {
            "unshare": lambda: call("unshare", ctypes.c_ulong(0x10000000)),
            "setns": lambda: call("setns", ctypes.c_int(0), ctypes.c_int(0)),
            "mount": lambda: call("mount", b"none", b"/", None, ctypes.c_ulong(0), None),
            "io_uring_setup": lambda: call("io_uring_setup", ctypes.c_uint(1), None),
            "bpf": lambda: call("bpf", ctypes.c_int(0), None, ctypes.c_uint(0)),
            "keyctl": lambda: call("keyctl", ctypes.c_int(0), ctypes.c_int(-3), ctypes.c_int(0)),
            "perf_event_open": lambda: call("perf_event_open", None, 0, -1, -1, 0),
            "userfaultfd": lambda: call("userfaultfd", ctypes.c_int(0)),
            "splice": lambda: call("splice", 0, None, 0, None, ctypes.c_size_t(0), 0),
        }
    )


@attack
def loosening_the_jail(_: Facts) -> object:
    found = []
    if libc.prctl(4, 1, 0, 0, 0) == 0:
        found.append("let itself be traced")
    if libc.prctl(1, 0, 0, 0, 0) == 0:
        found.append("outlive the supervisor")
    if libc.prctl(36, 1, 0, 0, 0) == 0:
        found.append("adopt orphans")
    for name in ("FSIZE", "AS", "NOFILE", "CORE"):
        what = getattr(resource, f"RLIMIT_{name}")
        try:
            resource.setrlimit(what, (resource.getrlimit(what)[1] + 1,) * 2)
            found.append(f"raise {name}")
        except (OSError, ValueError):
            continue
    if resource.getrlimit(resource.RLIMIT_FSIZE)[1] != 0:
        found.append("grow files")
    return found + successes(
        {
            "setuid": lambda: os.setuid(0),
            "listening filter": lambda: call("seccomp", ctypes.c_uint(1), ctypes.c_uint(8), None),
        }
    )


@attack
def taking_all_memory(_: Facts) -> object:
    try:
        return len(bytearray(6 << 30))
    except MemoryError:
        return None


@attack
def new_namespaces_by_clone(_: Facts) -> object:
    flags = 0x10000000 | signal.SIGCHLD
    if (pid := call("clone", ctypes.c_ulong(flags), None, None, None, None)) == 0:
        os._exit(0)
    return pid


@attack_once_sealed
def forking(_: Facts) -> object:
    if (pid := os.fork()) == 0:
        os._exit(0)
    os.waitpid(pid, 0)
    return pid


@attack_once_sealed
def forking_in_other_ways(_: Facts) -> object:
    vfork = 0x4000 | 0x100 | signal.SIGCHLD
    if (pid := call("clone", ctypes.c_ulong(signal.SIGCHLD), None, None, None, None)) == 0:
        os._exit(0)
    return pid, vfork


@attack_once_sealed
def passing_descriptors(facts: Facts) -> object:
    return socket.send_fds(facts["sockets"][0], [b"x"], [0])


@attack_once_sealed
def receiving_descriptors(facts: Facts) -> object:
    facts["sockets"][0].setblocking(False)
    try:
        return socket.recv_fds(facts["sockets"][0], 1, 1)
    except BlockingIOError:
        return "only nothing came"


@attack_once_sealed
def filtering(_: Facts) -> object:
    try:
        return call("seccomp", ctypes.c_uint(1), ctypes.c_uint(0), None)
    except OSError as error:
        return error.errno == errno.EFAULT and "the kernel looked for a filter"


def run_all(facts: Facts) -> dict[str, str]:
    gained = {}
    for name, one in ATTACKS.items():
        try:
            gained[name] = repr(one.run(facts) or "")
        except (OSError, ValueError):
            gained[name] = repr("")
    return gained


def can_still_work(facts: Facts) -> list[str]:
    """What a sealed service needs and could not do; empty when all is well."""
    import fcntl
    import selectors
    import sqlite3
    import ssl
    import zoneinfo
    from concurrent.futures import ThreadPoolExecutor

    control, listener = facts["sockets"][:2]

    def wait_with_epoll() -> None:
        with selectors.EpollSelector() as selector:
            selector.register(control, selectors.EVENT_WRITE)
            assert selector.select(1)

    def serve() -> None:
        accepted, _ = listener.accept()
        with accepted:
            assert accepted.recv(100) == b"knock"
            accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for question in (0x541B, 0x5411, 0x894B):  # FIONREAD SIOCOUTQ SIOCOUTQNSD
                fcntl.ioctl(accepted, question, bytearray(4))
            accepted.setblocking(False)
            accepted.setblocking(True)
            accepted.sendall(b"come in")

    def use_threads() -> None:
        with ThreadPoolExecutor(4) as pool:
            assert sum(pool.map(abs, range(100))) == 4950
        event = threading.Event()
        threading.Thread(target=event.set).start()
        assert event.wait(5)

    def compute() -> None:
        with sqlite3.connect(":memory:") as database:
            database.execute("select 1")
        database.close()
        assert zoneinfo.ZoneInfo("Europe/Paris").key
        ssl.create_default_context()
        assert len(os.urandom(16)) == 16
        assert len(bytearray(200 << 20)) == 200 << 20

    failed = []
    for one in (wait_with_epoll, serve, use_threads, compute):
        try:
            one()
        except (OSError, AssertionError, RuntimeError) as error:
            failed.append(f"{one.__name__}: {error!r}")
    return failed
