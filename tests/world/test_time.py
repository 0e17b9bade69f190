"""Time obeys: what waits in a world takes no real time, and passes alike in every run."""

from __future__ import annotations

import time

import pytest
from made_labs import Grader, only_check

QUEUE = """
    def setup(aws, inputs, clock):
        sqs = aws.client("sqs")
        url = sqs.create_queue(QueueName="jobs", Attributes={"VisibilityTimeout": "30"})["QueueUrl"]
        for n in range(3):
            sqs.send_message(QueueUrl=url, MessageBody=str(n))
"""

FINE = '''
    def test_it(program):
        """It ends normally."""
        assert program.exit_status == 0, program.how_it_ended() + program.stderr
'''


def test_a_worker_that_waits_two_minutes_takes_no_more_real_time_than_one_that_does_not(
    graded: Grader, make_lab
) -> None:
    program = """
        import boto3
        sqs = boto3.client("sqs")
        url = sqs.get_queue_url(QueueName="jobs")["QueueUrl"]
        for _ in range(7):
            sqs.receive_message(QueueUrl=url, WaitTimeSeconds={wait})
    """
    lab = make_lab(setup=QUEUE, check=FINE)
    took = {}
    for wait in (0, 20):
        began = time.perf_counter()
        made = graded(program.format(wait=wait), lab=lab)
        took[wait] = time.perf_counter() - began
        assert made.passed, only_check(made).message
        if wait:
            # Three find a message at once; one is hidden again for 30 s and comes back.
            assert made.runs[0].budgets.world_ms > 25_000
    assert took[20] < took[0] * 2 + 0.5


@pytest.mark.parametrize(
    ("program", "world_seconds"),
    [
        ("import time; time.sleep(100)", 100),
        ("import time; a = time.time(); time.sleep(2.5); assert time.time() - a == 2.5", 2.5),
        ("import time; a = time.monotonic(); time.sleep(7); assert round(time.monotonic() - a, 6) == 7", 7),
        ("import time\nend = time.monotonic() + 3\nwhile time.monotonic() < end: pass", 3),
        ("import time, datetime\nend = datetime.datetime.now() + datetime.timedelta(seconds=2)\n"
         "while datetime.datetime.now() < end: pass", 2),
    ],
    ids=["sleep", "wall clock", "monotonic", "deadline loop", "datetime loop"],
)  # fmt: skip
def test_waiting_is_world_time(graded: Grader, program: str, world_seconds: float) -> None:
    made = graded(program, check=FINE)
    assert made.passed, only_check(made).message
    assert made.runs[0].budgets.world_ms == pytest.approx(world_seconds * 1000, abs=15)


def test_a_call_costs_its_lane_twenty_milliseconds(graded: Grader) -> None:
    made = graded("import boto3\ns3 = boto3.client('s3')\nfor _ in range(10): s3.list_buckets()", check=FINE)
    assert made.runs[0].budgets.world_ms == 200


def test_threads_side_by_side_cost_less_world_time_than_one_after_the_other(graded: Grader) -> None:
    made = graded(
        """
        import boto3
        from concurrent.futures import ThreadPoolExecutor
        s3 = boto3.client("s3")
        with ThreadPoolExecutor(5) as pool:
            list(pool.map(lambda n: s3.create_bucket(Bucket=f"bucket-{n}"), range(10)))
        """,
        check=FINE,
    )
    assert made.passed, only_check(made).message
    assert made.runs[0].budgets.calls == 10
    assert made.runs[0].budgets.world_ms < 100


def test_back_off_of_the_sdk_is_world_time(graded: Grader) -> None:
    made = graded(
        "import boto3\nboto3.client('dynamodb').list_tables()",
        check='''
        def test_it(program, faults):
            """It gets through, and takes longer."""
            assert program.world_seconds == 0.02, f"{program.world_seconds}"
            faults.throttle("ListTables", times=2)
            again = program.run()
            assert again.exit_status == 0, again.stderr
            assert again.calls == 3, f"{again.calls}"
            assert again.world_seconds > 0.1, f"{again.world_seconds}"
        ''',
    )
    assert made.passed, only_check(made).message


