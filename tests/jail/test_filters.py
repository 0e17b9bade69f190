"""The filters, run by an interpreter of classic BPF: for both architectures, whichever this machine is."""

from __future__ import annotations

import errno
import os
import signal
import socket
import struct
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloudkata.jail import JailError, filters
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
from cloudkata.jail.syscalls import AUDIT_ARCHITECTURE, MACHINES, NUMBERS, number

KILL = 0x80000000
EPERM, ENOSYS = refuse(errno.EPERM), refuse(errno.ENOSYS)

both = pytest.mark.parametrize("machine", MACHINES)


def judge(
    code: bytes, machine: str, nr: int, arguments: Sequence[int] = (), architecture: int | None = None
) -> int:
    """What the kernel does with a call, by the rules of bpf(4) and seccomp(2)."""
    padded = [*arguments, *[0] * 6][:6]
    audit = AUDIT_ARCHITECTURE[machine] if architecture is None else architecture
    data = struct.pack("=IIQ6Q", nr, audit, 0, *(value & 0xFFFFFFFFFFFFFFFF for value in padded))
    instructions = list(struct.iter_unpack("=HBBI", code))
    accumulator = at = 0
    while True:
        operation, if_true, if_false, value = instructions[at]
        at += 1
        if operation == 0x20:
            accumulator = struct.unpack_from("=I", data, value)[0]
        elif operation == 0x54:
            accumulator &= value
        elif operation == 0x05:
            at += value
        elif operation in (0x15, 0x35):
            at += (
                if_true if (accumulator == value if operation == 0x15 else accumulator >= value) else if_false
            )
        else:
            assert operation == 0x06
            return int(value)


class Filter:
    """A filter of ours for one architecture, asked by name."""

    def __init__(self, machine: str, code: bytes) -> None:
        self.machine, self.code = machine, code

    def __call__(self, name: str, *arguments: int) -> int:
        nr = number(name, self.machine)
        assert nr is not None
        return judge(self.code, self.machine, nr, arguments)


Make = Callable[[str, Callable[[], bytes]], Filter]


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> Make:
    def make(machine: str, build: Callable[[], bytes]) -> Filter:
        monkeypatch.setattr(filters, "machine", lambda: machine)
        return Filter(machine, build())

    return make


ALL = {
    "service": filters.service_filter,
    "sealed": lambda: filters.sealed_filter(receive_descriptors=False),
    "sealed and receiving": lambda: filters.sealed_filter(receive_descriptors=True),
    "program": filters.program_filter,
    "program beside others": lambda: filters.shared_network_program_filter(signals=True, own_pid=77),
    "program beside others without signals": lambda: filters.shared_network_program_filter(
        signals=False, own_pid=77
    ),
}
SERVICES = ("service", "sealed", "sealed and receiving")
PROGRAMS = ("program", "program beside others", "program beside others without signals")

every_filter = pytest.mark.parametrize("name", ALL)


@both
@every_filter
def test_what_is_not_known_is_refused(made: Make, machine: str, name: str) -> None:
    judged = made(machine, ALL[name])
    known = {found for call in NUMBERS if (found := number(call, machine)) is not None}
    for nr in range(2000):
        if nr not in known:
            assert judge(judged.code, machine, nr) == (ENOSYS if nr >= 424 else EPERM), nr


@both
@every_filter
def test_another_architecture_kills(made: Make, machine: str, name: str) -> None:
    judged = made(machine, ALL[name])
    for architecture in (
        0x40000003,
        0x40000028,
        AUDIT_ARCHITECTURE[next(each for each in MACHINES if each != machine)],
    ):
        assert judge(judged.code, machine, 39, architecture=architecture) == KILL


@every_filter
def test_x32_calls_do_not_exist(made: Make, name: str) -> None:
    judged = made("x86_64", ALL[name])
    for nr in (0, 59, 520, 547):
        assert judge(judged.code, "x86_64", 0x40000000 | nr) == ENOSYS


