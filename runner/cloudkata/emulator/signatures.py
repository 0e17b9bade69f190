"""Who calls: signatures checked against the world's keys, recomputed with botocore's own signers.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_aws-signing.html
https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-authenticating-requests.html
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from cloudkata.emulator import signatures_v2, signatures_v4
from cloudkata.emulator.complaints import Complaints
from cloudkata.emulator.credentials import Claim, claim_of
from cloudkata.emulator.naming import NamedCall
from cloudkata.emulator.services import is_region
from cloudkata.emulator.wire import Request

_TWO_MECHANISMS = (
    "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, "
    "Signature query string parameter or the Authorization header should be specified"
)


@dataclass(frozen=True, slots=True)
class Key:
    """An access key as the world knows it."""

    secret: str
    arn: str
    """Whom it belongs to: a user's ARN, or a session's."""
    account: str
    session_token: str | None
    """What temporary credentials are only good together with."""
    expires: datetime | None
    active: bool


@dataclass(frozen=True, slots=True)
class Caller:
    """Who a request comes from."""

    access_key_id: str | None
    account: str
    """Empty for anonymous callers."""
    arn: str
    """`anonymous` for anonymous callers."""
    kind: Literal["anonymous", "key", "session"]
    presigned: bool


ANONYMOUS = Caller(None, "", "anonymous", "anonymous", presigned=False)


def identify(
    request: Request, named: NamedCall | None, keys: Callable[[str], Key | None], now: datetime
) -> Caller:
    """Who signed a request; without any signature the anonymous caller.

    `named` is what the request asks for, if that could be told: errors are in its service's words. Raises
    `Refusal` for every signature that is not good at `now`, whatever is wrong with it.
    """
    claim = claim_of(request)
    if claim.scheme == "none":
        return ANONYMOUS
    complaints = Complaints.about(request, named, claim)
    if claim.scheme == "unknown":
        if "authorization" in request.lowered:
            raise complaints.unreadable("The Authorization header cannot be read.")
        raise complaints.unreadable_query("The credential in the query cannot be read.")
    if complaints.of_s3 and claim.scheme in ("v4", "v2") and _signs_in_query(request):
        raise complaints.of_code("InvalidArgument", _TWO_MECHANISMS)
    if claim.region and not is_region(claim.region):
        raise complaints.invalid_signature(
            f"Credential should be scoped to a valid region, not '{claim.region}'."
        )
    key = keys(claim.access_key_id)
    if key is None or not key.active:
        raise complaints.unknown_key()
    presigned = claim.scheme in ("v4-query", "v2-query")
    try:
        token = _verified_token(request, claim, key, complaints, now)
    except UnicodeError:
        # A lone surrogate: no client sends one, and nothing can be signed with it.
        raise complaints.unreadable("The request is not valid UTF-8.") from None
    _check_session(key, token, complaints, now)
    kind: Literal["key", "session"] = "session" if key.session_token is not None else "key"
    return Caller(claim.access_key_id, key.account, key.arn, kind, presigned)


def _verified_token(
    request: Request, claim: Claim, key: Key, complaints: Complaints, now: datetime
) -> str | None:
    """The session token sent with a request whose signature is good."""
    if claim.scheme == "v4":
        return signatures_v4.verify_header(request, claim, key.secret, complaints, now)
    if claim.scheme == "v4-query":
        return signatures_v4.verify_query(request, claim, key.secret, complaints, now)
    if claim.scheme == "v2":
        return signatures_v2.verify_header(request, claim, key.secret, complaints, now)
    return signatures_v2.verify_query(request, claim, key.secret, complaints, now)


def _check_session(key: Key, token: str | None, complaints: Complaints, now: datetime) -> None:
    if key.session_token is None:
        if token is not None:
            raise complaints.wrong_token()
        return
    if token is None:
        raise complaints.unknown_key()
    if not hmac.compare_digest(token.encode(), key.session_token.encode()):
        raise complaints.wrong_token()
    if key.expires is not None and now >= key.expires:
        raise complaints.expired_token()


def _signs_in_query(request: Request) -> bool:
    query = request.query
    return bool(query) and ("X-Amz-Signature=" in query or "AWSAccessKeyId=" in query)
