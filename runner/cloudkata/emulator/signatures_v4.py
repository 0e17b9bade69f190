"""Signature Version 4, in the Authorization header and in the query of a presigned URL.

https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
"""

from __future__ import annotations

import hmac
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from hashlib import sha256
from types import SimpleNamespace
from typing import Any
from urllib.parse import unquote

from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.credentials import Credentials

from cloudkata.emulator import signed_bodies
from cloudkata.emulator.complaints import TOLERANCE, Complaints, amz_date, iso_date
from cloudkata.emulator.credentials import Claim
from cloudkata.emulator.wire import Request

LONGEST = timedelta(days=7)
"""How long a presigned URL may be good."""

_DATE = re.compile(r"\d{8}T\d{6}Z", re.ASCII)
_SECONDS = re.compile(r"\d{1,9}", re.ASCII)
_IN_QUERY = (
    "X-Amz-Algorithm",
    "X-Amz-Credential",
    "X-Amz-Signature",
    "X-Amz-Date",
    "X-Amz-SignedHeaders",
    "X-Amz-Expires",
)
_INCOMPLETE_QUERY = (
    "Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, X-Amz-Signature, "
    "X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters."
)


@dataclass(frozen=True, slots=True)
class _Signed:
    """A signature, and what of the request it says it covers."""

    signature: str
    timestamp: str
    headers: str
    """Their names, as in SignedHeaders."""
    query: str
    """The raw query, without the signature itself."""
    payload: str
    """What stands for the body."""


class _SignedHeaders(dict[str, str]):
    """Headers as botocore's signers walk over them."""

    def get_all(self, name: str) -> list[str]:
        """All values of a header; ours are joined already."""
        return [self[name]]


def verify_header(
    request: Request, claim: Claim, secret: str, complaints: Complaints, now: datetime
) -> str | None:
    """The session token of a request with a good Authorization header.

    Raises `Refusal` if the signature is not good.
    """
    fields = _authorization_fields(request.header("authorization"), complaints)
    moment = time_of_header(request, complaints)
    if abs(now - moment) > TOLERANCE:
        raise complaints.skewed(moment, now)
    payload = signed_bodies.claimed(request, claim.service, complaints)
    signed = _Signed(fields["Signature"], amz_date(moment), fields["SignedHeaders"], request.query, payload)
    verifier = _Verifier(claim, secret, complaints)
    verifier.verify(request, signed)
    if payload.startswith("STREAMING-AWS4-"):
        verifier.verify_chunks(request, signed)
    return request.lowered.get("x-amz-security-token")


def verify_query(
    request: Request, claim: Claim, secret: str, complaints: Complaints, now: datetime
) -> str | None:
    """The session token of a request with a good presigned URL.

    Raises `Refusal` if the signature is not good, not yet or no longer.
    """
    fields, rest = _query_fields(request.query, complaints)
    _check_validity(fields, complaints, now)
    payload = sha256(request.body).hexdigest() if not complaints.of_s3 else ""
    if complaints.of_s3:
        given = request.header("x-amz-content-sha256") or fields.get("X-Amz-Content-Sha256")
        payload = given or signed_bodies.UNSIGNED
        signed_bodies.check(request, payload, complaints)
    signed = _Signed(
        fields["X-Amz-Signature"], fields["X-Amz-Date"], fields["X-Amz-SignedHeaders"], rest, payload
    )
    _Verifier(claim, secret, complaints).verify(request, signed)
    return fields.get("X-Amz-Security-Token")


class _Verifier:
    """botocore's signer, asked for the signature it would have made."""

    def __init__(self, claim: Claim, secret: str, complaints: Complaints) -> None:
        kind = S3SigV4Auth if complaints.of_s3 else SigV4Auth
        self._signer: Any = kind(Credentials(claim.access_key_id, secret), claim.service, claim.region)
        self._claim = claim
        self._complaints = complaints

    def verify(self, request: Request, signed: _Signed) -> None:
        """Refuse a request that is not the one that was signed."""
        claim, complaints, signer = self._claim, self._complaints, self._signer
        if claim.date != signed.timestamp[:8]:
            raise complaints.invalid_signature(
                "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: "
                f"'{claim.date}' != '{signed.timestamp[:8]}', from '{signed.timestamp}'."
            )
        headers = _signed_headers(request, signed.headers, complaints)
        canonical = "\n".join(
            (
                request.method.upper(),
                signer._normalize_url_path(request.raw_path or "/"),
                # Raw, not parsed as part of a URL: a parser would drop what follows a stray "#".
                signer._canonical_query_string_url(SimpleNamespace(query=signed.query)),
                signer.canonical_headers(headers) + "\n",
                signed.headers,
                signed.payload,
            )
        )
        context = SimpleNamespace(context={"timestamp": signed.timestamp})
        to_sign = signer.string_to_sign(context, canonical)
        if not hmac.compare_digest(signer.signature(to_sign, context).encode(), signed.signature.encode()):
            raise complaints.mismatch(
                {
                    "StringToSign": to_sign,
                    "SignatureProvided": signed.signature,
                    "CanonicalRequest": canonical,
                }
            )

    def verify_chunks(self, request: Request, signed: _Signed) -> None:
        """Refuse a body in signed chunks of which one is not the signed one."""
        context = SimpleNamespace(context={"timestamp": signed.timestamp})
        scope = f"{signed.timestamp}\n{self._signer.credential_scope(context)}"
        signed_bodies.check_chunks(
            request,
            scope,
            signed.signature,
            lambda to_sign: str(self._signer.signature(to_sign, context)),
            self._complaints,
        )


