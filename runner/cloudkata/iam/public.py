"""What of S3 is open to anybody.

Rules: https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html
(the meaning of "public", and what each of the four settings does).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

ALL_USERS = "http://acs.amazonaws.com/groups/global/AllUsers"
AUTHENTICATED_USERS = "http://acs.amazonaws.com/groups/global/AuthenticatedUsers"

NARROWING_KEYS = frozenset(
    {
        "aws:sourceip", "aws:sourcearn", "aws:sourcevpc", "aws:sourcevpce", "aws:sourceowner",
        "aws:sourceaccount", "aws:principalorgid", "aws:principalorgpaths", "aws:principalaccount",
        "aws:principalarn", "aws:userid", "s3:dataaccesspointarn", "s3:dataaccesspointaccount",
    }
)  # fmt: skip
"""Condition keys which, with a fixed value, make a wildcard principal not public."""

_ACL_PERMISSION = {
    "s3:GetObject": ("object", "READ"),
    "s3:GetObjectVersion": ("object", "READ"),
    "s3:GetObjectAcl": ("object", "READ_ACP"),
    "s3:ListBucket": ("bucket", "READ"),
    "s3:ListBucketVersions": ("bucket", "READ"),
    "s3:ListBucketMultipartUploads": ("bucket", "READ"),
    "s3:PutObject": ("bucket", "WRITE"),
    "s3:DeleteObject": ("bucket", "WRITE"),
    "s3:GetBucketAcl": ("bucket", "READ_ACP"),
    "s3:PutBucketAcl": ("bucket", "WRITE_ACP"),
}


@dataclass(frozen=True, slots=True)
class PublicAccessBlock:
    """The four settings of a bucket or an account; all on for a new bucket since April 2023."""

    block_public_acls: bool = False
    ignore_public_acls: bool = False
    block_public_policy: bool = False
    restrict_public_buckets: bool = False


@dataclass(frozen=True, slots=True)
class Grant:
    """One grant of an ACL: the grantee's group URI (empty for an account) and the permission."""

    group: str
    permission: str


@dataclass(frozen=True, slots=True)
class Opening:
    """Whether anybody may, and why."""

    open: bool
    why: str


def open_to_anybody(
    action: str,
    resource: str,
    *,
    policy: Mapping[str, Any] | None,
    bucket_grants: Sequence[Grant],
    object_grants: Sequence[Grant],
    block: PublicAccessBlock,
    acls_disabled: bool,
) -> Opening:
    """Whether somebody without credentials may do `action` on the ARN `resource`.

    `acls_disabled` is Object Ownership "bucket owner enforced": ACLs then affect nothing.
    A conditional Deny counts as a Deny: who is unknown meets no condition.
    """
    statements = _statements(policy)
    for index, statement in enumerate(statements):
        if (
            statement.get("Effect") == "Deny"
            and _names_anybody(statement)
            and _covers(statement, action, resource)
        ):
            return Opening(False, f"{_label(statement, index)} of the bucket policy denies it.")
    for index, statement in enumerate(statements):
        if (
            statement.get("Effect") == "Allow"
            and _names_anybody(statement)
            and not statement.get("Condition")
            and _covers(statement, action, resource)
        ):
            if block.restrict_public_buckets:
                return Opening(
                    False,
                    "The public access block restricts public buckets, so the public policy opens nothing.",
                )
            return Opening(True, f"{_label(statement, index)} of the bucket policy allows everybody.")
    level, permission = _ACL_PERMISSION.get(action, ("", ""))
    grants = bucket_grants if level == "bucket" else object_grants if level == "object" else ()
    if any(grant.group == ALL_USERS and grant.permission in (permission, "FULL_CONTROL") for grant in grants):
        if acls_disabled:
            return Opening(False, "The ACL grants it to everybody, but ACLs are disabled on this bucket.")
        if block.ignore_public_acls:
            return Opening(
                False, "The ACL grants it to everybody, but the public access block ignores public ACLs."
            )
        return Opening(True, f"The ACL of the {level} grants {permission} to everybody.")
    return Opening(False, "Nothing opens it to somebody without credentials.")


def is_public_policy(policy: Mapping[str, Any]) -> bool:
    """Whether AWS calls a bucket policy public: it allows everybody, and no fixed condition narrows that."""
    return any(
        statement.get("Effect") == "Allow" and _names_anybody(statement) and not _narrowed(statement)
        for statement in _statements(policy)
    )


def is_public_grant(grant: Grant) -> bool:
    """Whether AWS calls an ACL grant public."""
    return grant.group in (ALL_USERS, AUTHENTICATED_USERS)


def _statements(policy: Mapping[str, Any] | None) -> list[Mapping[str, Any]]:
    listed = (policy or {}).get("Statement", [])
    return [listed] if isinstance(listed, Mapping) else list(listed)


def _names_anybody(statement: Mapping[str, Any]) -> bool:
    principal = statement.get("Principal")
    if isinstance(principal, Mapping):
        principal = principal.get("AWS")
    return "*" in _listed(principal)


def _narrowed(statement: Mapping[str, Any]) -> bool:
    conditions = statement.get("Condition") or {}
    return any(
        key.lower() in NARROWING_KEYS and all("*" not in str(value) for value in _listed(values))
        for tests in conditions.values()
        for key, values in tests.items()
    )


def _covers(statement: Mapping[str, Any], action: str, resource: str) -> bool:
    return _matches_either(statement, "Action", action, re.IGNORECASE) and _matches_either(
        statement, "Resource", resource, 0
    )


def _matches_either(statement: Mapping[str, Any], element: str, value: str, flags: int) -> bool:
    if f"Not{element}" in statement:
        return not any(_like(pattern, value, flags) for pattern in _listed(statement[f"Not{element}"]))
    return any(_like(pattern, value, flags) for pattern in _listed(statement.get(element)))


def _like(pattern: str, value: str, flags: int) -> bool:
    expression = "".join(".*" if c == "*" else "." if c == "?" else re.escape(c) for c in pattern)
    return re.fullmatch(expression, value, flags | re.DOTALL) is not None


def _listed(value: Any) -> list[str]:
    if value is None:
        return []
    return [str(item) for item in value] if isinstance(value, list | tuple) else [str(value)]


def _label(statement: Mapping[str, Any], index: int) -> str:
    return f"Statement {statement['Sid']!r}" if statement.get("Sid") else f"Statement {index}"
