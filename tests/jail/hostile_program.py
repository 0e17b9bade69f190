"""A table of small hostile programs. Each returns what it gained, or something false, or fails with an error.

This file runs inside the jail, so it imports nothing of ours. `holds` names the levels at which an attack
must gain nothing; `works` says that it does gain something at the level that promises nothing against it,
which shows that the attack is one.
"""

from __future__ import annotations

import ctypes
import errno
import os
import resource
import select
import signal
import socket
import stat
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Facts = dict[str, Any]

WALLED = frozenset({"namespaces", "landlock"})
EVERYWHERE = WALLED | {"process"}
OWN_ROOT = frozenset({"namespaces"})

libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long
libc.prctl.argtypes = [ctypes.c_int] + [ctypes.c_ulong] * 4

X86_64 = os.uname().machine == "x86_64"
NUMBERS = {
    # name: (x86_64, aarch64)
    "bpf": (321, 280),
    "chroot": (161, 51),
    "clone3": (435, 435),
    "fsopen": (430, 430),
    "io_uring_setup": (425, 425),
    "kcmp": (312, 272),
    "keyctl": (250, 219),
    "landlock_create_ruleset": (444, 444),
    "memfd_create": (319, 279),
    "mount": (165, 40),
    "move_mount": (429, 429),
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
    "open_tree": (428, 428),
    "perf_event_open": (298, 241),
    "personality": (135, 92),
    "pidfd_getfd": (438, 438),
    "pidfd_open": (434, 434),
    "pivot_root": (155, 41),
    "process_vm_readv": (310, 270),
    "ptrace": (101, 117),
    "seccomp": (317, 277),
    "setns": (308, 268),
    "shmget": (29, 194),
    "statmount": (457, 457),
    "umount2": (166, 39),
    "unshare": (272, 97),
    "userfaultfd": (323, 282),
}


def call(name: str, *arguments: object) -> int:
    """A system call by number; an OSError when it fails."""
    result: int = libc.syscall(ctypes.c_long(NUMBERS[name][0 if X86_64 else 1]), *arguments)
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result


def exists(name: str, *arguments: object) -> str | None:
    """Whether the kernel looked at the call at all, whatever it thought of the arguments."""
    try:
        return f"{name} returned {call(name, *arguments)}"
    except OSError as error:
        return (
            None
            if error.errno in (errno.EPERM, errno.ENOSYS)
            else f"{name} failed only with {error.strerror}"
        )


@dataclass(frozen=True)
class Attack:
    run: Callable[[Facts], object]
    holds: frozenset[str]
    works: bool


ATTACKS: dict[str, Attack] = {}


def attack(holds: frozenset[str], *, works: bool = False) -> Callable[[Callable[[Facts], object]], Any]:
    def enter(run: Callable[[Facts], object]) -> Callable[[Facts], object]:
        ATTACKS[run.__name__] = Attack(run, holds, works)
        return run

    return enter


# The network


@attack(WALLED, works=True)
def tcp(facts: Facts) -> object:
    with socket.create_connection(("127.0.0.1", facts["port"]), timeout=1) as connection:
        return connection.sendall(b"x") or "connected"


@attack(WALLED, works=True)
def tcp_without_blocking(facts: Facts) -> object:
    with socket.socket() as sock:
        sock.setblocking(False)
        if sock.connect_ex(("127.0.0.1", facts["port"])) not in (0, errno.EINPROGRESS):
            return None
        select.select([], [sock], [], 1)
        return sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0


@attack(WALLED)
def tcp_over_ipv6(facts: Facts) -> object:
    with socket.socket(socket.AF_INET6) as sock:
        sock.settimeout(1)
        sock.connect(("::ffff:127.0.0.1", facts["port"]))
        return "connected"


@attack(WALLED)
def tcp_fast_open(facts: Facts) -> object:
    with socket.socket() as sock:
        return sock.sendto(b"x", socket.MSG_FASTOPEN, ("127.0.0.1", facts["port"]))