@both
@every_filter
def test_no_filter_lets_anybody_into_the_machinery(made: Make, machine: str, name: str) -> None:
    judged = made(machine, ALL[name])
    for call in ("pivot_root", "mount_setattr", "capset", "pidfd_getfd", "landlock_restrict_self"):
        assert judged(call) in (EPERM, ENOSYS), call
    assert judged("clone3") == ENOSYS
    for flag in (0x10000000, 0x40000000, 0x20000000, 0x20000, 0x8000000, 0x4000000, 0x2000000):
        assert judged("clone", flag | signal.SIGCHLD) == EPERM
        assert judged("clone", flag | 0x3D0F00) == EPERM
    for question in (
        0x5412,
        0x541C,
        0x8901,
        0x8902,
        0x5410,
    ):  # TIOCSTI TIOCLINUX FIOSETOWN SIOCSPGRP TIOCSPGRP
        assert judged("ioctl", 0, question) == refuse(errno.ENOTTY)
    for question in (8, 10, 15, 1024):
        assert judged("fcntl", 0, question) == EPERM
    assert judged("fcntl", 0, 3) == ALLOW
    assert judged("sendto", 0, 0, 0, 0x20000000) == EPERM
    assert judged("sendto", 0, 0, 0, 0x4000) == ALLOW


@both
@pytest.mark.parametrize("name", SERVICES)
def test_services_read_files_and_their_own_limits_only(made: Make, machine: str, name: str) -> None:
    judged = made(machine, ALL[name])
    assert judged("openat", -100, 0, os.O_RDONLY | os.O_CLOEXEC) == ALLOW
    for flag in (os.O_WRONLY, os.O_RDWR, os.O_CREAT, os.O_TRUNC, 0o20000000, 3):
        assert judged("openat", -100, 0, flag) == refuse(errno.EACCES)
        if machine == "x86_64":
            assert judged("open", 0, flag) == refuse(errno.EACCES)
    assert judged("prlimit64", 0, 7, 0, 1) == ALLOW
    assert judged("prlimit64", 0, 7, 1 << 40, 1) == EPERM  # a pointer whose low half is null
    assert judged("prlimit64", 0, 7, 4096, 1) == EPERM
    assert judged("prlimit64", 5, 7, 0, 1) == EPERM
    for call in (
        "execve",
        "execveat",
        "socket",
        "socketpair",
        "connect",
        "bind",
        "listen",
        "kill",
        "tkill",
        "tgkill",
    ):
        assert judged(call) == EPERM
    for call in (
        "unlinkat",
        "mkdirat",
        "renameat2",
        "truncate",
        "ftruncate",
        "fchmodat",
        "utimensat",
        "setsid",
    ):
        assert judged(call) == EPERM
    for call in (
        "recvfrom",
        "accept4",
        "epoll_ctl",
        "epoll_pwait",
        "mmap",
        "futex",
        "getrandom",
        "exit_group",
    ):
        assert judged(call) == ALLOW
    for question in (0x541B, 0x5411, 0x894B, 0x5421, 0x5401):
        assert judged("ioctl", 0, question) == ALLOW


@both
def test_sealing_takes_away_forks_and_descriptors(made: Make, machine: str) -> None:
    fork, thread = signal.SIGCHLD, 0x3D0F00
    before, after = made(machine, ALL["service"]), made(machine, ALL["sealed"])
    receiving = made(machine, ALL["sealed and receiving"])
    assert [before("clone", fork), after("clone", fork)] == [ALLOW, EPERM]
    assert [before("clone", thread), after("clone", thread)] == [ALLOW, ALLOW]
    assert [before("recvmsg"), after("recvmsg"), receiving("recvmsg")] == [ALLOW, EPERM, ALLOW]
    assert [before("sendmsg"), after("sendmsg"), receiving("sendmsg")] == [ALLOW, EPERM, EPERM]
    assert [before("wait4"), after("wait4")] == [ALLOW, EPERM]
    assert [before("seccomp", 1, 1), after("seccomp", 1, 1)] == [ALLOW, EPERM]
    assert before("seccomp", 1, 8) == EPERM
    assert [before("prctl", 1, 9), before("prctl", 1, 0), before("prctl", 4, 1)] == [ALLOW, EPERM, EPERM]
    assert [after("prctl", 1, 9), after("prctl", 15)] == [EPERM, ALLOW]


