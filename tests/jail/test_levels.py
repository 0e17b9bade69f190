from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest
from jail.arena import LEVELS

import cloudkata.jail
from cloudkata.jail import JailError, Level, guarantees, obstacle, probe, seal_service, strongest

EVERYTHING = {
    "this machine's servers",
    "network",
    "your files",
    "other processes",
    "daemons",
    "supervisor's death",
    "disk limit",
    "memory limit",
    "process limit",
    "processor limit",
    "emulator and checker",
}
NOT_HELD = {
    Level.NAMESPACES: set[str](),
    Level.LANDLOCK: {"other processes", "disk limit"},
    Level.PROCESS: {
        "this machine's servers",
        "network",
        "your files",
        "other processes",
        "disk limit",
        "emulator and checker",
    },
}


def test_every_public_name_is_there() -> None:
    for name in cloudkata.jail.__all__:
        assert hasattr(cloudkata.jail, name)


def test_strongest_is_the_first_without_an_obstacle() -> None:
    assert strongest() is LEVELS[0]
    assert Level.PROCESS in LEVELS


def test_several_threads_find_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    obstacle.cache_clear()
    forked: list[Level] = []
    monkeypatch.setattr(probe, "_try", forked.append)
    stay = threading.Event()
    thread = threading.Thread(target=stay.wait)
    thread.start()
    try:
        assert [level for level in Level if obstacle(level) is None] == LEVELS
    finally:
        stay.set()
        thread.join()
        obstacle.cache_clear()
    assert forked == []


def test_the_environment_has_no_say(monkeypatch: pytest.MonkeyPatch) -> None:
    obstacle.cache_clear()
    for name in ("KATA_JAIL", "KATA_LEVEL", "CLOUDKATA_JAIL", "PYTHONPATH", "HOME", "PATH"):
        monkeypatch.setenv(name, "process")
    assert strongest() is LEVELS[0]


def test_an_obstacle_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    if len(list(Path("/proc/self/task").iterdir())) > 1:
        pytest.skip("A thread is here, so the probe would not run in a fork of this process.")
    obstacle.cache_clear()

    def refuse(*_: object) -> None:
        raise JailError("The kernel refused to make new namespaces: Operation not permitted.")

    monkeypatch.setattr(cloudkata.jail.kernel, "unshare", refuse)
    try:
        assert obstacle(Level.NAMESPACES) == (
            "The kernel refused to make new namespaces: Operation not permitted."
        )
        assert strongest() is not Level.NAMESPACES
    finally:
        obstacle.cache_clear()


def test_no_level_at_all_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "obstacle", lambda level: f"No {level}.")
    with pytest.raises(JailError, match="No process"):
        strongest()


@pytest.mark.parametrize("level", LEVELS)
def test_guarantees_are_proven_and_leave_nothing(level: Level) -> None:
    homes = [Path.home(), Path("/tmp")]
    before = [set(home.iterdir()) for home in homes]
    found = guarantees(level)
    assert {each.name for each in found} == EVERYTHING
    assert {each.name for each in found if not each.held} == NOT_HELD[level]
    assert all(each.detail.endswith(".") for each in found)
    for home, names in zip(homes, before, strict=True):
        assert not [path for path in set(home.iterdir()) - names if "kata-canary" in path.name]
        assert not [path for path in set(home.iterdir()) - names if "kata-trial" in path.name]


def test_only_a_jailed_process_is_sealed() -> None:
    with pytest.raises(JailError, match="Only a jailed service"):
        seal_service()


def test_a_process_with_threads_is_not_jailed() -> None:
    stay = threading.Event()
    thread = threading.Thread(target=stay.wait)
    thread.start()
    try:
        with pytest.raises(JailError, match="one thread"):
            cloudkata.jail.jail_service(Level.PROCESS, (), keep_descriptors=())
    finally:
        stay.set()
        thread.join()
    assert os.getppid() > 0
