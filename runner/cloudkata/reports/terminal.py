"""A grade on a terminal: what is right, what is wrong, what to look at next.

Everything that colour says is said by a word or a sign too; without Unicode the signs are ASCII.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from cloudkata.grade import Call, Check, Grade, Run
from cloudkata.reports.printable import printable

LONGEST_OUTPUT_SHOWN = 15
LONGEST_TIMELINE_SHOWN = 12
"""Lines; the rest is in the JSON, and the report says so."""

_STYLE = {"passed": "green", "failed": "red", "blocked": "yellow", "fault": "magenta"}


@dataclass(frozen=True)
class Signs:
    """What stands before a check."""

    passed: str
    failed: str
    blocked: str
    fault: str
    dot: str

    @classmethod
    def of(cls, console: Console) -> Signs:
        """Unicode where the terminal can show it."""
        if (console.encoding or "").lower().startswith("utf"):
            return cls("✓", "✗", "–", "!", "·")
        return cls("+", "x", "-", "!", "-")

    def __getitem__(self, status: str) -> str:
        sign: str = getattr(self, status)
        return sign


def console(*, colour: bool | None = None, width: int | None = None) -> Console:
    """A console for grades; colour follows the terminal and `NO_COLOR` unless said otherwise."""
    made = Console(no_color=None if colour is None else not colour, highlight=False, emoji=False, width=width)
    if made.width < 60:
        made = Console(
            no_color=None if colour is None else not colour, highlight=False, emoji=False, width=60
        )
    return made


def show(grade: Grade, to: Console) -> None:
    """Print the whole grade: each run, then the verdict."""
    signs = Signs.of(to)
    for run in grade.runs:
        if run.passed and len(grade.runs) > 1 and run is not grade.runs[0]:
            _line(to, f"World {run.world}: all {len(run.checks)} checks passed.", "green")
        else:
            show_run(grade, run, to, signs)
    for part in _verdict(grade, signs):
        to.print(part)


def show_run(grade: Grade, run: Run, to: Console, signs: Signs) -> None:
    """Print one run: its checks, and for a failed one what the program did."""
    to.print(Text.assemble((grade.lab, "bold"), f"  {grade.title}"))
    began = run.began[:16].replace("T", " ")
    facts = [grade.program.name, f"world {run.world}", f"seed {run.seed}", f"it is {began} UTC there"]
    _line(to, f" {signs.dot} ".join(facts), "dim")
    to.print()
    for check in run.checks:
        _show_check(check, to, signs)
    if run.fault:
        _line(to, f"This run could not be graded: {printable(run.fault)}", "magenta")
        _line(to, "That is not your program's fault, and it costs nothing.")
        to.print()
        return
    _show_budgets(run, to)
    if not run.passed:
        _show_timeline(run, to)
        _show_changes(run, to)
        _show_output(run, to)
        to.print()
        _show_hint(run, to)


def _show_check(check: Check, to: Console, signs: Signs) -> None:
    row = Table.grid(padding=(0, 1), expand=True)
    row.add_column(width=1)
    row.add_column(ratio=1)
    row.add_column(justify="right", no_wrap=True)
    style = _STYLE[check.status]
    points = f"{check.earned}/{check.points}" if check.status != "blocked" else f"blocked 0/{check.points}"
    ground = "" if check.fidelity == "behaviour" else f" ({check.fidelity})"
    row.add_row(
        Text(signs[check.status], style), Text.assemble(check.title, (ground, "dim")), Text(points, style)
    )
    to.print(Padding(row, (0, 0, 0, 2)))
    if check.message:
        to.print(Padding(Text(printable(check.message), style), (0, 0, 0, 6)))
    if check.status == "failed" and check.expected is not None and check.actual is not None:
        _line(to, f"expected {printable(check.expected)}, found {printable(check.actual)}", indent=6)


def _show_budgets(run: Run, to: Console) -> None:
    to.print()
    calls = run.budgets.calls
    _line(
        to,
        f"The program made {calls} API {'call' if calls == 1 else 'calls'} and took "
        f"{duration(run.budgets.world_ms)} of world time; "
        f"until the last check {duration(run.world_ms)} went by.",
        "dim",
    )
    if run.output.ended:
        _line(to, printable(run.output.ended), "yellow")
    for note in run.notes:
        _line(to, printable(note), "yellow")


def _show_timeline(run: Run, to: Console) -> None:
    if not run.timeline:
        return
    to.print()
    _line(to, "What it did:", "bold")
    shown = run.timeline[-LONGEST_TIMELINE_SHOWN:]
    left_out = len(run.timeline) - len(shown) + run.timeline_left_out
    if left_out:
        _line(to, f"({left_out} more calls are in the grade's JSON)", "dim", indent=2)
    for call in shown:
        _line(to, _told(call), "" if call.ok else "yellow", indent=2)


def _told(call: Call) -> str:
    where = f"line {call.line}" if call.line else ""
    outcome = call.error or "ok"
    named = " ".join(
        f"{key}={value}"
        for key, value in call.parameters.items()
        if isinstance(value, str | int | bool) and len(str(value)) <= 40
    )
    return printable(
        f"{duration(call.at_ms):>8}  {where:<9}{call.service} {call.operation} {named}  {outcome}"
    )


def _show_changes(run: Run, to: Console) -> None:
    if not run.changes:
        return
    to.print()
    _line(to, "What changed in the world:", "bold")
    for change in run.changes[:LONGEST_TIMELINE_SHOWN]:
        _line(to, printable(change), indent=2)
    left_out = len(run.changes[LONGEST_TIMELINE_SHOWN:]) + run.changes_left_out
    if left_out:
        _line(to, f"({left_out} more changes are in the grade's JSON)", "dim", indent=2)


def _show_output(run: Run, to: Console) -> None:
    for name, text in (("printed", run.output.stdout), ("wrote to standard error", run.output.stderr)):
        lines = printable(text).strip("\n").splitlines()
        if not lines or (
            name == "printed" and run.output.exit_status == 0 and len(lines) > LONGEST_OUTPUT_SHOWN
        ):
            continue
        to.print()
        _line(to, f"The program {name}:", "bold")
        if len(lines) > LONGEST_OUTPUT_SHOWN:
            _line(to, f"({len(lines) - LONGEST_OUTPUT_SHOWN} earlier lines are not shown)", "dim", indent=2)
        for line in lines[-LONGEST_OUTPUT_SHOWN:]:
            _line(to, line[:500], indent=2)
    if run.output.cut:
        _line(to, f"({run.output.cut:,} bytes of its output were not kept)", "dim", indent=2)


def _show_hint(run: Run, to: Console) -> None:
    check = next((c for c in run.checks if c.status == "failed" and c.hints), None)
    if check is not None:
        to.print(Text.assemble(("Hint: ", "bold"), check.hints[0]))


def _verdict(grade: Grade, signs: Signs) -> Iterator[Text]:
    last = grade.runs[-1]
    points = f"{grade.points} of {grade.max_points} points"
    left = len(grade.worlds) - len(grade.runs)
    if grade.verdict == "not gradable":
        yield Text.assemble(("NOT GRADABLE", "bold magenta"), f"  {grade.lab}")
    elif grade.passed:
        worlds = f"in {', '.join(grade.worlds)}"
        yield Text.assemble((f"{signs.passed} PASSED", "bold green"), f"  {points} {signs.dot} {worlds}")
    else:
        more = f"; {left} more {'world waits' if left == 1 else 'worlds wait'} behind it" if left else ""
        yield Text.assemble((f"{signs.failed} FAILED", "bold red"), f"  {points} in world {last.world}{more}")
        if len(grade.runs) > 1:
            yield Text(
                f"It held in {', '.join(run.world for run in grade.runs[:-1])} and broke in {last.world}. "
                f"See it again with: kata check {grade.lab} --world {last.world} --seed {grade.seed}"
            )


def duration(ms: int) -> str:
    """Milliseconds as a person says them: `40 ms`, `1.50 s`, `2 min 05 s`, `1 h 00 min`."""
    if ms < 1000:
        return f"{ms} ms"
    seconds = ms / 1000
    if seconds < 60:
        return f"{seconds:.2f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02} s"
    return f"{minutes // 60} h {minutes % 60:02} min"


def _line(to: Console, text: str, style: str = "", indent: int = 0) -> None:
    to.print(Padding(Text(text, style), (0, 0, 0, indent)))
