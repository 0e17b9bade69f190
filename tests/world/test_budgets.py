"""What a program may use, and the sentence it gets for each thing it runs out of."""

from __future__ import annotations

import pytest
from made_labs import Grader, only_check

from cloudkata.world.assignment import Limits

ENDED = '''
    def test_it(program):
        """It ends by itself."""
        assert program.ended is None, program.ended
'''


@pytest.mark.parametrize(
    ("program", "sentence"),
    [
        ("import time; time.sleep(10**9)", "still running after 15 minutes of world time"),
        ("import time\nwhile True: time.sleep(60)", "still running after 15 minutes of world time"),
        ("import boto3\ns3 = boto3.client('s3')\nwhile True: s3.list_buckets()", "more than 40 API calls"),
        ("print('x' * 10_000_000)\n" * 3, "printed more than 16 MB"),
        ("import threading; threading.Event().wait()", "ran for more than 2 seconds"),
    ],
    ids=["sleeps for ever", "naps for ever", "calls for ever", "prints for ever", "hangs"],
)
def test_a_program_that_does_not_end_is_ended(graded: Grader, program: str, sentence: str) -> None:
    made = graded(program, check=ENDED, more="max_calls = 40", limits=Limits(program=2))
    check = only_check(made)
    assert check.status == "failed"
    assert sentence in (check.message or "")
    assert made.runs[0].output.ended == check.message


def test_a_busy_program_is_ended_after_its_cpu_time(graded: Grader) -> None:
    made = graded("while True: pass", check=ENDED, limits=Limits(program=20))
    assert "10 seconds of CPU" in (only_check(made).message or "")
