"""Whether a caller may: so far for somebody without credentials, who meets only what S3 opens to anybody."""

from __future__ import annotations

import json
from typing import Any

from cloudkata.emulator.naming import NamedCall
from cloudkata.emulator.refusals import denied, not_signed
from cloudkata.emulator.signatures import Caller
from cloudkata.iam.public import Grant, PublicAccessBlock, open_to_anybody

_ACTION = {
    "HeadObject": "GetObject",
    "HeadBucket": "ListBucket",
    "ListObjects": "ListBucket",
    "ListObjectsV2": "ListBucket",
    "ListObjectVersions": "ListBucketVersions",
    "ListMultipartUploads": "ListBucketMultipartUploads",
    "ListBuckets": "ListAllMyBuckets",
    "CreateMultipartUpload": "PutObject",
    "UploadPart": "PutObject",
    "CompleteMultipartUpload": "PutObject",
    "CopyObject": "PutObject",
}
"""S3 operations whose IAM action has another name (Service Authorization Reference, Amazon S3)."""


def authorise(named: NamedCall, caller: Caller) -> str | None:
    """Refuse what the caller may not; returns the reason when something is open to anybody.

    Raises `Refusal`.
    """
    if caller.kind != "anonymous":
        return None
    if named.service != "s3":
        raise not_signed(named)
    bucket_name: str = named.parameters.get("Bucket", "")
    key_name: str = named.parameters.get("Key", "")
    action = "s3:" + _ACTION.get(named.operation, named.operation)
    resource = "arn:aws:s3:::" + bucket_name + (f"/{key_name}" if key_name else "")
    bucket = _bucket(bucket_name)
    if bucket is None:
        raise denied(named, caller.arn, resource, "The request carries no credentials.")
    policy = bucket.policy
    opening = open_to_anybody(
        action,
        resource,
        policy=json.loads(policy) if policy else None,
        bucket_grants=grants(bucket.acl),
        object_grants=_object_grants(bucket, key_name),
        block=public_access_block(bucket),
        acls_disabled=acls_disabled(bucket),
    )
    if not opening.open:
        raise denied(named, caller.arn, resource, opening.why)
    return opening.why


def grants(acl: Any) -> list[Grant]:
    """The grants of one of moto's ACLs."""
    if acl is None:
        return []
    return [
        Grant(grantee.uri, permission)
        for grant in acl.grants
        for grantee in grant.grantees
        for permission in grant.permissions
    ]


def public_access_block(bucket: Any) -> PublicAccessBlock:
    """The four settings of one of moto's buckets."""
    block = bucket.public_access_block
    if block is None:
        return PublicAccessBlock()
    return PublicAccessBlock(
        block_public_acls=block.block_public_acls,
        ignore_public_acls=block.ignore_public_acls,
        block_public_policy=block.block_public_policy,
        restrict_public_buckets=block.restrict_public_buckets,
    )


def acls_disabled(bucket: Any) -> bool:
    """Whether Object Ownership of one of moto's buckets is "bucket owner enforced"."""
    return bool(bucket.ownership_rule == "BucketOwnerEnforced")


def _bucket(name: str) -> Any:
    from moto.s3.models import s3_backends

    account = s3_backends.bucket_accounts.get(name)
    return s3_backends[account[1]][account[0]].buckets.get(name) if account else None


def _object_grants(bucket: Any, key_name: str) -> list[Grant]:
    stored = bucket.keys.get(key_name) if key_name else None
    return grants(stored.acl) if stored is not None else []