@attack(WALLED)
def tcp_fast_open_by_sendmsg(facts: Facts) -> object:
    with socket.socket() as sock:
        return sock.sendmsg([b"x"], [], socket.MSG_FASTOPEN, ("127.0.0.1", facts["port"]))


@attack(WALLED)
def tcp_fast_open_by_option(facts: Facts) -> object:
    with socket.socket() as sock:
        sock.settimeout(1)
        sock.setsockopt(socket.IPPROTO_TCP, 30, 1)  # TCP_FASTOPEN_CONNECT
        sock.connect(("127.0.0.1", facts["port"]))
        return sock.send(b"x")


@attack(WALLED)
def multipath_tcp(facts: Facts) -> object:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262) as sock:
        sock.settimeout(1)
        sock.connect(("127.0.0.1", facts["port"]))
        return "connected"


@attack(WALLED)
def address_changed_while_it_is_judged(facts: Facts) -> object:
    """Another thread rewrites the address between the door's and the canary's."""
    import threading

    door, canary = facts["door"][1], facts["port"]
    address = ctypes.create_string_buffer(struct.pack("=H", socket.AF_INET) + bytes(14), 16)
    struct.pack_into("!H4B", address, 2, door, 127, 0, 0, 1)
    going = True

    def flip() -> None:
        while going:
            struct.pack_into("!H", address, 2, canary)
            struct.pack_into("!H", address, 2, door)

    flipping = threading.Thread(target=flip)
    flipping.start()
    try:
        for _ in range(60):  # fewer than the door holds before somebody accepts
            with socket.socket() as sock:
                done = libc.connect(sock.fileno(), address, 16) == 0
                if done and sock.getpeername()[1] != door:
                    return "connected"
    finally:
        going = False
        flipping.join()
    return None


@attack(WALLED)  # the canary says whether it was heard
def udp(facts: Facts) -> object:
    with socket.socket(type=socket.SOCK_DGRAM) as sock:
        sock.sendto(b"x", ("127.0.0.1", facts["port"]))
    return None


@attack(WALLED, works=True)
def unix_socket(facts: Facts) -> object:
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect(facts["unix"])
        return "connected"


@attack(WALLED, works=True)
def abstract_unix_socket(facts: Facts) -> object:
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect("\0" + facts["abstract"])
        return "connected"


@attack(WALLED, works=True)
def unix_datagram(facts: Facts) -> object:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        return sock.sendto(b"x", facts["datagrams"])


@attack(WALLED, works=True)
def unix_datagram_from_a_pair(facts: Facts) -> object:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with ours, theirs:
        return ours.sendto(b"x", facts["datagrams"])


@attack(WALLED)
def foreign_hosts(facts: Facts) -> object:
    if facts["level"] == "process":
        return None  # nothing would stop it
    reached = []
    for host in ("192.0.2.1", "169.254.169.254"):
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
            try:
                with socket.socket(type=kind) as sock:
                    sock.settimeout(1)
                    sock.connect((host, 80))
                    sock.send(b"x")
                reached.append((host, kind))
            except OSError:
                continue
    return reached


@attack(WALLED)
def odd_sockets(_: Facts) -> object:
    made = []
    raw, seqpacket = socket.SOCK_RAW, socket.SOCK_SEQPACKET
    for family, kind, protocol in (
        (socket.AF_INET, raw, 1),
        (socket.AF_INET, raw, 255),
        (socket.AF_PACKET, raw, 0),
        (socket.AF_NETLINK, raw, 0),
        (socket.AF_VSOCK, socket.SOCK_STREAM, 0),
        (38, seqpacket, 0),  # AF_ALG
        (socket.AF_INET, socket.SOCK_STREAM, 132),  # SCTP
        (socket.AF_INET, socket.SOCK_DGRAM, 136),  # UDPLITE
        (44, raw, 0),  # AF_XDP
    ):
        try:
            socket.socket(family, kind, protocol).close()
            made.append((family, kind, protocol))
        except OSError:
            continue
    return made


