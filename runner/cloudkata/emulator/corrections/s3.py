"""S3 as new buckets have been since April 2023: closed, and owned by their owner.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/create-bucket-faq.html
"""

from __future__ import annotations

import json
from typing import Any

from cloudkata.emulator.authorisation import acls_disabled, public_access_block
from cloudkata.emulator.corrections import Correction, Step
from cloudkata.emulator.naming import NamedCall
from cloudkata.emulator.refusals import Refusal, denied
from cloudkata.emulator.wire import Response
from cloudkata.iam.public import ALL_USERS, AUTHENTICATED_USERS, is_public_policy

_GRANT_MEMBERS = ("GrantFullControl", "GrantRead", "GrantReadACP", "GrantWrite", "GrantWriteACP")
_HARMLESS_ACLS = (None, "private", "bucket-owner-full-control")
_PUBLIC_ACLS = ("public-read", "public-read-write", "authenticated-read")


def install() -> None:
    """Leave all decisions about access to the front.

    moto reads bucket policies itself, without principals and conditions, and would refuse what a
    policy denies to somebody else.
    """
    from moto.iam.access_control import PermissionResult
    from moto.s3.models import FakeBucket

    def get_permission(self: Any, action: str, resource: str) -> Any:
        del self, action, resource
        return PermissionResult.NEUTRAL

    FakeBucket.get_permission = get_permission  # type: ignore[method-assign]


class _NewBucketIsClosed(Step):
    """CreateBucket: Block Public Access on, ACLs disabled, unless the request says otherwise."""

    def after(self, named: NamedCall, response: Response) -> Response:
        """Set the defaults on a bucket that was just made."""
        bucket = _bucket(named) if response.status == 200 else None
        if bucket is not None and bucket.public_access_block is None:
            from moto.s3.models import PublicAccessBlock

            bucket.public_access_block = PublicAccessBlock("true", "true", "true", "true")
            bucket.ownership_rule = bucket.ownership_rule or "BucketOwnerEnforced"
        return response


class _PublicPolicyIsBlocked(Step):
    """PutBucketPolicy: refused for what is no policy, and for a public one while BlockPublicPolicy is on."""

    def before(self, named: NamedCall, who: str) -> None:
        """Raises `MalformedPolicy` or `AccessDenied`."""
        bucket = _bucket(named)
        if bucket is None:
            return
        policy = _policy(named.parameters.get("Policy"))
        if public_access_block(bucket).block_public_policy and is_public_policy(policy):
            raise denied(
                named,
                who,
                f"arn:aws:s3:::{bucket.name}",
                "because public policies are prevented by the BlockPublicPolicy setting in "
                "S3 Block Public Access.",
            )


class _AclsAreDisabled(Step):
    """Whatever sets an ACL: refused while ACLs are disabled, and for a public one while they are blocked."""

    def before(self, named: NamedCall, who: str) -> None:
        """Raises `AccessControlListNotSupported` or `AccessDenied`."""
        bucket = _bucket(named)
        if bucket is None or not _sets_acl(named):
            return
        if acls_disabled(bucket):
            raise Refusal("AccessControlListNotSupported", "The bucket does not allow ACLs", 400)
        if public_access_block(bucket).block_public_acls and _is_public_acl(named):
            raise denied(
                named,
                who,
                f"arn:aws:s3:::{bucket.name}",
                "because public ACLs are prevented by the BlockPublicAcls setting in S3 Block Public Access.",
            )


STEPS: dict[str, Correction] = {
    "CreateBucket": _NewBucketIsClosed(),
    "PutBucketPolicy": _PublicPolicyIsBlocked(),
    **dict.fromkeys(
        ("PutBucketAcl", "PutObjectAcl", "PutObject", "CopyObject", "CreateMultipartUpload"),
        _AclsAreDisabled(),
    ),
}


def _bucket(named: NamedCall) -> Any:
    from moto.s3.models import s3_backends

    name = named.parameters.get("Bucket", "")
    account = s3_backends.bucket_accounts.get(name)
    return s3_backends[account[1]][account[0]].buckets.get(name) if account else None


def _policy(text: Any) -> dict[str, Any]:
    try:
        policy = json.loads(text if isinstance(text, str | bytes) else "")
    except ValueError:
        policy = None
    if not isinstance(policy, dict):
        raise Refusal("MalformedPolicy", "Policies must be valid JSON and the first byte must be '{'", 400)
    statements = policy.get("Statement")
    if not statements or not all(
        isinstance(statement, dict) and statement.get("Effect") in ("Allow", "Deny")
        for statement in (statements if isinstance(statements, list) else [statements])
    ):
        raise Refusal("MalformedPolicy", "Missing required field Statement or Effect", 400)
    return policy


def _sets_acl(named: NamedCall) -> bool:
    parameters = named.parameters
    if parameters.get("ACL") not in _HARMLESS_ACLS or any(
        parameters.get(member) for member in _GRANT_MEMBERS
    ):
        return True
    return (
        named.operation in ("PutBucketAcl", "PutObjectAcl")
        and parameters.get("ACL") not in _HARMLESS_ACLS[1:]
    )


def _is_public_acl(named: NamedCall) -> bool:
    parameters = named.parameters
    if parameters.get("ACL") in _PUBLIC_ACLS:
        return True
    given = json.dumps(
        [parameters.get("AccessControlPolicy"), *(parameters.get(m) for m in _GRANT_MEMBERS)], default=str
    )
    return ALL_USERS in given or AUTHENTICATED_USERS in given
