"""Which system calls each jailed process may make.

Lists of what is permitted: a call that is new, forgotten or exotic is refused. Refused on purpose everywhere:
tracing and reading other processes, io_uring (its requests pass no filter), new namespaces and mounts, keys,
BPF, anonymous files and System V shared memory (memory that no limit counts), and the ways to have signals
sent to others through a descriptor's owner.
"""

from __future__ import annotations

import errno
import signal
import socket

from cloudkata.jail.seccomp import (
    ALLOW,
    ASK_LISTENER,
    Condition,
    Policy,
    Rule,
    assemble,
    equals,
    is_null,
    lacks,
    refuse,
    rule,
)
from cloudkata.jail.syscalls import machine

_REFUSED = refuse(errno.EPERM)
_UNKNOWN_CALL = refuse(errno.ENOSYS)


def _calls(names: str) -> frozenset[str]:
    return frozenset(names.split())


_EVERYONE = _calls("""
    read write readv writev pread64 preadv preadv2 lseek close close_range dup dup2 dup3
    fstat stat lstat newfstatat statx statfs fstatfs access faccessat faccessat2 readlink readlinkat
    getdents64 getcwd chdir fchdir umask fadvise64 readahead
    mmap mprotect munmap mremap madvise brk mincore msync
    poll ppoll select pselect6 epoll_create epoll_create1 epoll_ctl epoll_wait epoll_pwait epoll_pwait2
    eventfd2 timerfd_create timerfd_settime timerfd_gettime signalfd4 pipe pipe2
    futex futex_waitv set_robust_list get_robust_list set_tid_address rseq membarrier getcpu
    sched_yield sched_getaffinity arch_prctl
    rt_sigaction rt_sigprocmask rt_sigreturn rt_sigpending rt_sigtimedwait rt_sigsuspend sigaltstack
    pause alarm getitimer setitimer
    nanosleep clock_nanosleep clock_gettime clock_getres gettimeofday time times getrusage sysinfo uname
    getpid getppid gettid getuid geteuid getgid getegid getresuid getresgid getgroups getpgrp getpgid getsid
    capget getrlimit getrandom exit exit_group restart_syscall
    recvfrom accept accept4 shutdown getsockname getpeername getsockopt setsockopt
    """)
"""What an interpreter needs to compute, read files, wait, and talk over the sockets it has."""

_SERVICE_PARENT = _calls("fork wait4 waitid recvmsg")
"""What a service may do besides, until it is sealed."""

_PROGRAM_ONLY = _calls("""
    execve execveat fork vfork wait4 waitid recvmsg recvmmsg connect
    mkdir mkdirat rmdir rename renameat renameat2 unlink unlinkat link linkat symlink symlinkat mknod mknodat
    creat open openat ftruncate fallocate fsync fdatasync sync_file_range flock
    sendfile splice tee vmsplice copy_file_range pwrite64 pwritev pwritev2
    setsid setpgid setrlimit getpriority sched_getparam sched_getscheduler
    sched_get_priority_max sched_get_priority_min
    timer_create timer_settime timer_gettime timer_getoverrun timer_delete mlock munlock mlock2
    """)
"""What programs do beyond that: write their files, start processes, connect."""

_SIGNALS = _calls("kill tkill tgkill rt_sigqueueinfo rt_tgsigqueueinfo pidfd_open pidfd_send_signal")
_SERVERS = frozenset(["bind", "listen", "socketpair"])
_FILE_ATTRIBUTES = _calls(
    "chmod fchmod fchmodat fchmodat2 chown fchown lchown fchownat utime utimes futimesat utimensat"
)
_EXTENDED_ATTRIBUTES = _calls("""
    setxattr lsetxattr fsetxattr getxattr lgetxattr fgetxattr
    listxattr llistxattr flistxattr removexattr lremovexattr fremovexattr
    """)

_WRITING = 0o1 | 0o2 | 0o100 | 0o1000 | 0o20000000  # O_WRONLY O_RDWR O_CREAT O_TRUNC __O_TMPFILE
_NEW_NAMESPACES = 0x7E020000
_CLONE_THREAD = 0x00010000
_MSG_FASTOPEN = 0x20000000
_SOCKET_TYPE = 0xF

