"""Seccomp filters: rules as data, a small assembler to classic BPF, and their installation.

A filter sees the architecture, the number and the register values of a system call, never what a pointer
points to (seccomp(2)). Rules are matched by number; a rule may look at arguments.
"""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Sequence
from dataclasses import dataclass

from cloudkata.jail.kernel import call
from cloudkata.jail.levels import JailError
from cloudkata.jail.syscalls import AUDIT_ARCHITECTURE, FIRST_UNIFIED, number

ALLOW = 0x7FFF0000
ASK_LISTENER = 0x7FC00000
"""Hold the call until the process that has the filter's listener answers it (SECCOMP_RET_USER_NOTIF)."""
_KILL_PROCESS = 0x80000000

_ENOSYS = 38
_X32_BIT = 0x40000000

# struct seccomp_data: int nr; __u32 arch; __u64 instruction_pointer; __u64 args[6]
_NUMBER_AT, _ARCHITECTURE_AT, _ARGUMENTS_AT = 0, 4, 16

# Classic BPF (linux/bpf_common.h): class | size or operation | mode or source
_LOAD = 0x20
_AND = 0x54
_JUMP_ALWAYS = 0x05
_JUMP_IF_EQUAL = 0x15
_JUMP_IF_GREATER_OR_EQUAL = 0x35
_RETURN = 0x06

_MOST_INSTRUCTIONS = 4096  # BPF_MAXINSNS

_SET_MODE_FILTER = 1
_FLAG_ALL_THREADS = 1
_FLAG_NEW_LISTENER = 8


def refuse(error: int) -> int:
    """The call fails with `error`; with 0 it succeeds without having done anything."""
    return 0x00050000 | error


@dataclass(frozen=True)
class Condition:
    """Whether an argument, reduced to the bits of `mask`, is one of `values`.

    Only the low 32 bits are looked at, which is all the kernel uses of an `int`; `wide` demands that the high
    ones are zero, as for a pointer that must be null.
    """

    argument: int
    values: tuple[int, ...]
    mask: int = 0xFFFFFFFF
    wide: bool = False


def equals(argument: int, *values: int) -> Condition:
    """The argument is one of `values`."""
    return Condition(argument, values)


def lacks(argument: int, bits: int) -> Condition:
    """The argument has none of `bits`."""
    return Condition(argument, (0,), bits)


def is_null(argument: int) -> Condition:
    """The argument is a null pointer."""
    return Condition(argument, (0,), wide=True)


@dataclass(frozen=True)
class Rule:
    """What becomes of one system call: the first case whose conditions all hold decides, else `otherwise`."""

    name: str
    cases: tuple[tuple[tuple[Condition, ...], int], ...]
    otherwise: int


def rule(name: str, *conditions: Condition, otherwise: int) -> Rule:
    """Permit system call `name` where all `conditions` hold."""
    return Rule(name, ((conditions, ALLOW),), otherwise)


@dataclass(frozen=True)
class Policy:
    """A whole filter as data: what is not named is refused."""

    allowed: frozenset[str]
    rules: tuple[Rule, ...]
    unknown: int
    """What becomes of calls that are not named and existed before numbers were unified. Newer ones do not
    exist (ENOSYS), so that the C library takes its older way."""


@dataclass
class _Instruction:
    code: int
    value: int
    if_true: str | None = None
    if_false: str | None = None


class _Assembler:
    """Classic BPF with named places to jump to, forward only, as the kernel demands."""

    def __init__(self) -> None:
        self._instructions: list[_Instruction] = []
        self._places: dict[str, int] = {}
        self._names = 0

    def add(self, code: int, value: int, if_true: str | None = None, if_false: str | None = None) -> None:
        """One more instruction; a jump that names no place goes on with the next instruction."""
        self._instructions.append(_Instruction(code, value, if_true, if_false))

    def new_place(self, purpose: str) -> str:
        """A name for a place that is not reached yet."""
        self._names += 1
        return f"{purpose} {self._names}"

    def here(self, place: str) -> None:
        """The next instruction is at `place`."""
        self._places[place] = len(self._instructions)

    def code(self) -> bytes:
        """The finished filter."""
        if len(self._instructions) > _MOST_INSTRUCTIONS:
            raise JailError("A system-call filter is longer than the kernel accepts.")
        return b"".join(self._encode(at, item) for at, item in enumerate(self._instructions))

    def _encode(self, at: int, item: _Instruction) -> bytes:
        if item.code == _JUMP_ALWAYS and item.if_true:
            return struct.pack("HBBI", item.code, 0, 0, self._places[item.if_true] - at - 1)
        distances = [
            0 if place is None else self._places[place] - at - 1 for place in (item.if_true, item.if_false)
        ]
        if not all(0 <= distance < 256 for distance in distances):
            raise JailError("A jump in a system-call filter is too far.")
        return struct.pack("HBBI", item.code, *distances, item.value & 0xFFFFFFFF)


