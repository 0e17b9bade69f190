"""What of S3 is open to anybody.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html
"""

from __future__ import annotations

from typing import Any

import pytest

from cloudkata.iam.public import (
    ALL_USERS,
    AUTHENTICATED_USERS,
    Grant,
    PublicAccessBlock,
    is_public_policy,
    open_to_anybody,
)

OPEN = PublicAccessBlock()
READ_ALL = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::b/*"}


def decide(action: str = "s3:GetObject", resource: str = "arn:aws:s3:::b/k", **facts: Any) -> bool:
    given = {
        "policy": None, "bucket_grants": [], "object_grants": [], "block": OPEN, "acls_disabled": False, **facts,
    }  # fmt: skip
    return open_to_anybody(action, resource, **given).open


def policy(*statements: dict[str, Any]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({}, False),
        ({"policy": policy(READ_ALL)}, True),
        ({"policy": {"Statement": READ_ALL}}, True),
        ({"policy": policy({**READ_ALL, "Principal": {"AWS": ["111111111111", "*"]}})}, True),
        ({"policy": policy({**READ_ALL, "Principal": {"AWS": "arn:aws:iam::111111111111:root"}})}, False),
        ({"policy": policy({**READ_ALL, "Principal": {"Service": "cloudfront.amazonaws.com"}})}, False),
        ({"policy": policy({**READ_ALL, "Action": "S3:get*"})}, True),
        ({"policy": policy({**READ_ALL, "Action": ["s3:PutObject", "s3:*"]})}, True),
        ({"policy": policy({**READ_ALL, "Action": "s3:PutObject"})}, False),
        ({"policy": policy({**READ_ALL, "Resource": "arn:aws:s3:::b"})}, False),
        ({"policy": policy({**READ_ALL, "Resource": "arn:aws:s3:::b/?"})}, True),
        ({"policy": policy({**READ_ALL, "Resource": "arn:aws:s3:::B/*"})}, False),
        ({"policy": policy({**READ_ALL, "Condition": {"Bool": {"aws:SecureTransport": "true"}}})}, False),
        ({"policy": policy(READ_ALL, {**READ_ALL, "Effect": "Deny"})}, False),
        ({"policy": policy({**READ_ALL, "Effect": "Deny", "Condition": {"Bool": {"x": "y"}}}, READ_ALL)}, False),
        ({"policy": policy(READ_ALL, {**READ_ALL, "Effect": "Deny", "Action": "s3:PutObject"})}, True),
        ({"policy": policy(READ_ALL), "block": PublicAccessBlock(restrict_public_buckets=True)}, False),
        ({"policy": policy(READ_ALL), "block": PublicAccessBlock(block_public_policy=True)}, True),
        ({"object_grants": [Grant(ALL_USERS, "READ")]}, True),
        ({"object_grants": [Grant(ALL_USERS, "FULL_CONTROL")]}, True),
        ({"object_grants": [Grant(ALL_USERS, "READ_ACP")]}, False),
        ({"object_grants": [Grant(AUTHENTICATED_USERS, "READ")]}, False),
        ({"object_grants": [Grant("", "FULL_CONTROL")]}, False),
        ({"bucket_grants": [Grant(ALL_USERS, "READ")]}, False),
        ({"object_grants": [Grant(ALL_USERS, "READ")], "block": PublicAccessBlock(ignore_public_acls=True)}, False),
        ({"object_grants": [Grant(ALL_USERS, "READ")], "acls_disabled": True}, False),
        ({"action": "s3:ListBucket", "resource": "arn:aws:s3:::b", "bucket_grants": [Grant(ALL_USERS, "READ")]}, True),
        ({"action": "s3:PutObject", "bucket_grants": [Grant(ALL_USERS, "WRITE")]}, True),
        ({"action": "s3:DeleteBucket", "resource": "arn:aws:s3:::b", "bucket_grants": [Grant(ALL_USERS, "WRITE")]}, False),
    ],
)  # fmt: skip
def test_anybody_may_only_what_is_opened(facts: dict[str, Any], expected: bool) -> None:
    assert decide(**facts) is expected


@pytest.mark.parametrize(
    ("statement", "public"),
    [
        (READ_ALL, True),
        ({**READ_ALL, "Effect": "Deny"}, False),
        ({**READ_ALL, "Principal": {"AWS": "111111111111"}}, False),
        ({**READ_ALL, "Condition": {"StringEquals": {"aws:SourceVpce": "vpce-1"}}}, False),
        ({**READ_ALL, "Condition": {"StringLike": {"aws:SourceVpce": "vpce-*"}}}, True),
        ({**READ_ALL, "Condition": {"Bool": {"aws:SecureTransport": "true"}}}, True),
    ],
)
def test_a_policy_is_public_unless_a_fixed_condition_narrows_it(
    statement: dict[str, Any], public: bool
) -> None:
    assert is_public_policy(policy(statement)) is public


def test_the_reason_names_the_statement() -> None:
    opening = open_to_anybody(
        "s3:GetObject", "arn:aws:s3:::b/k", policy=policy({**READ_ALL, "Sid": "Site"}),
        bucket_grants=[], object_grants=[], block=OPEN, acls_disabled=False,
    )  # fmt: skip
    assert opening.why == "Statement 'Site' of the bucket policy allows everybody."
