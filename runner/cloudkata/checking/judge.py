"""pytest as the check engine: collects `check.py`, waits for the order, reports one result per check."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Generator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from cloudkata import link
from cloudkata.catalogue.inputs import Inputs
from cloudkata.checking import fixtures, marks
from cloudkata.checking.changes import Changes
from cloudkata.checking.program import Program
from cloudkata.checking.world import World
from cloudkata.grade import Check

LONGEST_TIMELINE = 300
LONGEST_CHANGES = 100
LONGEST_MESSAGE = 2000
LONGEST_VALUE = 500

_REWRITTEN = re.compile(r"\n(?:assert |\+ {2}where ).*", re.DOTALL)
"""What pytest appends to an assertion's own message."""


class Judge:
    """The pytest plugin of one run.

    `wait` is called when all checks are collected, and returns the world's clock once the world may be
    judged; `report` takes each result; `done` takes the rest.
    """

    def __init__(
        self,
        world: World,
        inputs: Inputs,
        wait: Callable[[list[Check]], int],
        report: Callable[[Check], None],
        done: Callable[[link.JudgingDone], None],
    ) -> None:
        self._world = world
        self._inputs = inputs
        self._wait = wait
        self._report = report
        self._done = done
        self._passed: set[str] = set()
        self._compared: tuple[str, object, object] | None = None
        self._collection_errors: list[str] = []
        self.collected = False
        self.finished = False
        self.fault: str | None = None
        """Why the checks cannot be run, when they cannot."""

    # Collection

    def pytest_configure(self, config: pytest.Config) -> None:
        """Register the marks and make world and inputs known to the fixtures."""
        for description in marks.DESCRIPTIONS:
            config.addinivalue_line("markers", description)
        config.stash[fixtures.WORLD] = self._world
        config.stash[fixtures.INPUTS] = self._inputs

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Keep what went wrong while `check.py` was imported."""
        if report.failed:
            self._collection_errors.append(_last_line(str(report.longrepr)))

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Generator[None, object, object]:
        """Between collection and the first check: wait for the order, then let the program run."""
        if self._collection_errors:
            self.fault = f"check.py cannot be imported: {self._collection_errors[0]}"
        elif not session.items:
            self.fault = "check.py holds no check: no function whose name begins with test_."
        if self.fault:
            pytest.exit(self.fault)
        self.collected = True
        clock_ms = self._wait([described(item) for item in session.items])
        self._world.begin(clock_ms)
        stash = session.config.stash
        compares = any("changes" in getattr(item, "fixturenames", ()) for item in session.items)
        if compares:
            try:
                stash[fixtures.BEFORE] = self._world.state()
            except ValueError as undescribed:
                self.fault = str(undescribed)
                pytest.exit(self.fault)
        program = stash[fixtures.PROGRAM] = Program(self._world)
        changed = []
        if compares:
            changed = [str(c) for c in Changes(stash[fixtures.BEFORE], self._world.state())]
        timeline = [call for call in self._world.trace() if call.lane == program.first.lane]
        result = yield
        self.finished = True
        self._done(
            link.JudgingDone(
                program=program.first,
                clock_ms=self._world.now_ms,
                timeline=timeline[:LONGEST_TIMELINE],
                timeline_left_out=max(0, len(timeline) - LONGEST_TIMELINE),
                changes=changed[:LONGEST_CHANGES],
                changes_left_out=max(0, len(changed) - LONGEST_CHANGES),
                notes=[],
            )
        )
        return result

    # One check

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> bool | None:
        """Report a check as blocked when one that it needs did not pass."""
        self._compared = None
        wanting = [name for name in _names(item, "needs") if name not in self._passed]
        if not wanting:
            return None
        titles = {other.name: described(other).title for other in item.session.items}
        waits_for = " and ".join(f'"{titles.get(name, name)}"' for name in wanting)
        self._report(described(item, message=f"Waits for {waits_for}"))
        return True

    def pytest_assertrepr_compare(self, op: str, left: object, right: object) -> None:
        """Keep the two sides of a comparison that failed."""
        self._compared = (op, left, right)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> pytest.TestReport:
        """Make a result of what a phase of the check came to."""
        error = call.excinfo.value if call.excinfo else None
        if error is not None:
            self._report(self._failed(item, error))
        elif call.when == "call":
            self._passed.add(item.name)
            self._report(described(item, status="passed"))
        return pytest.TestReport(
            nodeid=item.nodeid,
            location=item.location,
            keywords={},
            outcome="failed" if error else "passed",
            longrepr=None,
            when=call.when if call.when != "collect" else "setup",
        )

    def _failed(self, item: pytest.Item, error: BaseException) -> Check:
        if isinstance(error, AssertionError):
            expected, actual = self._sides()
            text = _REWRITTEN.sub("", str(error.args[0]) if error.args else "").strip()
            message = (
                text if text and not text.startswith("assert ") else "The check did not say what it expected."
            )
            return described(item, status="failed", message=message, expected=expected, actual=actual)
        if isinstance(error, ClientError):
            told = error.response.get("Error", {})
            message = f"{error.operation_name} was refused: {told.get('Code')}: {told.get('Message')}"
            return described(item, status="failed", message=message)
        where = next(
            (f":{entry.lineno + 1}" for entry in reversed(_traceback(error)) if entry.path == item.path), ""
        )
        message = f"check.py{where}: {type(error).__name__}: {error}"
        return described(item, status="fault", message=message)

    def _sides(self) -> tuple[str | None, str | None]:
        if self._compared is None:
            return None, None
        op, left, right = self._compared
        return (_shown(right) if op == "==" else f"{op} {_shown(right)}"), _shown(left)


def described(item: pytest.Item, **result: Any) -> Check:
    """A check as it stands in a grade; `blocked` until a result is given."""
    function = getattr(item, "function", None)
    title = (inspect.getdoc(function) or item.name).splitlines()[0]
    worth = next((mark.args[0] for mark in item.iter_markers("points")), 1)
    status = result.pop("status", "blocked")
    message = result.pop("message", None)
    return Check(
        id=item.name,
        title=title,
        points=worth,
        earned=worth if status == "passed" else 0,
        fidelity=next((mark.args[0] for mark in item.iter_markers("fidelity")), "behaviour"),
        status=status,
        message=message[:LONGEST_MESSAGE] if message else None,
        hints=_names(item, "hint"),
        **result,
    )


def _names(item: pytest.Item, mark: str) -> list[str]:
    return [str(text) for found in item.iter_markers(mark) for text in found.args]


def _shown(value: object) -> str:
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= LONGEST_VALUE else text[: LONGEST_VALUE - 3] + "..."


def _last_line(text: str) -> str:
    lines = [line.removeprefix("E").strip() for line in text.strip().splitlines() if line.startswith("E")]
    return (lines or text.strip().splitlines() or ["unknown"])[-1]


def _traceback(error: BaseException) -> list[Any]:
    return list(pytest.ExceptionInfo.from_exception(error).traceback)
