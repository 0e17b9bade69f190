from __future__ import annotations

import re
from pathlib import Path

import pytest

from cloudkata.jail import JailError
from cloudkata.jail.syscalls import FIRST_UNIFIED, MACHINES, NUMBERS, machine, number

X86_64_HEADERS = [Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h"), Path("/usr/include/asm/unistd_64.h")]
GENERIC_HEADER = Path("/usr/include/asm-generic/unistd.h")

DEFINITION = re.compile(r"^#define __NR(?:3264)?_(\w+)\s+(\d+)$", re.MULTILINE)

RENAMED = {"fstatat": "newfstatat"}
"""The generic header's own names for calls that go by another name on machines with 64 bits."""

WITHOUT_ON_ARM = {"renameat"}
"""In the generic header only for those who ask for it, as arm64 does."""


def defined(header: Path) -> dict[str, int]:
    found = {RENAMED.get(name, name): int(value) for name, value in DEFINITION.findall(header.read_text())}
    assert len(found) > 200
    return found


def test_numbers_of_x86_64_are_the_kernels() -> None:
    header = next((path for path in X86_64_HEADERS if path.exists()), None)
    if header is None:
        pytest.skip("The kernel's headers for x86_64 are not installed.")
    theirs = defined(header)
    newest = max(theirs.values())
    for name, (ours, _) in NUMBERS.items():
        if ours is None or ours <= newest:
            assert theirs.get(name) == ours, name


def test_numbers_of_aarch64_are_the_kernels() -> None:
    if not GENERIC_HEADER.exists():
        pytest.skip("The kernel's generic headers are not installed.")
    theirs = defined(GENERIC_HEADER)
    newest = max(value for value in theirs.values() if value < 1000)
    for name, (_, ours) in NUMBERS.items():
        if ours is None or ours <= newest:
            assert theirs.get(name) == ours, name


def test_new_calls_have_one_number_everywhere() -> None:
    for name, (ours, theirs) in NUMBERS.items():
        if max(ours or 0, theirs or 0) >= FIRST_UNIFIED:
            assert ours == theirs, name


@pytest.mark.parametrize("architecture", MACHINES)
def test_no_number_is_there_twice(architecture: str) -> None:
    numbers = [found for name in NUMBERS if (found := number(name, architecture)) is not None]
    assert len(numbers) == len(set(numbers))


def test_an_unknown_name_is_an_error() -> None:
    with pytest.raises(KeyError):
        number("opne", "x86_64")


def test_another_machine_has_no_filters(monkeypatch: pytest.MonkeyPatch) -> None:
    class Riscv:
        machine = "riscv64"

    monkeypatch.setattr("os.uname", Riscv)
    with pytest.raises(JailError, match="riscv64"):
        machine()
