"""The task is told with the inputs of the run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from cloudkata.catalogue.inputs import Inputs
from cloudkata.catalogue.lab import LabError, load_lab
from cloudkata.catalogue.task import render_task

WriteLab = Callable[..., Path]

INPUTS = Inputs(
    {"BUCKET": "reports-amber", "REPORT_KEY": "2024/q1.csv"}, seed=1, lab_id="s3/share-one-report"
)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("Share `{{ BUCKET }}/{{ REPORT_KEY }}`.\n", "Share `reports-amber/2024/q1.csv`.\n"),
        ("{% if REPORT_KEY.endswith('.csv') %}A table & more.{% endif %}", "A table & more."),
        ("{% set where = BUCKET %}{{ where | upper }}", "REPORTS-AMBER"),
        ("{% for n in range(2) %}{{ n }}{% endfor %}", "01"),
        ("No inputs: {braces} stay.\n\n", "No inputs: {braces} stay.\n\n"),
    ],
)
def test_a_task_is_filled_with_the_inputs(write_lab: WriteLab, text: str, told: str) -> None:
    assert render_task(load_lab(write_lab(files={"task.md": text})), INPUTS) == told


@pytest.mark.usefixtures("beside_labs")
@pytest.mark.parametrize(
    ("text", "rest"),
    [
        ("\n{{ BUKET }}", ", line 2: BUKET is not an input; did you mean BUCKET?"),
        ("{% if false %}\n{{ KEY }}{% endif %}", ", line 2: KEY is not an input; did you mean REPORT_KEY?"),
        ("\n\n{{ BUCKET }", ", line 3: the template cannot be filled: unexpected '}'."),
        ("{% iff %}", ", line 1: the template cannot be filled: Encountered unknown tag 'iff'."),
        (
            "\n{{ BUCKET.owner }}",
            ", line 2: the template cannot be filled: 'str object' has no attribute 'owner'.",
        ),
        ("\n{{ 1 / 0 }}", ", line 2: the template cannot be filled: division by zero."),
        (
            "\n{% include 'other.md' %}",
            ", line 2: the template cannot be filled: no loader for this environment",
        ),
    ],
)
def test_a_wrong_template_is_refused_with_its_line(write_lab: WriteLab, text: str, rest: str) -> None:
    lab = load_lab(write_lab(files={"task.md": text}))
    with pytest.raises(LabError) as refused:
        render_task(lab, INPUTS)
    assert str(refused.value).startswith(f"labs/s3/share-one-report/task.md{rest}")


def test_a_name_where_there_are_no_inputs_is_refused(write_lab: WriteLab) -> None:
    lab = load_lab(write_lab())
    with pytest.raises(
        LabError, match=r"line 1: (BUCKET|REPORT_KEY) is not an input; lab\.toml has no inputs\.$"
    ):
        render_task(lab, {})


def test_text_that_is_not_utf8_is_refused(write_lab: WriteLab) -> None:
    folder = write_lab()
    (folder / "task.md").write_bytes(b"caf\xe9")
    with pytest.raises(LabError, match=r"task\.md is not UTF-8; save it as UTF-8\.$"):
        render_task(load_lab(folder), INPUTS)