_TERMINAL_AND_SOCKET_QUESTIONS = (
    0x5401,  # TCGETS: isatty()
    0x802C542A,  # TCGETS2: isatty() of newer C libraries
    0x5411,  # SIOCOUTQ
    0x5413,  # TIOCGWINSZ
    0x541B,  # FIONREAD
    0x5421,  # FIONBIO
    0x5450,  # FIONCLEX
    0x5451,  # FIOCLEX
    0x894B,  # SIOCOUTQNSD
)

_F_SETOWN, _F_SETSIG, _F_SETOWN_EX, _F_SETLEASE, _F_NOTIFY = 8, 10, 15, 1024, 1026

_PR_SET_PDEATHSIG, _PR_GET_DUMPABLE, _PR_SET_DUMPABLE = 1, 3, 4
_PR_SET_NAME, _PR_GET_NAME, _PR_CAPBSET_READ = 15, 16, 23
_PR_SET_NO_NEW_PRIVS, _PR_GET_NO_NEW_PRIVS = 38, 39
_PR_SET_VMA = 0x53564D41  # names memory regions; newer C libraries and Go do

_OWN_PROCESS_ONLY = (
    # Reads this process's own limits: prlimit64(0, resource, NULL, ...).
    rule("prlimit64", equals(0, 0), is_null(2), otherwise=_REFUSED),
)

_SHARED_RULES = (
    # ENOSYS, because flags behind a pointer cannot be judged; the C library falls back to clone.
    Rule("clone3", (), _UNKNOWN_CALL),
    rule("ioctl", equals(1, *_TERMINAL_AND_SOCKET_QUESTIONS), otherwise=refuse(errno.ENOTTY)),
    Rule(
        "fcntl",
        (((equals(1, _F_SETOWN, _F_SETSIG, _F_SETOWN_EX, _F_SETLEASE, _F_NOTIFY),), _REFUSED),),
        ALLOW,
    ),
    # TCP fast open is a connect without connect(2).
    rule("sendto", lacks(3, _MSG_FASTOPEN), otherwise=_REFUSED),
)

_READ_ONLY_FILES = (
    rule("open", lacks(1, _WRITING), otherwise=refuse(errno.EACCES)),
    rule("openat", lacks(2, _WRITING), otherwise=refuse(errno.EACCES)),
)


def service_filter() -> bytes:
    """For emulator and checker from the start.

    They may fork, receive and pass descriptors, and add a stricter filter; no program can be executed, no
    socket made or connected, nothing opened for writing, nobody signalled.
    """
    return assemble(
        Policy(
            _EVERYONE | _SERVICE_PARENT,
            (
                *_SHARED_RULES,
                *_OWN_PROCESS_ONLY,
                *_READ_ONLY_FILES,
                rule("clone", lacks(0, _NEW_NAMESPACES), otherwise=_REFUSED),
                rule("sendmsg", lacks(2, _MSG_FASTOPEN), otherwise=_REFUSED),
                Rule(
                    "prctl",
                    (
                        ((equals(0, _PR_SET_PDEATHSIG), equals(1, signal.SIGKILL)), ALLOW),
                        ((equals(0, _PR_SET_NAME, _PR_GET_NAME, _PR_SET_VMA, _PR_SET_NO_NEW_PRIVS),), ALLOW),
                    ),
                    _REFUSED,
                ),
                # Only to add filters, for all threads or for one; never with a listener.
                rule("seccomp", equals(0, 1), equals(1, 0, 1), otherwise=_REFUSED),
            ),
            _REFUSED,
        ),
        machine(),
    )


def sealed_filter(*, receive_descriptors: bool) -> bytes:
    """For emulator and checker in a run: no new process, no descriptor passed on nor, unless
    `receive_descriptors`, received."""
    return assemble(
        Policy(
            _EVERYONE | (frozenset(["recvmsg"]) if receive_descriptors else frozenset()),
            (
                *_SHARED_RULES,
                *_OWN_PROCESS_ONLY,
                *_READ_ONLY_FILES,
                Rule(
                    "clone",
                    (((Condition(0, (_CLONE_THREAD,), _CLONE_THREAD | _NEW_NAMESPACES),), ALLOW),),
                    _REFUSED,
                ),
                rule("prctl", equals(0, _PR_SET_NAME, _PR_GET_NAME, _PR_SET_VMA), otherwise=_REFUSED),
            ),
            _REFUSED,
        ),
        machine(),
    )


