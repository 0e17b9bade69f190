"""What a request says about who signed it, before anything of it is believed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal
from urllib.parse import parse_qsl

from cloudkata.emulator.wire import Request

Scheme = Literal["none", "v4", "v4-query", "v2", "v2-query", "unknown"]

_SCOPE = re.compile(r"[^/\s]{1,128}/\d{8}/[a-z0-9-]{1,64}/[a-zA-Z0-9.\-]{1,64}/aws4_request")


@dataclass(frozen=True, slots=True)
class Claim:
    """The credential part of a request's signature."""

    scheme: Scheme
    access_key_id: str = ""
    date: str = ""
    region: str = ""
    service: str = ""


ANONYMOUS = Claim("none")


def claim_of(request: Request) -> Claim:
    """How a request is signed and with which key and scope; scheme `unknown` for what cannot be read."""
    authorization = request.lowered.get("authorization")
    if authorization is not None:
        return _claim_of_header(authorization)
    query = request.query
    if "X-Amz-Credential=" in query or "X-Amz-Algorithm=" in query:
        fields = dict(parse_qsl(query, keep_blank_values=True))
        if fields.get("X-Amz-Algorithm") == "AWS4-HMAC-SHA256":
            return _scoped("v4-query", fields.get("X-Amz-Credential", ""))
        return Claim("unknown")
    if "AWSAccessKeyId=" in query and "Signature=" in query:
        fields = dict(parse_qsl(query, keep_blank_values=True))
        return Claim("v2-query", fields.get("AWSAccessKeyId", ""), service="s3")
    return ANONYMOUS


def _claim_of_header(authorization: str) -> Claim:
    algorithm, _, rest = authorization.partition(" ")
    if algorithm == "AWS4-HMAC-SHA256":
        for part in rest.split(","):
            name, _, value = part.strip().partition("=")
            if name == "Credential":
                return _scoped("v4", value)
        return Claim("unknown")
    if algorithm == "AWS" and ":" in rest:
        return Claim("v2", rest.partition(":")[0].strip(), service="s3")
    return Claim("unknown")


def _scoped(scheme: Scheme, credential: str) -> Claim:
    if not _SCOPE.fullmatch(credential):
        return Claim("unknown")
    access_key_id, date, region, service, _ = credential.split("/")
    return Claim(scheme, access_key_id, date, region, service.lower())
