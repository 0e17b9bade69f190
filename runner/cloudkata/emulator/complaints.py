"""What each service family says about a signature that is not good.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-troubleshooting.html
https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html#ErrorCodeList
https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from cloudkata.emulator.credentials import Claim
from cloudkata.emulator.naming import NamedCall
from cloudkata.emulator.refusals import QUERY_CODES, Refusal
from cloudkata.emulator.wire import Request

Family = Literal["s3", "ec2", "query", "json", "rest-json"]

TOLERANCE = timedelta(minutes=15)
"""How far the time of a signature may be from now."""

_MISMATCH = "The request signature we calculated does not match the signature you provided. "
_HEADER_SERVICES = frozenset({"s3", "s3-outposts", "s3-object-lambda", "s3express"})


def amz_date(moment: datetime) -> str:
    """A time as signatures carry it: 20260102T030405Z."""
    return moment.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")


def iso_date(moment: datetime) -> str:
    """A time as S3 shows it in errors: 2026-01-02T03:04:05Z."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass(frozen=True, slots=True)
class Complaints:
    """Makes the refusals of one request's signature."""

    family: Family
    access_key_id: str

    @classmethod
    def about(cls, request: Request, named: NamedCall | None, claim: Claim) -> Complaints:
        """In the words of the service called; of the one that the request looks like, if it has no name."""
        return cls(_family(request, named, claim), claim.access_key_id)

    @property
    def of_s3(self) -> bool:
        """Whether S3's rules and words apply."""
        return self.family == "s3"

    def of_code(
        self, code: str, message: str, status: int = 400, extra: Mapping[str, str] | None = None
    ) -> Refusal:
        """A refusal in so many words."""
        return Refusal(code, message, status, extra)

    def unreadable(self, why: str) -> Refusal:
        """The signature is not of any known form."""
        code, status = {
            "s3": ("AuthorizationHeaderMalformed", 400),
            "ec2": ("AuthFailure", 401),
            "query": ("IncompleteSignature", 400),
            "json": ("IncompleteSignatureException", 400),
            "rest-json": ("IncompleteSignatureException", 403),
        }[self.family]
        return Refusal(code, why, status)

    def unreadable_query(self, why: str) -> Refusal:
        """The signature's fields in the query are not of any known form."""
        if self.family == "s3":
            return Refusal("AuthorizationQueryParametersError", why, 400)
        return self.unreadable(why)

    def undated(self) -> Refusal:
        """Nothing says when the request was signed."""
        if self.family == "s3":
            message = "AWS authentication requires a valid Date or x-amz-date header"
            return Refusal("AccessDenied", message, 403)
        why = "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header."
        return self.unreadable(why)

    def unknown_key(self) -> Refusal:
        """No such access key, or it is inactive; AWS does not tell the two apart."""
        if self.family == "s3":
            message = "The AWS Access Key Id you provided does not exist in our records."
            return Refusal("InvalidAccessKeyId", message, 403, {"AWSAccessKeyId": self.access_key_id})
        return self._invalid_token()

    def wrong_token(self) -> Refusal:
        """The session token is not the one of the key."""
        if self.family == "s3":
            message = "The provided token is malformed or otherwise invalid."
            return Refusal("InvalidToken", message, 400)
        return self._invalid_token()

    def _invalid_token(self) -> Refusal:
        if self.family == "ec2":
            return self._ec2_failure()
        message = "The security token included in the request is invalid."
        code, status = {
            "query": ("InvalidClientTokenId", 403),
            "json": ("UnrecognizedClientException", 400),
            "rest-json": ("UnrecognizedClientException", 403),
        }[self.family]
        return Refusal(code, message, status)

    def expired_token(self) -> Refusal:
        """The session is over."""
        if self.family == "s3":
            return Refusal("ExpiredToken", "The provided token has expired.", 400)
        if self.family == "ec2":
            return Refusal("RequestExpired", "Request has expired.", 400)
        message = "The security token included in the request is expired"
        code, status = {
            "query": ("ExpiredToken", 403),
            "json": ("ExpiredTokenException", 400),
            "rest-json": ("ExpiredTokenException", 403),
        }[self.family]
        return Refusal(code, message, status)

    def mismatch(self, evidence: Mapping[str, str] | None = None) -> Refusal:
        """The signature is not the one we calculate; S3 shows from what it calculated."""
        if self.family == "s3":
            message = f"{_MISMATCH}Check your key and signing method."
            return Refusal(
                "SignatureDoesNotMatch",
                message,
                403,
                {"AWSAccessKeyId": self.access_key_id, **(evidence or {})},
            )
        message = (
            f"{_MISMATCH}Check your AWS Secret Access Key and signing method. "
            "Consult the service documentation for details."
        )
        return self.invalid_signature(message)

    def invalid_signature(self, message: str) -> Refusal:
        """The signature is not good, for this reason."""
        if self.family == "ec2":
            return self._ec2_failure()
        code, status = {
            "s3": ("SignatureDoesNotMatch", 403),
            "query": ("SignatureDoesNotMatch", 403),
            "json": ("InvalidSignatureException", 400),
            "rest-json": ("InvalidSignatureException", 403),
        }[self.family]
        return Refusal(code, message, status)

    def skewed(self, signed: datetime, now: datetime) -> Refusal:
        """A header signature of another time than now."""
        if self.family == "s3":
            return Refusal(
                "RequestTimeTooSkewed",
                "The difference between the request time and the current time is too large.",
                403,
                {
                    "RequestTime": amz_date(signed),
                    "ServerTime": iso_date(now),
                    "MaxAllowedSkewMilliseconds": str(int(TOLERANCE.total_seconds() * 1000)),
                },
            )
        if self.family == "ec2":
            return Refusal("RequestExpired", "Request has expired.", 400)
        then, at = amz_date(signed), amz_date(now)
        if signed < now:
            limit = amz_date(now - TOLERANCE)
            message = f"Signature expired: {then} is now earlier than {limit} ({at} - 15 min.)"
        else:
            limit = amz_date(now + TOLERANCE)
            message = f"Signature not yet current: {then} is still later than {limit} ({at} + 15 min.)"
        return self.invalid_signature(message)

    def _ec2_failure(self) -> Refusal:
        return Refusal("AuthFailure", "AWS was not able to validate the provided access credentials", 401)


def _family(request: Request, named: NamedCall | None, claim: Claim) -> Family:
    protocol = named.protocol if named else _looks_like(request, claim)
    if claim.service in _HEADER_SERVICES or (named and named.service == "s3"):
        return "s3"
    if protocol == "ec2":
        return "ec2"
    if protocol in ("query", "rest-xml") or (named and named.service in QUERY_CODES):
        return "query"
    return "rest-json" if protocol == "rest-json" else "json"


def _looks_like(request: Request, claim: Claim) -> str:
    if claim.service == "ec2":
        return "ec2"
    if request.header("x-amz-target"):
        return "json"
    return "query" if b"Action=" in request.body or "Action=" in request.target else "rest-json"
