"""What keeps a program in does not show in its grade."""

from __future__ import annotations

import json

import pytest
from made_labs import LabMaker

from cloudkata import jail
from cloudkata.world.grading import grade

PROGRAM = b"""
import boto3, os
s3, sqs = boto3.client("s3"), boto3.client("sqs")
s3.create_bucket(Bucket="one-bucket")
print(sqs.create_queue(QueueName="q")["QueueUrl"])
print(s3.generate_presigned_url("get_object", {"Bucket": "one-bucket", "Key": "k"}))
print(os.environ["AWS_ENDPOINT_URL"])
open("written.txt", "w").write("x")
"""
CHECK = '''
    def test_it(program, http):
        """Links, queue URLs and files are the same everywhere."""
        url, link, endpoint = program.stdout.split()
        assert url.startswith("http://127.0.0.1:4566/"), url
        assert http.get(link).status == 404, link
        assert endpoint == "http://127.0.0.1:4566", endpoint
        assert program.files == {"written.txt": b"x"}, f"{program.files}"
'''


def available() -> list[jail.Level]:
    return [level for level in jail.Level if jail.obstacle(level) is None]


def test_every_level_gives_the_same_grade(make_lab: LabMaker) -> None:
    lab = make_lab(check=CHECK)
    written = {}
    for level in available():
        made = grade(lab, "solution.py", PROGRAM, 7, level=level)
        assert made.passed, (level, made.runs[0])
        told = json.loads(made.to_json())
        assert told.pop("isolation") == level.value
        written[level] = told
    assert len(written) >= 2, "at least one real level and the weakest"
    assert len({json.dumps(told) for told in written.values()}) == 1


@pytest.mark.parametrize("level", available())
def test_a_program_that_leaves_a_daemon_is_over_when_it_is_over(
    make_lab: LabMaker, level: jail.Level
) -> None:
    program = b"""
import subprocess, sys
subprocess.Popen([sys.executable, "-c", "import threading; threading.Event().wait()"], start_new_session=True)
"""
    assert grade(make_lab(), "solution.py", program, 7, level=level).passed
