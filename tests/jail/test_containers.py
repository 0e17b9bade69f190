"""Where a container refuses namespaces and looking into other processes."""

from __future__ import annotations

import functools
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from jail import hostile_program
from jail.arena import ATTACKS, KNOCKING, LEVELS, NOTHING, SOURCES, Program, outside, run_program

from cloudkata.jail import Level

pytestmark = pytest.mark.skipif(Level.LANDLOCK not in LEVELS, reason="This machine has no Landlock.")

PROBE = """
import sys
sys.path[:0] = sys.argv[1:3]
from jail import container
container.enter()
from cloudkata import jail
print(jail.strongest().value)
print(jail.obstacle(jail.Level.NAMESPACES))
"""


def test_namespaces_are_found_to_be_refused() -> None:
    tests = str(Path(__file__).parent.parent)
    command = [sys.executable, "-c", PROBE, str(SOURCES), tests]
    found = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    assert found == ["landlock", "The kernel refused to make new namespaces: Operation not permitted."]


@functools.cache
def attacked() -> tuple[dict[str, str], list[str], list[str]]:
    with outside() as things:
        facts = things.facts | {"level": "landlock"}
        ended = run_program(Level.LANDLOCK, ATTACKS, facts=facts, contained=True)
        assert ended.status == 0, ended.output
        return ended.answer, things.heard(), things.changed()


@pytest.mark.parametrize(
    "name", [name for name, one in hostile_program.ATTACKS.items() if "landlock" in one.holds]
)
def test_attack_gains_nothing(name: str) -> None:
    gained, _, _ = attacked()
    assert gained[name] == NOTHING


def test_nothing_outside_heard_or_changed() -> None:
    _, heard, changed = attacked()
    assert (heard, changed) == ([], [])


def test_the_door_answers_whoever_knocks_and_however() -> None:
    ended = run_program(Level.LANDLOCK, KNOCKING, contained=True)
    assert ended.answer == [True] * 10, ended.output


def test_the_door_answers_through_a_socket_that_was_put_in_place() -> None:
    source = """
import os, socket
with socket.socket() as sock:
    sock.settimeout(5)
    sock.connect(door)
    sock.sendall(b"knock")
    answer([sock.recv(100).decode(), os.get_blocking(sock.fileno()), os.get_inheritable(sock.fileno())])
"""
    with Program(Level.LANDLOCK, source, contained=True) as program:
        assert program.door is not None
        connection, _ = program.door.accept()
        with connection:
            assert connection.recv(100) == b"knock"
            connection.sendall(b"come in")
        assert program.end().answer == ["come in", False, False]


def test_an_older_landlock_is_used_as_far_as_it_goes() -> None:
    """Each version's structures and rights are accepted by this kernel, and files stay fenced with all of them."""
    script = """
import os, sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from cloudkata.jail import kernel, landlock
landlock.version = lambda: int(sys.argv[2])
kernel.forbid_new_privileges()
landlock.restrict({landlock.READ: [Path("/usr")], landlock.READ_AND_WRITE: [Path(sys.argv[3])]}, connect_port=80)
os.listdir("/usr")
Path(sys.argv[3], "written").write_text("x")
for path in ("/etc/hostname", "/etc"):
    try:
        os.open(path, os.O_RDONLY)
        print("opened", path)
    except OSError:
        pass
"""
    for version in (1, 2, 3, 4, 5, 6, 99):
        with tempfile.TemporaryDirectory() as folder:
            command = [sys.executable, "-c", script, str(SOURCES), str(version), folder]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            assert (done.stdout, done.stderr) == ("", ""), version
