"""Signature Version 4, in the Authorization header and in the query of a presigned URL.

https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html
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

from cloudkata.emulator import aws_chunked
from cloudkata.emulator.complaints import TOLERANCE, Complaints, amz_date, iso_date
from cloudkata.emulator.credentials import Claim
from cloudkata.emulator.services import service
from cloudkata.emulator.wire import Request

LONGEST = timedelta(days=7)
"""How long a presigned URL may be good."""

_UNSIGNED = "UNSIGNED-PAYLOAD"
_DATE = re.compile(r"\d{8}T\d{6}Z", re.ASCII)
_SECONDS = re.compile(r"\d{1,9}", re.ASCII)
_EMPTY = sha256(b"").hexdigest()
_REQUIRED_IN_QUERY = (
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
    """What a signature says it covers."""

    headers: str
    signature: str
    timestamp: str
    query: str
    """The raw query without the signature."""


class _SignedHeaders(dict[str, str]):
    """Headers as botocore's signers walk over them."""

    def get_all(self, name: str) -> list[str]:
        return [self[name]]


def verify_header(
    request: Request, claim: Claim, secret: str, complaints: Complaints, now: datetime
) -> str | None:
    """The session token of a request with a good Authorization header.

    Raises `Refusal` if the signature is not good.
    """
    fields = _authorization_fields(request.header("authorization"), complaints)
    moment = _time_of_header(request, complaints)
    if abs(now - moment) > TOLERANCE:
        raise complaints.skewed(moment, now)
    signed = _Signed(fields["SignedHeaders"], fields["Signature"], amz_date(moment), request.query)
    signer = _signer(claim, secret, complaints)
    payload = _payload_of_header(request, claim, complaints)
    _verify(request, claim, signed, signer, payload, complaints)
    if payload.startswith("STREAMING-AWS4-HMAC-SHA256-PAYLOAD"):
        _verify_chunks(request, claim, signed, signer, complaints)
    return request.lowered.get("x-amz-security-token")


def verify_query(
    request: Request, claim: Claim, secret: str, complaints: Complaints, now: datetime
) -> str | None:
    """The session token of a request with a good presigned URL.

    Raises `Refusal` if the signature is not good, not yet or no longer.
    """
    fields, rest = _query_fields(request.query, complaints)
    if not _DATE.fullmatch(fields["X-Amz-Date"]):
        raise _query_error(
            complaints, 'X-Amz-Date must be in the ISO8601 Long Format "yyyyMMdd\'T\'HHmmss\'Z\'"'
        )
    moment = _parsed(fields["X-Amz-Date"], complaints)
    _check_validity(fields, moment, complaints, now)
    signed = _Signed(fields["X-Amz-SignedHeaders"], fields["X-Amz-Signature"], fields["X-Amz-Date"], rest)
    if complaints.of_s3:
        payload = request.header("x-amz-content-sha256") or fields.get("X-Amz-Content-Sha256") or _UNSIGNED
        _check_body(request, payload, complaints)
    else:
        payload = sha256(request.body).hexdigest()
    _verify(request, claim, signed, _signer(claim, secret, complaints), payload, complaints)
    return fields.get("X-Amz-Security-Token")


def _authorization_fields(authorization: str, complaints: Complaints) -> dict[str, str]:
    fields: dict[str, str] = {}
    for part in authorization.partition(" ")[2].split(","):
        name, equals, value = part.strip().partition("=")
        if not equals or name in fields:
            raise complaints.unreadable(f"Authorization header has a part that cannot be read: {part.strip()[:80]!r}.")
        fields[name] = value
    missing = {"Credential", "SignedHeaders", "Signature"} - fields.keys()
    if missing:
        names = " ".join(f"Authorization header requires '{name}' parameter." for name in sorted(missing))
        raise complaints.unreadable(names)
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
                raise _query_error(complaints, f"{decoded} is given more than once.")
            fields[decoded] = unquote(value)
        if decoded != "X-Amz-Signature":
            rest.append(pair)
    if any(not fields.get(name) for name in _REQUIRED_IN_QUERY):
        raise _query_error(complaints, _INCOMPLETE_QUERY)
    return fields, "&".join(rest)


