"""What the world holds, as data: every kind of change shows, and looking changes nothing."""

from __future__ import annotations

import pytest
from made_labs import Grader, only_check

SETUP = """
    def setup(aws, inputs, clock):
        s3, sqs, ddb = (aws.client(name) for name in ("s3", "sqs", "dynamodb"))
        s3.create_bucket(Bucket="bucket")
        s3.put_object(Bucket="bucket", Key="k", Body=b"one")
        url = sqs.create_queue(QueueName="queue")["QueueUrl"]
        sqs.send_message(QueueUrl=url, MessageBody="hello")
        ddb.create_table(
            TableName="table", BillingMode="PAY_PER_REQUEST",
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        )
        ddb.put_item(TableName="table", Item={"id": {"S": "a"}, "n": {"N": "1"}})
"""
PRELUDE = """
import boto3
s3, sqs, ddb = (boto3.client(name) for name in ("s3", "sqs", "dynamodb"))
url = "http://127.0.0.1:4566/123456789012/queue"
"""

CASES = {
    "": [],
    "s3.get_object(Bucket='bucket', Key='k'); ddb.scan(TableName='table')": [],
    "s3.put_object(Bucket='bucket', Key='k', Body=b'two')": ["s3 object bucket/k altered: ETag"],
    "s3.put_object(Bucket='bucket', Key='new', Body=b'')": ["s3 object bucket/new created"],
    "s3.delete_object(Bucket='bucket', Key='k')": ["s3 object bucket/k deleted"],
    "s3.create_bucket(Bucket='another')": ["s3 bucket another created"],
    "s3.put_bucket_versioning(Bucket='bucket', VersioningConfiguration={'Status': 'Enabled'})": [
        "s3 bucket bucket altered: Versioning was not set, is 'Enabled'"
    ],
    "s3.delete_public_access_block(Bucket='bucket')": ["s3 bucket bucket altered: PublicAccessBlock"],
    "s3.put_bucket_lifecycle_configuration(Bucket='bucket', LifecycleConfiguration={'Rules': [{'ID': 'x', "
    "'Status': 'Enabled', 'Filter': {'Prefix': ''}, 'Expiration': {'Days': 3}}]})": [
        "s3 bucket bucket altered: Lifecycle"
    ],
    "s3.create_multipart_upload(Bucket='bucket', Key='big')": ["s3 bucket bucket altered: UnfinishedUploads"],
    "sqs.receive_message(QueueUrl=url)": ["sqs message queue/"],
    "sqs.send_message(QueueUrl=url, MessageBody='x')": ["sqs message queue/"],
    "sqs.set_queue_attributes(QueueUrl=url, Attributes={'VisibilityTimeout': '9'})": [
        "sqs queue queue altered: VisibilityTimeout was '30', is '9'"
    ],
    "sqs.create_queue(QueueName='more')": ["sqs queue more created"],
    "sqs.delete_queue(QueueUrl=url)": ["sqs message queue/", "sqs queue queue deleted"],
    "ddb.put_item(TableName='table', Item={'id': {'S': 'b'}})": ["dynamodb item table/b created"],
    "ddb.put_item(TableName='table', Item={'id': {'S': 'a'}, 'n': {'N': '2'}})": [
        "dynamodb item table/a altered: n was {'N': '1'}, is {'N': '2'}"
    ],
    "ddb.delete_item(TableName='table', Key={'id': {'S': 'a'}})": ["dynamodb item table/a deleted"],
    "ddb.delete_table(TableName='table')": ["dynamodb item table/a deleted", "dynamodb table table deleted"],
    "ddb.update_time_to_live(TableName='table', TimeToLiveSpecification={'Enabled': True, 'AttributeName': 't'})": [
        "dynamodb table table altered: TimeToLive"
    ],
}

CHECK = '''
    def test_it(changes):
        """It looks twice and sees the same."""
        assert True, "never"
'''


@pytest.mark.parametrize(("program", "expected"), CASES.items(), ids=[case[:60] for case in CASES])
def test_every_kind_of_change_shows(graded: Grader, program: str, expected: list[str]) -> None:
    made = graded(PRELUDE + program, setup=SETUP, check=CHECK)
    assert made.runs[0].output.exit_status == 0, made.runs[0].output.stderr
    seen = made.runs[0].changes
    assert len(seen) == len(expected), seen
    for change, beginning in zip(seen, expected, strict=True):
        assert change.startswith(beginning), change


def test_a_service_that_cannot_be_described_is_the_labs_fault(graded: Grader) -> None:
    made = graded("", check=CHECK, services='["s3", "kms"]')
    assert made.verdict == "not gradable"
    assert "cannot yet tell what changed in kms" in (made.runs[0].fault or "")


def test_describing_hides_no_message(graded: Grader) -> None:
    made = graded(
        "",
        setup=SETUP,
        check='''
        def test_it(changes, aws):
            """The message can still be received."""
            sqs = aws.client("sqs")
            url = sqs.get_queue_url(QueueName="queue")["QueueUrl"]
            (message,) = sqs.receive_message(QueueUrl=url, AttributeNames=["All"]).get("Messages", [])
            assert message["Attributes"]["ApproximateReceiveCount"] == "1", "Somebody received it before."
        ''',
    )
    assert made.passed, only_check(made).message