def test_waiters_wait_in_world_time(graded: Grader) -> None:
    made = graded(
        "import boto3\nboto3.client('s3').get_waiter('bucket_exists').wait(Bucket='never')",
        check='''
        def test_it(program):
            """It gives up after twenty looks, five seconds apart."""
            assert program.calls == 20, f"{program.calls}"
            assert 95 < program.world_seconds < 96, f"{program.world_seconds}"
            assert "WaiterError" in program.last_word, program.stderr
        ''',
    )
    assert made.passed, only_check(made).message


def test_a_hidden_message_comes_back_when_its_time_is_over(graded: Grader) -> None:
    made = graded(
        """
        import boto3
        sqs = boto3.client("sqs")
        url = sqs.get_queue_url(QueueName="jobs")["QueueUrl"]
        sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)
        """,
        setup=QUEUE,
        check='''
        def test_it(aws, clock):
            """After 30 seconds all three can be received again."""
            sqs = aws.client("sqs")
            url = sqs.get_queue_url(QueueName="jobs")["QueueUrl"]
            hidden = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
            assert hidden == [], "They are not hidden."
            clock.advance(seconds=31)
            back = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
            assert len(back) == 3, "They did not come back."
        ''',
    )
    assert made.passed, only_check(made).message


def test_delay_and_retention_follow_the_world(graded: Grader) -> None:
    made = graded(
        """
        import boto3
        sqs = boto3.client("sqs")
        url = sqs.create_queue(QueueName="late", Attributes={"MessageRetentionPeriod": "3600"})["QueueUrl"]
        sqs.send_message(QueueUrl=url, MessageBody="x", DelaySeconds=600)
        """,
        check='''
        def test_it(aws, clock):
            """It is there after ten minutes, and gone after an hour."""
            sqs = aws.client("sqs")
            url = sqs.get_queue_url(QueueName="late")["QueueUrl"]
            look = lambda: len(sqs.receive_message(QueueUrl=url, VisibilityTimeout=0).get("Messages", []))
            assert look() == 0, "The delay is ignored."
            clock.advance(minutes=11)
            assert look() == 1, "It never arrived."
            clock.advance(hours=1)
            assert look() == 0, "It is kept for ever."
        ''',
    )
    assert made.passed, only_check(made).message


def test_setup_builds_the_past(graded: Grader) -> None:
    made = graded(
        "",
        setup="""
        def setup(aws, inputs, clock):
            with clock.ago(days=30):
                aws.client("s3").create_bucket(Bucket="old-bucket")
            aws.client("s3").create_bucket(Bucket="new-bucket")
        """,
        check='''
        def test_it(aws, clock):
            """One bucket is a month older than the other."""
            made = {b["Name"]: b["CreationDate"] for b in aws.client("s3").list_buckets()["Buckets"]}
            assert (made["new-bucket"] - made["old-bucket"]).days in (29, 30), f"{made}"
            assert made["new-bucket"] < clock.now, f"{made} {clock.now}"
        ''',
    )
    assert made.passed, only_check(made).message


def test_advancing_the_clock_moves_it_by_exactly_that_much(graded: Grader) -> None:
    made = graded(
        "",
        check='''
        import datetime as dt
        def test_it(clock):
            """Check, datetime and clock agree."""
            before = clock.now
            clock.advance(days=31, milliseconds=1)
            assert clock.now - before == dt.timedelta(days=31, milliseconds=1), f"{clock.now - before}"
            assert dt.datetime.now(dt.UTC) == clock.now, f"{dt.datetime.now(dt.UTC)} {clock.now}"
        ''',
    )
    assert made.passed, only_check(made).message
