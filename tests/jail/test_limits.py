from __future__ import annotations

import os
import signal

import pytest
from jail.arena import LEVELS, run_program

from cloudkata.jail import Level

every_level = pytest.mark.parametrize("level", LEVELS)


@every_level
def test_processor_time(level: Level) -> None:
    ended = run_program(level, "while True: pass", limits={"cpu_seconds": 1})
    assert ended.status == -signal.SIGXCPU


def test_processor_time_of_a_program_that_ignores_the_warning() -> None:
    source = "import signal; signal.signal(signal.SIGXCPU, signal.SIG_IGN)\nwhile True: pass"
    assert run_program(LEVELS[0], source, limits={"cpu_seconds": 1}).status == -signal.SIGKILL


@every_level
def test_memory_of_one_process(level: Level) -> None:
    source = """
try:
    bytearray(600 << 20)
    answer("got it")
except MemoryError:
    answer("no")
"""
    assert run_program(level, source, limits={"memory_bytes": 512 << 20}).answer == "no"


@every_level
def test_memory_of_all_processes_together(level: Level) -> None:
    ended = run_program(
        level,
        """
import os, time
for _ in range(4):
    if os.fork() == 0:
        held = b"x" * (100 << 20)
        time.sleep(60)
time.sleep(60)
""",
        limits={"memory_bytes": 256 << 20},
    )
    assert ended.status == -signal.SIGKILL
    assert "more than 256 MiB of memory" in ended.output


@every_level
def test_shared_memory_counts_once(level: Level) -> None:
    ended = run_program(
        level,
        """
import os, time
held = b"x" * (100 << 20)
children = []
for _ in range(6):
    pid = os.fork()
    if pid == 0:
        time.sleep(1.2)
        os._exit(0)
    children.append(pid)
for pid in children:
    os.waitpid(pid, 0)
""",
        limits={"memory_bytes": 256 << 20},
    )
    assert ended.status == 0, ended.output


@every_level
def test_fork_bomb(level: Level) -> None:
    ended = run_program(
        level,
        """
import os, time
ends = time.monotonic() + 0.5
started = 0
while time.monotonic() < ends:
    try:
        if os.fork() == 0:
            while True:
                try:
                    os.fork()
                except OSError:
                    pass
        started += 1
    except OSError:
        time.sleep(0.01)
answer(started)
""",
        limits={"processes": 20},
    )
    assert ended.status == 0, ended.output
    assert 1 <= ended.answer <= 20


@every_level
def test_threads_count_too(level: Level) -> None:
    ended = run_program(
        level,
        """
import threading
event = threading.Event()
started = 0
try:
    while started < 100:
        threading.Thread(target=event.wait, daemon=True).start()
        started += 1
except RuntimeError:
    pass
event.set()
answer(started)
""",
        limits={"processes": 20},
    )
    assert 15 <= ended.answer <= 20


@every_level
def test_open_files(level: Level) -> None:
    source = """
opened = []
try:
    while True:
        opened.append(open("/dev/null"))
except OSError:
    count = len(opened)
    opened.clear()
    answer(count)
"""
    assert 50 <= run_program(level, source, limits={"open_files": 64}).answer < 64


@every_level
def test_one_file(level: Level) -> None:
    source = """
try:
    with open("large", "wb") as file:
        file.write(bytes(2 << 20))
    answer("written")
except OSError:
    answer("no")
"""
    assert run_program(level, source, limits={"scratch_bytes": 1 << 20}).answer == "no"


@pytest.mark.skipif(Level.NAMESPACES not in LEVELS, reason="This machine refuses user namespaces.")
def test_everything_it_writes_together() -> None:
    ended = run_program(
        Level.NAMESPACES,
        """
import os
from pathlib import Path
written = 0
try:
    for place in ("/tmp", "/dev/shm", "/home/learner", ".") * 10:
        written += Path(place, os.urandom(8).hex()).write_bytes(bytes(200 << 10))
except OSError:
    pass
files = 0
try:
    while True:
        Path(f"empty-{files}").touch()
        files += 1
except OSError:
    pass
answer([written, files])
""",
        limits={"scratch_bytes": 1 << 20},
    )
    written, files = ended.answer
    assert written <= 1 << 20
    assert files < 10_000


@every_level
def test_no_core_file(level: Level) -> None:
    ended = run_program(level, "import os; os.abort()")
    assert ended.status == -signal.SIGABRT
    assert ended.files == {}
    assert not os.path.exists("core")  # noqa: PTH110 - of the working folder, whatever it is
