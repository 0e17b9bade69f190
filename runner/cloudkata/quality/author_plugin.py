"""`pytest labs/s3/share-one-report --seed 7 --program FILE`: an author's editor runs the checks.

A plugin of pytest that does nothing until a lab's `check.py` is collected. Breakpoints work, tracebacks
are pytest's own; grading never comes this way.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from cloudkata.catalogue.lab import Lab


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--seed` and `--program`."""
    group = parser.getgroup("cloudkata", "cloudkata labs")
    group.addoption("--seed", type=int, dest="kata_seed", help="seed of the world; the lab's own by default")
    group.addoption(
        "--program",
        type=Path,
        dest="kata_program",
        help="program to check; the reference solution by default",
    )


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Module | None:
    """Collect `check.py` where a `lab.toml` lies beside it."""
    if file_path.name != "check.py" or not (file_path.parent / "lab.toml").is_file():
        return None
    known = parent.config.pluginmanager.get_plugin("cloudkata-lab")
    if known is None:
        parent.config.pluginmanager.register(AuthorsWorld(file_path.parent, parent.config), "cloudkata-lab")
    elif known.lab.folder != file_path.parent.resolve():
        raise pytest.UsageError("One lab at a time: pytest labs/SERVICE/NAME")
    module: pytest.Module = pytest.Module.from_parent(parent, path=file_path)
    return module


class AuthorsWorld:
    """The world of one lab, with this pytest in the checker's seat."""

    def __init__(self, folder: Path, config: pytest.Config) -> None:
        from cloudkata.catalogue.inputs import default_seed, draw_inputs
        from cloudkata.catalogue.lab import load_lab
        from cloudkata.checking import fixtures, marks

        self.lab: Lab = load_lab(folder.resolve())
        chosen = config.getoption("kata_seed")
        self._seed: int = default_seed(self.lab.id) if chosen is None else chosen
        self._program = self._program_of(config)
        for description in marks.DESCRIPTIONS:
            config.addinivalue_line("markers", description)
        config.pluginmanager.register(fixtures)
        sys.path.insert(0, str(self.lab.folder))
        config.stash[fixtures.INPUTS] = draw_inputs(self.lab, self._seed)

    def _program_of(self, config: pytest.Config) -> Path:
        from cloudkata.catalogue.finding import solution_of

        program: Path | None = config.getoption("kata_program") or solution_of(self.lab)
        if program is None or not program.is_file():
            raise pytest.UsageError("Name the program to check with --program FILE.")
        return program

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Generator[None, object, object]:
        """Build the world, run the program, then let pytest run the checks in it."""
        from cloudkata import jail, link
        from cloudkata.channel import Channel
        from cloudkata.checking import fixtures
        from cloudkata.checking.judge import described
        from cloudkata.checking.program import Program
        from cloudkata.checking.world import FROM_SUPERVISOR, World
        from cloudkata.world.assignment import Assignment, Limits
        from cloudkata.world.supervisor import Supervisor

        if session.testsfailed or session.config.option.collectonly or not session.items:
            return (yield)
        stash = session.config.stash
        assignment = Assignment(
            lab_folder=self.lab.folder,
            lab_id=self.lab.id,
            services=tuple(self.lab.services),
            world="calm",
            seed=self._seed,
            inputs=stash[fixtures.INPUTS].as_dict(),
            patience_ms=self.lab.patience_ms,
            max_calls=self.lab.max_calls,
            program_name="solution.py",
            program=self._program.read_bytes(),
            level=jail.strongest(),
            python=sys.executable,
            # Somebody may sit at a breakpoint.
            limits=Limits(judging=86_400),
        )
        supervisor = Supervisor(assignment, own_checker=False)
        outcome = []
        thread = threading.Thread(target=lambda: outcome.append(supervisor.run()), daemon=True)
        thread.start()
        channel = Channel(supervisor.seat.control, FROM_SUPERVISOR)
        try:
            channel.expect(link.CollectChecks)
            channel.send(link.ChecksCollected(checks=[described(item) for item in session.items]))
            world = stash[fixtures.WORLD] = World(supervisor.seat.link, channel)
            world.begin(channel.expect(link.JudgeWorld)[0].clock_ms)
            stash[fixtures.BEFORE] = world.state()
            stash[fixtures.PROGRAM] = Program(world)
            return (yield)
        except EOFError:
            thread.join()
            raise pytest.UsageError(outcome[0].fault if outcome else "The world ended.") from None
        finally:
            channel.close()
            supervisor.seat.link.close()
            thread.join()