@attack(frozenset({"landlock"}), works=True)
def listening_for_somebody_outside(_: Facts) -> object:
    with socket.socket() as sock:
        sock.listen()
        return sock.getsockname()


# Files


@attack(WALLED, works=True)
def reading_the_expected_answer(facts: Facts) -> object:
    return Path(facts["secret"]).read_text()


@attack(WALLED)
def reading_it_through_a_symbolic_link(facts: Facts) -> object:
    Path("link").symlink_to(facts["secret"])
    return Path("link").read_text()


@attack(WALLED)
def reading_it_through_another_root(facts: Facts) -> object:
    for pid in (1, facts["warden"]):
        try:
            return Path(f"/proc/{pid}/root" + facts["secret"]).read_text()
        except OSError:
            continue
    return None


@attack(WALLED)
def reading_it_by_handle(facts: Facts) -> object:
    handle = ctypes.create_string_buffer(struct.pack("=II", 128, 0), 136)
    mount = ctypes.c_int()
    path = facts["secret"].encode()
    call("name_to_handle_at", ctypes.c_int(-100), path, handle, ctypes.byref(mount), ctypes.c_int(0))
    return call("open_by_handle_at", ctypes.c_int(-100), handle, ctypes.c_int(0))


@attack(WALLED, works=True)
def listing_labs_and_solutions(facts: Facts) -> object:
    found = []
    for folder in facts["labs"]:
        try:
            found += list(Path(folder).iterdir())
        except OSError:
            continue
    return found


@attack(WALLED)
def reading_accounts(_: Facts) -> object:
    return Path("/etc/shadow").read_text()


@attack(OWN_ROOT)
def seeing_that_files_exist(facts: Facts) -> object:
    return Path(facts["secret"]).stat()


@attack(WALLED)
def listing_foreign_folders(facts: Facts) -> object:
    own = {"learner", ".pyenv"}
    found = []
    for folder in ("/home", "/root", "/var", "/run", "/sys", "/boot", "/srv", facts["folder"]):
        try:
            found += [str(path) for path in Path(folder).iterdir() if path.name not in own]
        except OSError:
            continue
    prefix = sys.prefix, sys.base_prefix, facts["site"]
    return [path for path in found if not any(place.startswith(path) for place in prefix)]


@attack(WALLED, works=True)
def overwriting(facts: Facts) -> object:
    return Path(facts["victims"]["overwritten"]).write_text("0 points for the others")


@attack(WALLED, works=True)
def appending(facts: Facts) -> object:
    with Path(facts["victims"]["appended"]).open("a") as file:
        return file.write("x")


@attack(WALLED, works=True)
def emptying(facts: Facts) -> object:
    return os.truncate(facts["victims"]["emptied"], 0) or "emptied"


@attack(WALLED, works=True)
def removing(facts: Facts) -> object:
    return Path(facts["victims"]["removed"]).unlink() or "removed"


@attack(WALLED, works=True)
def moving(facts: Facts) -> object:
    return Path(facts["victims"]["moved"]).rename(facts["folder"] + "/elsewhere")


@attack(WALLED)
def linking(facts: Facts) -> object:
    Path("hard link").hardlink_to(facts["victims"]["linked"])
    return Path("hard link").write_text("changed")


@attack(WALLED)  # what is outside says whether it had an effect: under Landlock it only seems so
def changing_mode_and_times(facts: Facts) -> object:
    for change in (
        lambda: Path(facts["victims"]["chmodded"]).chmod(0o777),
        lambda: os.utime(facts["victims"]["touched"], (0, 0)),
        lambda: os.chown(facts["victims"]["touched"], os.getuid(), os.getgid()),
    ):
        try:
            change()
        except OSError:
            continue
    return None


