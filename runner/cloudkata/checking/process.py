"""The checker's process: pytest with one file, one world at the end of a link."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

import pytest

from cloudkata import link
from cloudkata.catalogue.inputs import Inputs
from cloudkata.channel import Channel
from cloudkata.checking import fixtures
from cloudkata.checking.judge import Judge
from cloudkata.checking.world import FROM_SUPERVISOR, World
from cloudkata.grade import Check

_WITHOUT = (
    "cacheprovider",
    "faulthandler",
    "junitxml",
    "logging",
    "pastebin",
    "tmpdir",
    "unraisableexception",
)
"""pytest's own plugins that write files, keep descriptors, or slow the end of a session."""


def judge(control: socket.socket, emulator: socket.socket) -> None:
    """Be the checker of one world."""
    supervisor = Channel(control, FROM_SUPERVISOR)
    order, _ = supervisor.expect(link.CollectChecks)
    world = World(emulator, supervisor)

    def wait(checks: list[Check]) -> int:
        supervisor.send(link.ChecksCollected(checks=checks))
        return supervisor.expect(link.JudgeWorld)[0].clock_ms

    plugin = Judge(
        world,
        Inputs(order.inputs, seed=order.seed, lab_id=order.lab_id),
        wait,
        lambda check: supervisor.send(link.CheckDone(check=check)),
        supervisor.send,
    )
    _collect_and_run(Path(order.lab), plugin)
    if not plugin.collected:
        supervisor.send(
            link.CollectionFault(why=plugin.fault or "check.py could not be collected by pytest.")
        )
    elif not plugin.finished and not world.gone:
        why = plugin.fault or "pytest itself could not go on."
        supervisor.send(link.JudgingFault(why=why))
    # If the emulator is gone the supervisor saw it too, and knows whose doing it was: wait to be ended.
    control.recv(1)


def _collect_and_run(lab: Path, plugin: Judge) -> None:
    # For records.py, which setup.py imports too.
    sys.path.insert(0, str(lab))
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    arguments = [
        *(part for name in _WITHOUT for part in ("-p", f"no:{name}")),
        "-q",
        "--capture=sys",
        "--tb=line",
        "--noconftest",
        "--strict-markers",
        "--import-mode=importlib",
        "-c",
        os.devnull,
        "--rootdir",
        str(lab),
        "--confcutdir",
        str(lab),
        "-o",
        "python_files=check.py",
        str(lab / "check.py"),
    ]
    pytest.main(arguments, plugins=[fixtures, plugin])
