from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from jail.arena import LEVELS, PATIENCE_S, SOURCES, Program, Service, living_with, run_program

from cloudkata.jail import Level, remove_scratch

every_level = pytest.mark.parametrize("level", LEVELS)

DAEMONS = """
import os, signal, time
def daemon():
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    os.setsid()
    if os.fork():
        os._exit(0)
    time.sleep(600)
    os._exit(0)
for _ in range(5):
    if os.fork() == 0:
        daemon()
for _ in range(5):
    os.wait()
"""


@every_level
def test_daemons_end_with_the_program_that_left_them(level: Level) -> None:
    ended = run_program(level, DAEMONS)  # waits for the end of the output, which the daemons hold
    assert ended.status == 0


@every_level
def test_killing_the_warden_ends_everything(level: Level) -> None:
    with Program(level, DAEMONS + "print('here', flush=True)\ntime.sleep(600)") as program:
        program.read_until(b"here")
        os.kill(program.warden, signal.SIGKILL)
        program.read_until_gone()
        program.host.wait(PATIENCE_S)


@every_level
def test_killing_the_host_ends_everything(level: Level) -> None:
    with Program(level, DAEMONS + "print('here', flush=True)\ntime.sleep(600)") as program:
        program.read_until(b"here")
        program.host.kill()
        program.read_until_gone()


@every_level
def test_closing_the_control_socket_ends_everything(level: Level) -> None:
    with Program(level, DAEMONS + "print('here', flush=True)\ntime.sleep(600)") as program:
        program.read_until(b"here")
        program.control.close()
        program.read_until_gone()
        program.host.wait(PATIENCE_S)


@every_level
def test_a_program_that_closes_all_it_has_ends_too(level: Level) -> None:
    with Program(
        level,
        """
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.closerange(0, 100)
        time.sleep(600)
    os._exit(0)
os.wait()
""",
    ) as program:
        assert program.end().status == 0
        assert not living_with(str(program.scratch))


WAITING_SERVICE = "import time; answer('ready'); time.sleep(600)"

SUPERVISOR = """
import sys
sys.path[:0] = [sys.argv[1], sys.argv[2]]
from jail.arena import Program, Service
from cloudkata.jail import Level
level = Level(sys.argv[3])
service = Service(level, sys.argv[5])
assert service.control.recv(100) == b'"ready"'
program = Program(level, sys.argv[4])
program.read_until(b"here")
print(program.scratch, flush=True)
import time
time.sleep(600)
"""


@every_level
def test_nothing_survives_a_killed_supervisor(level: Level) -> None:
    source = DAEMONS + "print('here', flush=True)\ntime.sleep(600)"
    tests = str(Path(__file__).parent.parent)
    supervisor = subprocess.Popen(
        [sys.executable, "-c", SUPERVISOR, str(SOURCES), tests, level.value, source, WAITING_SERVICE],
        stdout=subprocess.PIPE,
    )
    assert supervisor.stdout
    try:
        with supervisor.stdout:
            marker = supervisor.stdout.readline().decode().strip()
        # The host, the warden, the program and its daemons have the scratch folder in their command line.
        assert len(living_with(marker)) == 8
        assert living_with(WAITING_SERVICE)
    finally:
        supervisor.kill()
        supervisor.wait()
    ends = time.monotonic() + PATIENCE_S
    while living_with(marker) or living_with(WAITING_SERVICE):
        assert time.monotonic() < ends, "Something outlived its supervisor."
    remove_scratch(Path(marker))  # which only a living supervisor does


@every_level
def test_a_service_ends_with_its_supervisors_kill(level: Level) -> None:
    with Service(level, "import os, time; os.write(1, b'here'); time.sleep(600)") as service:
        assert service.process.stdout
        assert service.process.stdout.read(4) == b"here"
        service.process.kill()
        assert service.process.stdout.read() == b""  # its end of the pipe is closed


@every_level
@pytest.mark.parametrize(
    ("source", "status"),
    [("import os; os._exit(5)", 5), ("raise SystemExit(7)", 7), ("import ctypes; ctypes.string_at(0)", -11)],
)
def test_the_caller_of_a_service_ends_as_the_service_did(level: Level, source: str, status: int) -> None:
    with Service(level, source) as service:
        assert service.process.wait(PATIENCE_S) == status


@every_level
def test_the_warden_is_known_by_the_kernels_word(level: Level) -> None:
    with Program(level, "import time; print('here', flush=True); time.sleep(600)") as program:
        program.read_until(b"here")
        status = Path(f"/proc/{program.warden}/status").read_text()
        parent = next(line.split()[1] for line in status.splitlines() if line.startswith("PPid:"))
        assert int(parent) == program.host.pid


@every_level
def test_descriptors_of_the_supervisor_stay_with_it(level: Level) -> None:
    source = """
import os
found = []
for descriptor in range(3, 100):
    try:
        os.fstat(descriptor)
    except OSError:
        continue
    found.append(descriptor)
answer(found == [control.fileno()])
"""
    with socket.socket() as left_open:
        os.set_inheritable(left_open.fileno(), True)
        with Service(level, source) as service:
            assert service.answer() is True