def _authorization_fields(authorization: str, complaints: Complaints) -> dict[str, str]:
    fields: dict[str, str] = {}
    for part in authorization.partition(" ")[2].split(","):
        name, equals, value = part.strip().partition("=")
        if not equals or name in fields:
            raise complaints.unreadable(f"The Authorization header cannot be read at {part.strip()[:80]!r}.")
        fields[name] = value
    missing = {"Credential", "SignedHeaders", "Signature"} - fields.keys()
    if missing:
        needs = (f"Authorization header requires '{name}' parameter." for name in sorted(missing))
        raise complaints.unreadable(" ".join(needs))
    return fields


def _query_fields(query: str, complaints: Complaints) -> tuple[dict[str, str], str]:
    """The signature's fields of a presigned URL, and the query without the signature itself."""
    fields: dict[str, str] = {}
    rest = []
    for pair in query.split("&"):
        name, _, value = pair.partition("=")
        decoded = unquote(name)
        if decoded.startswith("X-Amz-"):
            if decoded in fields:
                raise complaints.unreadable_query(f"{decoded} is given more than once.")
            fields[decoded] = unquote(value)
        if decoded != "X-Amz-Signature":
            rest.append(pair)
    if any(not fields.get(name) for name in _IN_QUERY):
        raise complaints.unreadable_query(_INCOMPLETE_QUERY)
    return fields, "&".join(rest)


def _check_validity(fields: dict[str, str], complaints: Complaints, now: datetime) -> None:
    date, seconds = fields["X-Amz-Date"], fields["X-Amz-Expires"]
    if not _DATE.fullmatch(date):
        why = "X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\""
        raise complaints.unreadable_query(why)
    if not _SECONDS.fullmatch(seconds):
        raise complaints.unreadable_query("X-Amz-Expires should be a number")
    moment, lasts = _parsed(date, complaints), timedelta(seconds=int(seconds))
    if lasts > LONGEST:
        raise complaints.unreadable_query(
            "X-Amz-Expires must be less than a week (in seconds) that is, the given X-Amz-Expires "
            f"must be less than {int(LONGEST.total_seconds())} seconds",
        )
    early, late = moment - now > TOLERANCE, now - moment > lasts
    if not early and not late:
        return
    if not complaints.of_s3:
        raise complaints.skewed(moment, now)
    times = {"ServerTime": iso_date(now)}
    if early:
        raise complaints.of_code(
            "AccessDenied", "Request is not yet valid", 403, {"X-Amz-Date": date, **times}
        )
    times = {"X-Amz-Expires": seconds, "Expires": iso_date(moment + lasts), **times}
    raise complaints.of_code("AccessDenied", "Request has expired", 403, times)


def time_of_header(request: Request, complaints: Complaints) -> datetime:
    """When a request says it was signed; raises `Refusal` if it does not."""
    given = request.header("x-amz-date") or request.header("date")
    if _DATE.fullmatch(given):
        return _parsed(given, complaints)
    try:
        parsed = parsedate_to_datetime(given)
        return parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)
    except (ValueError, TypeError, OverflowError):
        raise complaints.undated() from None


def _parsed(timestamp: str, complaints: Complaints) -> datetime:
    try:
        return datetime.strptime(timestamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        raise complaints.undated() from None


def _signed_headers(request: Request, names: str, complaints: Complaints) -> _SignedHeaders:
    listed, lowered = names.split(";"), request.lowered
    if listed != sorted({*listed}) or "host" not in listed:
        raise complaints.unreadable("'Host' must be a 'SignedHeader' in the AWS Authorization.")
    if any(name not in lowered for name in listed):
        raise complaints.mismatch()
    unsigned = sorted(name for name in lowered if name.startswith("x-amz-") and name not in listed)
    if unsigned and complaints.of_s3:
        message = "There were headers present in the request which were not signed"
        raise complaints.of_code("AccessDenied", message, 403, {"HeadersNotSigned": ", ".join(unsigned)})
    if unsigned:
        name = unsigned[0].title()
        raise complaints.invalid_signature(f"'{name}' must be a 'SignedHeader' in the AWS Authorization.")
    return _SignedHeaders((name, _as_signed(lowered[name])) for name in listed)


def _as_signed(value: str) -> str:
    """A header's value as it was signed: doors read headers as Latin-1, clients write them as UTF-8."""
    if value.isascii():
        return value
    try:
        return value.encode("latin-1").decode()
    except UnicodeError:
        return value
