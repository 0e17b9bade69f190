"""Each correction is for something moto does wrong; when upstream has mended it, a test here fails."""

from __future__ import annotations

import json
from collections.abc import Iterator

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

PUBLIC = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": "*",
                "Action": "s3:GetObject",
                "Resource": "arn:aws:s3:::bucket/*",
            }
        ],
    }
)


@pytest.fixture
def s3() -> Iterator[object]:
    with mock_aws():
        client = boto3.client("s3", "us-east-1", aws_access_key_id="x", aws_secret_access_key="x")
        client.create_bucket(Bucket="bucket")
        yield client


def test_moto_leaves_new_buckets_open(s3) -> None:
    with pytest.raises(ClientError, match="NoSuchPublicAccessBlockConfiguration"):
        s3.get_public_access_block(Bucket="bucket")
    with pytest.raises(ClientError, match="OwnershipControlsNotFoundError"):
        s3.get_bucket_ownership_controls(Bucket="bucket")


def test_moto_accepts_a_public_policy_while_they_are_blocked(s3) -> None:
    s3.put_public_access_block(Bucket="bucket", PublicAccessBlockConfiguration={"BlockPublicPolicy": True})
    s3.put_bucket_policy(Bucket="bucket", Policy=PUBLIC)


def test_moto_accepts_acls_where_they_are_disabled(s3) -> None:
    s3.put_bucket_ownership_controls(
        Bucket="bucket", OwnershipControls={"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    )
    s3.put_bucket_acl(Bucket="bucket", ACL="public-read")


def test_moto_accepts_what_is_no_policy(s3) -> None:
    s3.put_bucket_policy(Bucket="bucket", Policy='{"not": "a policy"}')


def test_moto_judges_bucket_policies_without_their_conditions(s3) -> None:
    s3.put_object(Bucket="bucket", Key="k", Body=b"x")
    unmet = {"Bool": {"aws:SecureTransport": "false"}}
    statement = {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "*", "Condition": unmet}
    s3.put_bucket_policy(
        Bucket="bucket", Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    )
    with pytest.raises(ClientError, match="403"):
        s3.get_object(Bucket="bucket", Key="k")


def test_moto_waits_for_the_machines_clock_in_a_long_poll() -> None:
    import inspect

    from moto.sqs.models import SQSBackend

    assert "polling_end = unix_time() + wait_seconds_timeout" in inspect.getsource(SQSBackend.receive_message)