@attack(WALLED)
def tagging(facts: Facts) -> object:
    return os.setxattr(facts["victims"]["tagged"], "user.note", b"x") or "tagged"


@attack(WALLED)
def changing_the_interpreter(facts: Facts) -> object:
    changed = []
    for path in (
        f"{facts['site']}/json_shadow.py",
        f"{sys.prefix}/lib/shadow.py",
        f"{sys.prefix}/bin/shadow",
        "/usr/lib/shadow",
        "/etc/shadow-of",
        "/dev/shadow",
    ):
        try:
            Path(path).write_text("raise SystemExit")
            changed.append(path)
        except OSError:
            continue
    return changed


@attack(EVERYWHERE)
def making_a_disk(_: Facts) -> object:
    return os.mknod("disk", 0o600 | stat.S_IFBLK, os.makedev(254, 0)) or "made"


@attack(WALLED)
def executing_what_it_wrote(_: Facts) -> object:
    Path("run").write_bytes(Path("/bin/true").read_bytes())
    Path("run").chmod(0o700)
    return subprocess.run([str(Path("run").absolute())], check=False).returncode == 0


@attack(WALLED, works=True)
def memory_files(_: Facts) -> object:
    return call("memfd_create", b"x", ctypes.c_uint(0))


@attack(WALLED, works=True)
def shared_memory_that_nobody_counts(_: Facts) -> object:
    return call("shmget", ctypes.c_int(0), ctypes.c_size_t(1 << 20), ctypes.c_int(0o1600)) >= 0 and "made"


# Other processes


@attack(WALLED)
def signalling_the_supervisor(facts: Facts) -> object:
    return os.kill(facts["pid"], 0) or "may"


@attack(OWN_ROOT, works=True)
def seeing_the_supervisor(facts: Facts) -> object:
    return Path("/proc", str(facts["pid"])).stat()


@attack(WALLED, works=True)
def reading_its_command_line(facts: Facts) -> object:
    return Path("/proc", str(facts["pid"]), "cmdline").read_bytes()


@attack(EVERYWHERE)
def looking_into_the_warden(facts: Facts) -> object:
    found = []
    for name in ("mem", "environ", "maps", "fd", "fdinfo", "cwd", "root", "exe", "auxv"):
        path = Path(f"/proc/{facts['warden']}/{name}")
        try:
            if name in ("fd", "fdinfo"):
                next(path.iterdir()).open().close()
            elif name in ("cwd", "root", "exe"):
                path.readlink()
            else:
                with path.open("rb") as file:
                    file.read(1)
            found.append(name)
        except OSError:
            continue
    return found


@attack(EVERYWHERE)
def tracing_the_warden(facts: Facts) -> object:
    found = []
    for request in (16, 0x4206):  # PTRACE_ATTACH, PTRACE_SEIZE
        try:
            call("ptrace", ctypes.c_long(request), ctypes.c_long(facts["warden"]), None, None)
            found.append(request)
        except OSError:
            continue
    return found


@attack(EVERYWHERE)
def reading_the_wardens_memory(facts: Facts) -> object:
    place = ctypes.create_string_buffer(64)
    vector = (ctypes.c_void_p * 2)(ctypes.addressof(place), 64)
    remote = (ctypes.c_void_p * 2)(id(None), 64)  # the same address: the warden is what this was forked from
    zero, one = ctypes.c_ulong(0), ctypes.c_ulong(1)
    return call("process_vm_readv", ctypes.c_int(facts["warden"]), vector, one, remote, one, zero)


@attack(EVERYWHERE)
def taking_the_wardens_descriptors(facts: Facts) -> object:
    process = call("pidfd_open", ctypes.c_int(facts["warden"]), ctypes.c_uint(0))
    for descriptor in range(3, 30):
        try:
            return call("pidfd_getfd", ctypes.c_int(process), ctypes.c_int(descriptor), ctypes.c_uint(0))
        except OSError:
            continue
    return None


