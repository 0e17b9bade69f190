"""A grade as data."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import jsonschema
import pytest
from made_labs import Grader

from cloudkata import grade
from cloudkata.grade import Grade

SCHEMA = Path(grade.__file__).with_name("grade.schema.json")

EVERYTHING = '''
    from cloudkata.checking import fidelity, hint, needs, points

    @points(2)
    @hint("Look.", "Look again.")
    @fidelity("corrected")
    def test_first(aws, program):
        """First."""
        assert program.stdout == "hello", "It should print hello."

    @needs("test_first")
    def test_second(changes):
        """Second."""
        assert changes.besides(), "Nothing changed."
'''


@pytest.fixture
def made(graded: Grader) -> Grade:
    return graded(
        "import boto3\nboto3.client('s3').create_bucket(Bucket='one-bucket')\nprint(1)", check=EVERYTHING
    )


def test_the_published_schema_is_the_models() -> None:
    assert json.loads(SCHEMA.read_text()) == grade.schema(), "python -m cloudkata.grade writes it anew"


def test_a_written_grade_keeps_to_the_schema(made: Grade) -> None:
    jsonschema.validate(json.loads(made.to_json()), grade.schema())


def test_a_grade_reads_back_as_it_was_written(made: Grade) -> None:
    assert Grade.from_json(made.to_json()) == made


def test_a_grade_says_what_happened(made: Grade) -> None:
    (run,) = made.runs
    (call,) = run.timeline
    assert (call.service, call.operation, call.line, call.status) == ("s3", "CreateBucket", 2, 200)
    assert call.parameters == {"Bucket": "one-bucket"}
    assert run.changes == ["s3 bucket one-bucket created"]
    assert run.output.stdout == "1\n"
    assert run.budgets.calls == 1
    first, second = run.checks
    assert (first.expected, first.actual, first.points, first.fidelity) == ("hello", "1\n", 2, "corrected")
    assert first.hints == ["Look.", "Look again."]
    assert second.status == "blocked"
    assert made.program.sha256 == hashlib.sha256(made.program.text.encode()).hexdigest()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (b"", "not a grade written by cloudkata"),
        (b"[]", "not a grade written by cloudkata"),
        (b'{"format": 99}', "has format 99; this cloudkata reads format 1"),
        (b'{"format": 1}', "damaged"),
        (b'{"format": 1, "lab": 3}', "damaged"),
    ],
)
def test_what_is_no_grade_is_refused_in_one_sentence(text: bytes, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        Grade.from_json(text)


def test_a_truncated_grade_is_refused(made: Grade) -> None:
    with pytest.raises(ValueError, match=r"not a grade|damaged"):
        Grade.from_json(made.to_json()[:-20])
