"""Requests as moto is to see them: what was named, and nothing that could be read in another way.

moto takes the operation from any `Action=` in the query or even in a JSON body before it looks at the header
or path that names it, the region from the user agent before the signature, and the account from a header
anybody can send: a call could be judged as one thing and done as another.
"""

from __future__ import annotations

import io
import sys
from functools import cache
from typing import Any
from urllib.parse import parse_qsl, unquote_to_bytes, urlencode

from moto.core import responses
from moto.moto_server import werkzeug_app
from moto.utilities.utils import get_partition

from cloudkata.emulator import aws_chunked, s3_requests
from cloudkata.emulator.asked import Asked, inflated
from cloudkata.emulator.credentials import claim_of
from cloudkata.emulator.naming import NamedCall
from cloudkata.emulator.services import FORM_PROTOCOLS, REST_PROTOCOLS
from cloudkata.emulator.wire import Request

CANONICAL_HOST = "127.0.0.1:4566"
"""The only host moto ever sees, so that the URLs in its answers are the same in every run."""

_NAMED = "cloudkata.named"
_FORM = "application/x-www-form-urlencoded"

# Headers of the connection and of the client's signature: none of them is moto's business.
_DROPPED = frozenset(
    {
        "host",
        "authorization",
        "connection",
        "content-length",
        "expect",
        "transfer-encoding",
        "x-amz-security-token",
    }
)
_NOBODYS_KEY = "AKIAANYBODY000000000"
_SIGNATURE_FIELDS = frozenset({"AWSAccessKeyId", "Signature", "Expires"})


def run_what_was_named() -> None:
    """Make moto act on the operation and region a call was named with, where it would guess them anew."""
    base = responses.BaseResponse
    if getattr(base, "runs_what_was_named", False):
        return
    # moto lists a class's methods anew for every call: of EC2's 600 µs that is half.
    responses.method_names_from_class = cache(responses.method_names_from_class)  # type: ignore[attr-defined]
    guess_action, guess_region, set_up = base._get_action, base.get_region_from_url, base.setup_class

    def action(self: Any) -> str:
        named = self.normalized_request.environ.get(_NAMED)
        # S3's handlers find the operation themselves, and name it for their own serializer.
        if named is None or named.service == "s3":
            return guess_action(self)
        if named.protocol in REST_PROTOCOLS and not hasattr(self, "has_read_its_path"):
            # What moto finds on the way are the parameters in the path.
            self.has_read_its_path = True
            self._get_action_from_method_and_request_uri(self.normalized_request)
        return str(named.operation)

    def region(self: Any, request: Any, full_url: str) -> str:
        named = request.environ.get(_NAMED)
        return guess_region(self, request, full_url) if named is None else named.region

    def setup_class(self: Any, request: Any, *arguments: Any, **named_arguments: Any) -> None:
        set_up(self, request, *arguments, **named_arguments)
        named = request.environ.get(_NAMED)
        if named is not None:
            # EMR has a way of its own to guess the region.
            self.region, self.partition = named.region, get_partition(named.region)

    def is_form(self: Any) -> bool:
        named = self.environ.get(_NAMED)
        return named is None or named.protocol in FORM_PROTOCOLS or named.operation == "PostObject"

    server_request = werkzeug_app.BackendRequest
    # Only what was named as a form is one: Flask would swallow an object whose type says it is a form.
    server_request.want_form_data_parsed = property(is_form)  # type: ignore[method-assign, assignment]
    # Files of upload forms stay in memory, for the emulator may write no file.
    server_request._get_file_stream = lambda *_, **__: io.BytesIO()  # type: ignore[method-assign]
    base._get_action = action  # type: ignore[method-assign]
    base.get_region_from_url = region  # type: ignore[method-assign]
    base.setup_class = setup_class  # type: ignore[method-assign]
    base.runs_what_was_named = True  # type: ignore[attr-defined]