@attack(WALLED)
def limiting_the_warden(facts: Facts) -> object:
    if facts["level"] == "process":
        return None  # it works, and spoils the report of this program's end
    resource.prlimit(facts["warden"], resource.RLIMIT_NOFILE, (3, 3))
    return "limited"


@attack(WALLED)
def pinning_the_warden(facts: Facts) -> object:
    return os.sched_setaffinity(facts["warden"], {0}) or "pinned"


@attack(WALLED)
def killing_the_warden(facts: Facts) -> object:
    if facts["level"] == "process":
        return None  # it works, and ends this program too
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGSEGV, signal.SIGSTOP, signal.SIGKILL):
        try:
            os.kill(facts["warden"], number)
        except OSError:
            continue
    ends = time.monotonic() + 0.01  # dying takes a moment
    while Path(f"/proc/{facts['warden']}/stat").exists() and time.monotonic() < ends:
        pass
    return Path(f"/proc/{facts['warden']}/stat").exists() is False and facts["level"] == "namespaces"


@attack(WALLED)
def having_the_warden_signalled(facts: Facts) -> object:
    """By making it the owner of a descriptor that is ready."""
    import fcntl

    ours, theirs = socket.socketpair()
    with ours, theirs:
        fcntl.fcntl(ours, 10, signal.SIGUSR1)  # F_SETSIG
        return fcntl.fcntl(ours, fcntl.F_SETOWN, facts["warden"]) or "owned"


# Privileges and the kernel


@attack(EVERYWHERE)
def becoming_root(_: Facts) -> object:
    try:
        os.setuid(0)
    except OSError:
        return 0 in os.getresuid()
    return "root"


@attack(EVERYWHERE)
def gaining_by_setuid_programs(_: Facts) -> object:
    return libc.prctl(39, 0, 0, 0, 0) != 1 and "no_new_privs is not set"


@attack(WALLED)
def new_namespaces(_: Facts) -> object:
    made = []
    for flag in (0x10000000, 0x40000000, 0x20000000, 0x20000, 0x8000000, 0x4000000, 0x2000000, 0x80):
        try:
            call("unshare", ctypes.c_ulong(flag))
            made.append(flag)
        except OSError:
            continue
    return made


@attack(WALLED)
def new_namespaces_by_clone(_: Facts) -> object:
    flags = 0x10000000 | signal.SIGCHLD
    number = 56 if X86_64 else 220
    pid = libc.syscall(ctypes.c_long(number), ctypes.c_ulong(flags), None, None, None, None)
    if pid == 0:
        os._exit(0)
    return pid > 0 and pid


@attack(WALLED)
def joining_foreign_namespaces(facts: Facts) -> object:
    joined = []
    for pid in (1, facts["warden"]):
        for name in ("net", "mnt", "user", "pid"):
            try:
                descriptor = os.open(f"/proc/{pid}/ns/{name}", os.O_RDONLY)
                call("setns", ctypes.c_int(descriptor), ctypes.c_int(0))
                joined.append(name)
            except OSError:
                continue
    return joined


@attack(WALLED)
def mounting(_: Facts) -> object:
    tried = (
        lambda: call("mount", b"none", b"/", None, ctypes.c_ulong(32 | 4096), None),  # remount writable
        lambda: call("mount", b"tmpfs", b"/tmp", b"tmpfs", ctypes.c_ulong(0), None),
        lambda: call("umount2", b"/usr", ctypes.c_int(2)),
        lambda: call("pivot_root", b".", b"."),
        lambda: call("chroot", b"."),
        lambda: call("fsopen", b"tmpfs", ctypes.c_uint(0)),
        lambda: call("open_tree", ctypes.c_int(-100), b"/", ctypes.c_uint(1)),
    )
    done = []
    for number, one in enumerate(tried):
        try:
            one()
            done.append(number)
        except OSError:
            continue
    return done