def assemble(policy: Policy, architecture: str) -> bytes:
    """`policy` as BPF for `architecture`.

    Rules for calls the architecture never had are left out; a name that is in no table is a KeyError.
    """
    code = _Assembler()
    code.add(_LOAD, _ARCHITECTURE_AT)
    code.add(_JUMP_IF_EQUAL, AUDIT_ARCHITECTURE[architecture], if_true="own architecture")
    code.add(_RETURN, _KILL_PROCESS)  # other numbers would mean other calls: 32-bit code on a 64-bit kernel
    code.here("own architecture")
    code.add(_LOAD, _NUMBER_AT)
    if architecture == "x86_64":
        code.add(_JUMP_IF_GREATER_OR_EQUAL, _X32_BIT, if_false="not x32")
        code.add(_RETURN, refuse(_ENOSYS))
        code.here("not x32")
    for one in policy.rules:
        _add_rule(code, one, architecture)
    _add_allowed(code, sorted(_numbers(policy.allowed, architecture)))
    code.add(_JUMP_IF_GREATER_OR_EQUAL, FIRST_UNIFIED, if_false="old")
    code.add(_RETURN, refuse(_ENOSYS))
    code.here("old")
    code.add(_RETURN, policy.unknown)
    return code.code()


def _numbers(names: frozenset[str], architecture: str) -> list[int]:
    return [found for name in names if (found := number(name, architecture)) is not None]


def _add_allowed(code: _Assembler, numbers: Sequence[int]) -> None:
    for start in range(0, len(numbers), 200):  # a conditional jump reaches 255 instructions
        permit, go_on = code.new_place("permit"), code.new_place("go on")
        for one in numbers[start : start + 200]:
            code.add(_JUMP_IF_EQUAL, one, if_true=permit)
        code.add(_JUMP_ALWAYS, 0, if_true=go_on)
        code.here(permit)
        code.add(_RETURN, ALLOW)
        code.here(go_on)


def _add_rule(code: _Assembler, one: Rule, architecture: str) -> None:
    found = number(one.name, architecture)
    if found is None:
        return
    after = code.new_place("after rule")
    code.add(_JUMP_IF_EQUAL, found, if_false=after)
    for conditions, verdict in one.cases:
        next_case = code.new_place("next case")
        for condition in conditions:
            _add_condition(code, condition, next_case)
        code.add(_RETURN, verdict)
        code.here(next_case)
    code.add(_RETURN, one.otherwise)
    code.here(after)


def _add_condition(code: _Assembler, condition: Condition, failed: str) -> None:
    low = _ARGUMENTS_AT + 8 * condition.argument  # both architectures are little-endian
    if condition.wide:
        code.add(_LOAD, low + 4)
        code.add(_JUMP_IF_EQUAL, 0, if_false=failed)
    code.add(_LOAD, low)
    if condition.mask != 0xFFFFFFFF:
        code.add(_AND, condition.mask)
    held = code.new_place("held")
    for value in condition.values[:-1]:
        code.add(_JUMP_IF_EQUAL, value, if_true=held)
    code.add(_JUMP_IF_EQUAL, condition.values[-1], if_false=failed)
    code.here(held)


class _FilterProgram(ctypes.Structure):
    """`struct sock_fprog`."""

    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_void_p))


def install(code: bytes, *, listener: bool = False) -> int:
    """Put the filter on every thread of this process for good; executed programs and forks keep it.

    Needs `forbid_new_privileges` before. With `listener` it returns the descriptor on which held calls are
    answered, and covers only a process with one thread.
    """
    buffer = ctypes.create_string_buffer(code, len(code))
    program = _FilterProgram(len(code) // 8, ctypes.cast(buffer, ctypes.c_void_p))
    flags = _FLAG_NEW_LISTENER if listener else _FLAG_ALL_THREADS
    result = call(
        "filter system calls",
        "seccomp",
        ctypes.c_uint(_SET_MODE_FILTER),
        ctypes.c_uint(flags),
        ctypes.byref(program),
    )
    if result > 0 and not listener:  # with the all-threads flag, the id of a thread that could not follow
        raise JailError("A thread of this process could not be put under the system-call filter.")
    return result
