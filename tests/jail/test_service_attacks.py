from __future__ import annotations

import functools
import socket
from pathlib import Path
from typing import Any

import pytest
from jail import hostile_service
from jail.arena import LEVELS, Service, outside

from cloudkata.jail import Level

SOURCE = (
    Path(hostile_service.__file__).read_text()
    + """
import socket, threading
first, descriptors, _, _ = socket.recv_fds(control, 1, 1)
listener = socket.socket(fileno=descriptors[0])
accepted, _ = listener.accept()
facts = facts | {"sockets": [control, listener, accepted]}
open_gains = run_all(facts)
seal(receive_descriptors=facts["receive"])
sealed_gains = run_all(facts)
control.setblocking(True)
answer([open_gains, sealed_gains, can_still_work(facts)])
"""
)
NOTHING = repr("")
CONFINED = [level for level in LEVELS if level is not Level.PROCESS]


@functools.cache
def attacked(level: Level) -> tuple[dict[str, str], dict[str, str], list[str], list[str], list[str]]:
    """What was gained before and after sealing, what no longer works, who heard something, what changed."""
    with outside() as things, socket.create_server(("127.0.0.1", 0)) as listener:
        facts: dict[str, Any] = things.facts | {"receive": False}
        with (
            Service(level, SOURCE, facts=facts) as service,
            socket.create_connection(listener.getsockname()),
            socket.create_connection(listener.getsockname()) as client,
        ):
            client.sendall(b"knock")
            socket.send_fds(service.control, [b"x"], [listener.fileno()])
            before, after, broken = service.answer()
            assert client.recv(100) == b"come in"
        return before, after, broken, things.heard(), things.changed()


@pytest.mark.parametrize("level", CONFINED)
@pytest.mark.parametrize("name", hostile_service.ATTACKS)
def test_attack_on_a_sealed_service_gains_nothing(level: Level, name: str) -> None:
    _, after, *_ = attacked(level)
    assert after[name] == NOTHING


@pytest.mark.parametrize("level", CONFINED)
@pytest.mark.parametrize(
    "name", [name for name, one in hostile_service.ATTACKS.items() if not one.once_sealed]
)
def test_attack_on_a_service_before_it_is_sealed_gains_nothing(level: Level, name: str) -> None:
    before, *_ = attacked(level)
    assert before[name] == NOTHING


@pytest.mark.parametrize("level", CONFINED)
@pytest.mark.parametrize("name", [name for name, one in hostile_service.ATTACKS.items() if one.once_sealed])
def test_what_only_sealing_takes_away_works_before(level: Level, name: str) -> None:
    before, *_ = attacked(level)
    assert before[name] != NOTHING


@pytest.mark.parametrize("level", CONFINED)
def test_nothing_outside_heard_or_changed(level: Level) -> None:
    *_, heard, changed = attacked(level)
    assert (heard, changed) == ([], [])


@pytest.mark.parametrize("level", LEVELS)
def test_a_sealed_service_can_do_its_work(level: Level) -> None:
    _, _, broken, _, _ = attacked(level) if level is not Level.PROCESS else (0, 0, work_at(level), 0, 0)
    assert broken == []


def work_at(level: Level) -> list[str]:
    """Without the attacks, which would succeed."""
    source = SOURCE.replace("run_all(facts)", "{}")
    with outside() as things, socket.create_server(("127.0.0.1", 0)) as listener:
        facts: dict[str, Any] = things.facts | {"receive": False}
        with (
            Service(level, source, facts=facts) as service,
            socket.create_connection(listener.getsockname()),
            socket.create_connection(listener.getsockname()) as client,
        ):
            client.sendall(b"knock")
            socket.send_fds(service.control, [b"x"], [listener.fileno()])
            broken: list[str] = service.answer()[2]
            return broken