@attack(WALLED, works=True)
def kernel_interfaces(_: Facts) -> object:
    """Calls with a history of holes, or past every filter: the kernel must not even look at the arguments."""
    reached = [
        exists("io_uring_setup", ctypes.c_uint(1), None),
        exists("bpf", ctypes.c_int(0), None, ctypes.c_uint(0)),
        exists("perf_event_open", None, 0, -1, -1, 0),
        exists("userfaultfd", ctypes.c_int(0x800000)),
        exists("keyctl", ctypes.c_int(0), ctypes.c_int(-3), ctypes.c_int(0)),
        exists("kcmp", os.getpid(), os.getpid(), 0, 0, 0),
        exists("personality", ctypes.c_ulong(0xFFFFFFFF)),
        exists("seccomp", ctypes.c_uint(1), ctypes.c_uint(8), None),
        exists("landlock_create_ruleset", None, ctypes.c_size_t(0), ctypes.c_uint(1)),
        exists("statmount", None, None, ctypes.c_size_t(0), ctypes.c_uint(0)),
        exists("clone3", None, ctypes.c_size_t(0)),
    ]
    return [name for name in reached if name]


@attack(WALLED)
def calls_of_another_architecture(_: Facts) -> object:
    """A 32-bit system call and an x32 one, which have other numbers than the filter is about."""
    if not X86_64:
        return None
    if libc.syscall(ctypes.c_long(0x40000000 | 39)) > 0:  # getpid of x32
        return "x32"
    import mmap

    page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    page.write(b"\xb8\x14\x00\x00\x00\xcd\x80\xc3")  # mov eax, 20 (getpid of i386); int 0x80; ret
    function = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(page)))
    child = os.fork()
    if child == 0:
        os._exit(7 if function() > 0 else 0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7


@attack(EVERYWHERE)
def raising_its_limits(_: Facts) -> object:
    raised = []
    for name in ("CPU", "FSIZE", "NOFILE", "NPROC", "AS", "CORE"):
        what = getattr(resource, f"RLIMIT_{name}")
        hard = resource.getrlimit(what)[1]
        try:
            resource.setrlimit(what, (hard + 1, hard + 1))
            raised.append(name)
        except (OSError, ValueError):
            continue
    return raised


@attack(EVERYWHERE)
def inherited_descriptors(facts: Facts) -> object:
    found = []
    for descriptor in range(3, 256):
        try:
            os.fstat(descriptor)
        except OSError:
            continue
        if descriptor not in {facts["result"], *facts["own"]}:
            found.append(descriptor)
    return found


@attack(EVERYWHERE)
def typing_into_the_terminal(_: Facts) -> object:
    return os.open("/dev/tty", os.O_RDWR)


@attack(OWN_ROOT)
def reading_about_the_machine(_: Facts) -> object:
    secrets = (
        "/proc/cmdline",
        "/proc/kallsyms",
        "/proc/sys/kernel/core_pattern",
        "/proc/keys",
        "/sys/kernel",
    )
    return [path for path in secrets if Path(path).exists()]


def attempt(one: Attack, facts: Facts) -> object:
    try:
        return one.run(facts)
    except (OSError, ValueError, subprocess.SubprocessError):
        return None


def run_all(facts: Facts, answer: Callable[[object], None]) -> None:
    """Each attack in a process of its own, so that none spoils the ground for the next."""
    gained = {}
    for name, one in ATTACKS.items():
        read, write = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(read)
            signal.alarm(5)
            found = attempt(one, facts | {"own": {read, write}})
            os.write(write, repr(found or "").encode())
            os._exit(0)
        os.close(write)
        with os.fdopen(read, "rb") as told:
            gained[name] = told.read().decode()
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        if status:
            gained[name] = f"ended with {status}"
    answer(gained)