_PROGRAM_RULES = (
    *_SHARED_RULES,
    rule("clone", lacks(0, _NEW_NAMESPACES), otherwise=_REFUSED),
    rule("sendmsg", lacks(2, _MSG_FASTOPEN), otherwise=_REFUSED),
    rule("sendmmsg", lacks(3, _MSG_FASTOPEN), otherwise=_REFUSED),
    # Limits, priority and processors of this process, never of another.
    rule("prlimit64", equals(0, 0), otherwise=_REFUSED),
    rule("sched_setaffinity", equals(0, 0), otherwise=_REFUSED),
    rule("setpriority", equals(0, 0), equals(1, 0), otherwise=_REFUSED),
    rule(
        "prctl",
        equals(
            0,
            _PR_SET_PDEATHSIG,
            _PR_GET_DUMPABLE,
            _PR_SET_DUMPABLE,
            _PR_SET_NAME,
            _PR_GET_NAME,
            _PR_CAPBSET_READ,
            _PR_SET_NO_NEW_PRIVS,
            _PR_GET_NO_NEW_PRIVS,
            _PR_SET_VMA,
        ),
        otherwise=refuse(errno.EINVAL),
    ),
    # ENOTSUP is what copying functions expect of a file system without them.
    *(Rule(name, (), refuse(errno.ENOTSUP)) for name in sorted(_EXTENDED_ATTRIBUTES)),
)


def program_filter() -> bytes:
    """For programs in namespaces of their own, where whatever they bind or signal is theirs."""
    internet = Condition(0, (socket.AF_INET, socket.AF_INET6))
    return assemble(
        Policy(
            _EVERYONE | _PROGRAM_ONLY | _SIGNALS | _SERVERS | _FILE_ATTRIBUTES | {"truncate"},
            (
                *_PROGRAM_RULES,
                Rule(
                    "socket",
                    (
                        ((equals(0, socket.AF_UNIX),), ALLOW),
                        # By protocol, because multipath TCP and SCTP answer to the same types.
                        ((internet, _of_type(socket.SOCK_STREAM), equals(2, 0, socket.IPPROTO_TCP)), ALLOW),
                        ((internet, _of_type(socket.SOCK_DGRAM), equals(2, 0, socket.IPPROTO_UDP)), ALLOW),
                    ),
                    refuse(errno.EAFNOSUPPORT),
                ),
            ),
            _REFUSED,
        ),
        machine(),
    )


def shared_network_program_filter(*, signals: bool, own_pid: int) -> bytes:
    """For programs on the machine's own network and file system, beside Landlock.

    TCP only, and connections only through the filter's listener: Landlock's port rule permits any address,
    and lets fast open, multipath TCP, UDP and Unix sockets pass. Changing attributes of files, which
    Landlock does not govern, succeeds without effect. Without `signals` (where Landlock cannot fence them)
    this process may signal only itself, by `own_pid`.
    """
    return assemble(
        Policy(
            (_EVERYONE | _PROGRAM_ONLY | (_SIGNALS if signals else frozenset())) - {"connect"},
            (
                *_PROGRAM_RULES,
                *(() if signals else (rule("tgkill", equals(0, own_pid), otherwise=_REFUSED),)),
                *(Rule(name, (), refuse(0)) for name in sorted(_FILE_ATTRIBUTES)),
                Rule("connect", (), ASK_LISTENER),
                rule(
                    "socket",
                    Condition(0, (socket.AF_INET, socket.AF_INET6)),
                    _of_type(socket.SOCK_STREAM),
                    equals(2, 0, socket.IPPROTO_TCP),
                    otherwise=refuse(errno.EACCES),
                ),
                # A datagram pair could send to any path's socket; streams keep to each other.
                rule(
                    "socketpair", equals(0, socket.AF_UNIX), _of_type(socket.SOCK_STREAM), otherwise=_REFUSED
                ),
            ),
            _REFUSED,
        ),
        machine(),
    )


def _of_type(kind: int) -> Condition:
    return Condition(1, (kind,), _SOCKET_TYPE)