def environ(request: Request, named: NamedCall, account: str | None) -> dict[str, Any]:
    """The WSGI environment of a request as moto is to see it (PEP 3333)."""
    method, target, headers, body = _as_named(request, named)
    path, _, query = target.partition("?")
    made: dict[str, Any] = {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
        "QUERY_STRING": query,
        "RAW_URI": target,
        "REQUEST_URI": target,
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "4566",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "HTTP_HOST": CANONICAL_HOST,
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": False,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        _NAMED: named,
    }
    _add_headers(made, headers)
    made["CONTENT_LENGTH"] = str(len(body))
    # Whoever comes this far may: moto, which refuses some requests without a signature, is shown one.
    key = claim_of(request).access_key_id or _NOBODYS_KEY
    made["HTTP_AUTHORIZATION"] = (
        f"AWS4-HMAC-SHA256 Credential={key}/20000101/{named.region}/{named.signing_name}/aws4_request"
    )
    if account is not None:
        made["HTTP_X_MOTO_ACCOUNT_ID"] = account
    return made


def signature_of(request: Request) -> tuple[tuple[str, str], ...]:
    """The header that says who signed a request."""
    return tuple((name, value) for name, value in request.headers if name.lower() == "authorization")


def _as_named(request: Request, named: NamedCall) -> tuple[str, str, dict[str, str], bytes]:
    """Method, target, headers and body that say what the call was named, and nothing else."""
    if named.service == "s3":
        return _as_named_for_s3(request, named)
    headers, body, method = request.lowered, inflated(request), request.method
    if body is not request.body:
        headers = {name: value for name, value in headers.items() if name != "content-encoding"}
    if named.protocol == "json":
        return method, "/", {**headers, "content-type": "application/x-amz-json-1.1"}, body
    if named.protocol in FORM_PROTOCOLS:
        # Only SQS has something to say with the path: the queue.
        path = request.raw_path if named.service == "sqs" else "/"
        if request.query or not headers.get("content-type", "").startswith(_FORM):
            form = Asked(request, named.signing_name).form
            body = urlencode(
                {name: value for name, value in form.items() if not name.startswith("X-Amz-")}
            ).encode()
        return "POST", path, {**headers, "content-type": _FORM}, body
    query = _without_signature(request.query) if "X-Amz-" in request.query else request.query
    return method, f"{request.raw_path}?{query}" if query else request.raw_path, headers, body


def _as_named_for_s3(request: Request, named: NamedCall) -> tuple[str, str, dict[str, str], bytes]:
    headers, body = request.lowered, request.body
    query = request.query
    if "ignature=" in query:
        headers = s3_requests.effective(request).lowered
        query = _without_signature(query)
    if aws_chunked.is_chunked(request) and named.operation != "PostObject":
        headers, body = _dechunked(headers, body)
    # moto reads a form's key from the form itself.
    parameters = (
        named.parameters if named.operation != "PostObject" else {"Bucket": named.parameters.get("Bucket")}
    )
    return request.method, s3_requests.target_of(parameters, query), headers, body


def _without_signature(query: str) -> str:
    fields = parse_qsl(query, keep_blank_values=True)
    return urlencode(
        [
            (name, value)
            for name, value in fields
            if name not in _SIGNATURE_FIELDS and not name.lower().startswith("x-amz-")
        ]
    )


def _dechunked(headers: dict[str, str], body: bytes) -> tuple[dict[str, str], bytes]:
    """A body out of its aws-chunked coding, and the checksum from behind it in the headers."""
    decoded = aws_chunked.decode(body)
    kept = {
        name: value
        for name, value in headers.items()
        if name
        not in ("x-amz-content-sha256", "x-amz-decoded-content-length", "x-amz-trailer", "content-encoding")
    }
    if remaining := aws_chunked.without_coding(headers.get("content-encoding", "")):
        kept["content-encoding"] = remaining
    kept.update((name, value) for name, value in decoded.trailers if name.startswith("x-amz-checksum-"))
    return kept, decoded.data


def _add_headers(environ: dict[str, Any], headers: dict[str, str]) -> None:
    preserved: dict[str, str] = {}
    for name, value in headers.items():
        if name in _DROPPED or name.startswith("x-moto-"):
            continue
        if "_" in name:
            # WSGI cannot tell my_key from my-key; moto keeps the spelling of an object's metadata, and of
            # nothing else.
            if not name.startswith("x-amz-meta-") or name.replace("_", "-") in headers:
                continue
            preserved["HTTP_" + name.upper().replace("-", "_")] = name
        key = name.upper().replace("-", "_")
        environ["CONTENT_TYPE" if key == "CONTENT_TYPE" else f"HTTP_{key}"] = value
    environ["moto.preserved_header_names"] = preserved
