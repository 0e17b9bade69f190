"""Signature Version 2 of S3: what boto3 presigns with by default when it is given an endpoint.

https://docs.aws.amazon.com/AmazonS3/latest/API/RESTAuthentication.html
"""

from __future__ import annotations

import hmac
import re
from datetime import UTC, datetime
from types import SimpleNamespace
from urllib.parse import parse_qsl, unquote

from botocore.auth import HmacV1Auth
from botocore.compat import HTTPHeaders
from botocore.credentials import Credentials

from cloudkata.emulator import s3_requests
from cloudkata.emulator.complaints import TOLERANCE, Complaints, iso_date
from cloudkata.emulator.credentials import Claim
from cloudkata.emulator.services import service
from cloudkata.emulator.signatures_v4 import time_of_header
from cloudkata.emulator.wire import Request

_SECONDS = re.compile(r"\d{1,11}", re.ASCII)
_SIGNED = ("content-md5", "content-type")
_REQUIRED = "Query-string authentication requires the Signature, Expires and AWSAccessKeyId parameters"


class _Recomputed(HmacV1Auth):  # type: ignore[misc]  # botocore has no types
    """botocore's signer, for the date that the client signed."""

    def __init__(self, credentials: Credentials, date: str) -> None:
        super().__init__(credentials)
        self._date = date

    def _get_date(self) -> str:
        return self._date


def verify_query(
    request: Request, claim: Claim, secret: str, complaints: Complaints, now: datetime
) -> str | None:
    """The session token of a request with a good presigned URL.

    Raises `Refusal` if the signature is not good, or no longer.
    """
    fields: dict[str, str] = {}
    for name, value in parse_qsl(request.query, keep_blank_values=True):
        if name in ("AWSAccessKeyId", "Signature", "Expires") and name in fields:
            raise complaints.of_code("AccessDenied", f"{name} is given more than once", 403)
        fields[name] = value
    expires, signature = fields.get("Expires", ""), fields.get("Signature", "")
    if not expires or not signature:
        raise complaints.of_code("AccessDenied", _REQUIRED, 403)
    if not _SECONDS.fullmatch(expires):
        message = f"Invalid date (should be seconds since epoch): {expires[:40]}"
        raise complaints.of_code("AccessDenied", message, 403)
    good_until = datetime.fromtimestamp(int(expires), UTC)
    if now > good_until:
        times = {"Expires": iso_date(good_until), "ServerTime": iso_date(now)}
        raise complaints.of_code("AccessDenied", "Request has expired", 403, times)
    token = fields.get("x-amz-security-token") or request.lowered.get("x-amz-security-token")
    signer = _Recomputed(Credentials(claim.access_key_id, secret, token), expires)
    _verify(request, signer, signature, complaints)
    return token


def verify_header(
    request: Request, claim: Claim, secret: str, complaints: Complaints, now: datetime
) -> str | None:
    """The session token of a request with a good Authorization header.

    Raises `Refusal` if the signature is not good.
    """
    moment = time_of_header(request, complaints)
    if abs(now - moment) > TOLERANCE:
        raise complaints.skewed(moment, now)
    # With x-amz-date among the headers, the line of the date stays empty.
    date = "" if request.header("x-amz-date") else request.header("date")
    signature = request.header("authorization").partition(":")[2].strip()
    token = request.lowered.get("x-amz-security-token")
    signer = _Recomputed(Credentials(claim.access_key_id, secret, token), date)
    _verify(request, signer, signature, complaints)
    return token


def _verify(request: Request, signer: _Recomputed, signature: str, complaints: Complaints) -> None:
    _refuse_uncovered_sub_resources(request, complaints)
    headers = HTTPHeaders()
    for name, value in s3_requests.effective(request).lowered.items():
        if name in _SIGNED or name.startswith("x-amz-"):
            headers[name] = value
    if signer.credentials.token is not None and "x-amz-security-token" not in headers:
        headers["x-amz-security-token"] = signer.credentials.token
    try:
        path = s3_requests.path_style(request)
    except s3_requests.Malformed:
        path = request.raw_path
    split = SimpleNamespace(path=path, query=request.query)
    to_sign = signer.canonical_string(request.method, split, headers)
    if not hmac.compare_digest(signer.sign_string(to_sign).encode(), signature.encode()):
        evidence = {"StringToSign": to_sign, "SignatureProvided": signature}
        raise complaints.mismatch(evidence)


def _refuse_uncovered_sub_resources(request: Request, complaints: Complaints) -> None:
    """Refuse sub-resources younger than this signature: it does not cover them, so they could turn a URL to
    other ends.
    """
    s3 = service("s3")
    if s3 is None:
        return
    names = {unquote(pair.partition("=")[0]) for pair in request.query.split("&")}
    uncovered = (names & s3_requests.sub_resources(s3)) - {*HmacV1Auth.QSAOfInterest} - {"list-type"}
    if uncovered:
        message = (
            "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256."
        )
        raise complaints.of_code("InvalidRequest", message)