@both
def test_sockets_of_a_program(made: Make, machine: str) -> None:
    own, shared = made(machine, ALL["program"]), made(machine, ALL["program beside others"])
    stream, datagram = socket.SOCK_STREAM, socket.SOCK_DGRAM
    for family in (socket.AF_INET, socket.AF_INET6):
        for protocol in (0, 6):
            assert own("socket", family, stream | socket.SOCK_CLOEXEC, protocol) == ALLOW
            assert shared("socket", family, stream | socket.SOCK_NONBLOCK, protocol) == ALLOW
        assert own("socket", family, datagram, 17) == ALLOW
        assert shared("socket", family, datagram, 0) != ALLOW
        for protocol in (132, 262, 136, 1):
            assert own("socket", family, stream, protocol) != ALLOW
            assert shared("socket", family, stream, protocol) != ALLOW
        assert own("socket", family, socket.SOCK_RAW, 6) != ALLOW
    assert own("socket", socket.AF_UNIX, stream, 0) == ALLOW
    assert shared("socket", socket.AF_UNIX, stream, 0) != ALLOW
    for family in (16, 17, 31, 38, 40, 44):
        assert own("socket", family, stream, 0) != ALLOW
    assert shared("socketpair", socket.AF_UNIX, stream | socket.SOCK_CLOEXEC, 0) == ALLOW
    assert shared("socketpair", socket.AF_UNIX, datagram, 0) == EPERM
    assert [own("connect"), shared("connect")] == [ALLOW, ASK_LISTENER]
    assert [own("bind"), shared("bind"), shared("listen")] == [ALLOW, EPERM, EPERM]


@both
def test_signals_of_a_program_without_a_fence(made: Make, machine: str) -> None:
    fenced, without = made(machine, ALL["program beside others"]), made(machine, ALL[PROGRAMS[2]])
    for call in ("kill", "tkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo", "pidfd_send_signal"):
        assert fenced(call) == ALLOW
        assert without(call) in (EPERM, ENOSYS)
    assert [without("tgkill", 77, 78), without("tgkill", 1, 1)] == [ALLOW, EPERM]


@both
@pytest.mark.parametrize("name", PROGRAMS)
def test_programs_govern_only_themselves(made: Make, machine: str, name: str) -> None:
    judged = made(machine, ALL[name])
    for call in ("prlimit64", "sched_setaffinity"):
        assert [judged(call, 0), judged(call, 5)] == [ALLOW, EPERM]
    assert [judged("setpriority", 0, 0), judged("setpriority", 0, 5), judged("setpriority", 2, 0)] == [
        ALLOW,
        EPERM,
        EPERM,
    ]
    assert judged("execve") == ALLOW
    assert judged("seccomp", 1, 0) == EPERM
    assert judged("setxattr") == refuse(errno.ENOTSUP)
    assert judged("sendmsg", 0, 0, 0x20000000) == EPERM
    assert judged("sendmmsg", 0, 0, 1, 0x20000000) == EPERM
    assert judged("prctl", 36, 1) == refuse(errno.EINVAL)


SOME_CALLS = st.sampled_from(["read", "openat", "prlimit64", "clone", "ioctl"])
TESTS = st.one_of(
    st.builds(equals, st.integers(0, 5), st.integers(0, 0xFFFFFFFF), st.integers(0, 0xFFFFFFFF)),
    st.builds(lacks, st.integers(0, 5), st.integers(1, 0xFFFFFFFF)),
    st.builds(is_null, st.integers(0, 5)),
)


def holds(test: Condition, arguments: Sequence[int]) -> bool:
    value = arguments[test.argument]
    if test.wide and value >> 32:
        return False
    return value & 0xFFFFFFFF & test.mask in test.values


@settings(deadline=None)
@given(
    machine=st.sampled_from(MACHINES),
    name=SOME_CALLS,
    cases=st.lists(st.tuples(st.lists(TESTS, min_size=1, max_size=3), st.integers(0, 100)), max_size=4),
    arguments=st.lists(st.one_of(st.integers(0, 3), st.integers(0, (1 << 64) - 1)), min_size=6, max_size=6),
)
def test_rules_mean_what_they_say(
    machine: str, name: str, cases: list[tuple[list[Condition], int]], arguments: list[int]
) -> None:
    verdicts = tuple((tuple(tests), refuse(code)) for tests, code in cases)
    code = assemble(Policy(frozenset(["write"]), (Rule(name, verdicts, refuse(999)),), EPERM), machine)
    nr = number(name, machine)
    assert nr is not None
    expected = next(
        (verdict for tests, verdict in verdicts if all(holds(each, arguments) for each in tests)), refuse(999)
    )
    assert judge(code, machine, nr, arguments) == expected
    write = number("write", machine)
    assert write is not None
    assert judge(code, machine, write, arguments) == ALLOW


def test_a_filter_longer_than_the_kernel_accepts_is_refused() -> None:
    long_rule = rule("ioctl", *(equals(1, *range(200)) for _ in range(30)), otherwise=EPERM)
    with pytest.raises(JailError):
        assemble(Policy(frozenset(), (long_rule,), EPERM), "x86_64")