def _check_validity(fields: dict[str, str], moment: datetime, complaints: Complaints, now: datetime) -> None:
    if not _SECONDS.fullmatch(fields["X-Amz-Expires"]):
        raise _query_error(complaints, "X-Amz-Expires should be a number")
    lasts = timedelta(seconds=int(fields["X-Amz-Expires"]))
    if lasts > LONGEST:
        seconds = int(LONGEST.total_seconds())
        raise _query_error(
            complaints,
            "X-Amz-Expires must be less than a week (in seconds); "
            f"that is, the given X-Amz-Expires must be less than {seconds} seconds",
        )
    times = {"Expires": iso_date(moment + lasts), "ServerTime": iso_date(now)}
    if moment - TOLERANCE > now:
        if complaints.of_s3:
            raise complaints.of_code(
                "AccessDenied", "Request is not yet valid", 403, {"X-Amz-Date": fields["X-Amz-Date"], **times}
            )
        raise complaints.skewed(moment, now)
    if now > moment + lasts:
        if complaints.of_s3:
            expires = {"X-Amz-Expires": fields["X-Amz-Expires"], **times}
            raise complaints.of_code("AccessDenied", "Request has expired", 403, expires)
        raise complaints.skewed(moment, now)


def _query_error(complaints: Complaints, why: str) -> Exception:
    if complaints.of_s3:
        return complaints.of_code("AuthorizationQueryParametersError", why)
    return complaints.unreadable(why)


def _time_of_header(request: Request, complaints: Complaints) -> datetime:
    given = request.header("x-amz-date") or request.header("date")
    if _DATE.fullmatch(given):
        return _parsed(given, complaints)
    try:
        parsed = parsedate_to_datetime(given)
    except (ValueError, TypeError):
        if complaints.of_s3:
            message = "AWS authentication requires a valid Date or x-amz-date header"
            raise complaints.of_code("AccessDenied", message, 403) from None
        why = "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header."
        raise complaints.unreadable(why) from None
    return parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)


def _parsed(timestamp: str, complaints: Complaints) -> datetime:
    try:
        return datetime.strptime(timestamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        raise complaints.unreadable(f"Date {timestamp!r} is no date.") from None


def _payload_of_header(request: Request, claim: Claim, complaints: Complaints) -> str:
    """What stands for the body in the string to sign, after the body was found to match it."""
    given = request.header("x-amz-content-sha256")
    if complaints.of_s3:
        if not given:
            message = "Missing required header for this request: x-amz-content-sha256"
            raise complaints.of_code("InvalidRequest", message)
        _check_body(request, given, complaints)
        return given
    if given == _UNSIGNED and _takes_unsigned_bodies(claim):
        return given
    return sha256(request.body).hexdigest()


def _check_body(request: Request, given: str, complaints: Complaints) -> None:
    if given == _UNSIGNED:
        return
    if given.startswith("STREAMING-"):
        try:
            decoded = aws_chunked.decode(request.body)
        except ValueError as error:
            raise complaints.of_code("IncompleteBody", f"The request body is not aws-chunked: {error}.") from error
        length = request.header("x-amz-decoded-content-length")
        if length and length != str(len(decoded.data)):
            message = "You did not provide the number of bytes specified by the x-amz-decoded-content-length header"
            raise complaints.of_code("IncompleteBody", message)
        return
    computed = sha256(request.body).hexdigest()
    if not hmac.compare_digest(computed.encode(), given.encode()):
        raise complaints.of_code(
            "XAmzContentSHA256Mismatch",
            "The provided 'x-amz-content-sha256' header does not match what was computed.",
            400,
            {"ClientComputedContentSHA256": given, "S3ComputedContentSHA256": computed},
        )


def _takes_unsigned_bodies(claim: Claim) -> bool:
    """Whether a service has operations whose bodies botocore leaves unsigned."""
    known = service(claim.service)
    if known is None:
        return False
    models = (known.operation(name) for name in known.model.operation_names)
    return any(model.unsigned_payload or model.auth_type == "v4-unsigned-body" for model in models)


def _signer(claim: Claim, secret: str, complaints: Complaints) -> Any:
    kind = S3SigV4Auth if complaints.of_s3 else SigV4Auth
    return kind(Credentials(claim.access_key_id, secret), claim.service, claim.region)


def _verify(
    request: Request, claim: Claim, signed: _Signed, signer: Any, payload: str, complaints: Complaints
) -> None:
    if claim.date != signed.timestamp[:8]:
        raise complaints.invalid_signature(
            f"Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: "
            f"'{claim.date}' != '{signed.timestamp[:8]}', from '{signed.timestamp}'."
        )
    headers = _signed_headers(request, signed.headers, complaints)
    canonical = "\n".join(
        (
            request.method.upper(),
            signer._normalize_url_path(request.raw_path or "/"),
            signer._canonical_query_string_url(SimpleNamespace(query=signed.query)),
            signer.canonical_headers(headers) + "\n",
            signed.headers,
            payload,
        )
    )
    context = SimpleNamespace(context={"timestamp": signed.timestamp})
    to_sign = signer.string_to_sign(context, canonical)
    if not hmac.compare_digest(signer.signature(to_sign, context).encode(), signed.signature.encode()):
        raise complaints.mismatch(
            {"StringToSign": to_sign, "SignatureProvided": signed.signature, "CanonicalRequest": canonical}
        )


def _signed_headers(request: Request, names: str, complaints: Complaints) -> _SignedHeaders:
    listed = names.split(";")
    if listed != sorted({*listed}) or "host" not in listed:
        raise complaints.unreadable("'Host' must be a 'SignedHeader' in the AWS Authorization.")
    lowered = request.lowered
    if any(name not in lowered for name in listed):
        raise complaints.mismatch()
    unsigned = sorted(name for name in lowered if name.startswith("x-amz-") and name not in listed)
    if unsigned:
        if complaints.of_s3:
            message = "There were headers present in the request which were not signed"
            raise complaints.of_code("AccessDenied", message, 403, {"HeadersNotSigned": ", ".join(unsigned)})
        why = f"'{unsigned[0].title()}' must be a 'SignedHeader' in the AWS Authorization."
        raise complaints.invalid_signature(why)
    return _SignedHeaders((name, _as_sent(lowered[name])) for name in listed)


def _as_sent(value: str) -> str:
    """A header's value as the client signed it: doors read headers as Latin-1, clients write them as UTF-8."""
    if value.isascii():
        return value
    try:
        return value.encode("latin-1").decode()
    except UnicodeError:
        return value


def _verify_chunks(
    request: Request, claim: Claim, signed: _Signed, signer: Any, complaints: Complaints
) -> None:
    """Each chunk's signature covers the one before it, from the request's own on."""
    decoded = aws_chunked.decode(request.body)
    scope = f"{signed.timestamp}\n{claim.date}/{claim.region}/{claim.service}/aws4_request"
    context = SimpleNamespace(context={"timestamp": signed.timestamp})
    previous = signed.signature

    def check(kind: str, covered: str, signature: str) -> str:
        to_sign = f"AWS4-HMAC-SHA256-{kind}\n{scope}\n{previous}\n{covered}"
        if not hmac.compare_digest(signer.signature(to_sign, context).encode(), signature.encode()):
            raise complaints.mismatch({"StringToSign": to_sign, "SignatureProvided": signature})
        return signature

    for chunk in decoded.chunks:
        previous = check("PAYLOAD", f"{_EMPTY}\n{sha256(chunk.data).hexdigest()}", chunk.signature)
    if request.header("x-amz-content-sha256").endswith("-TRAILER"):
        trailers = dict(decoded.trailers)
        signature = trailers.pop("x-amz-trailer-signature", "")
        text = "".join(f"{name}:{value}\n" for name, value in sorted(trailers.items()))
        check("TRAILER", sha256(text.encode()).hexdigest(), signature)
