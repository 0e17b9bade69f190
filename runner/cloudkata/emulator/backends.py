"""moto, called in-process: one request in, one response out, nothing of moto's own server behind it.

A request reaches the backend of the service it was named for, and moto runs the operation it was named for,
in the region of its signature: which of several readings of a request is right is decided once, in `naming`.
"""

from __future__ import annotations

import io
import os
import random
import sys
from collections.abc import Iterable
from functools import cache
from typing import Any, cast
from urllib.parse import parse_qsl, unquote_to_bytes, urlencode

from moto import settings
from moto.backends import list_of_moto_modules
from moto.core import responses
from moto.moto_api._internal import mock_random
from moto.moto_server import werkzeug_app

from cloudkata.emulator import aws_chunked, s3_coverage, s3_requests
from cloudkata.emulator.credentials import claim_of
from cloudkata.emulator.naming import NamedCall
from cloudkata.emulator.refusals import crashed, not_emulated
from cloudkata.emulator.services import CBOR
from cloudkata.emulator.wire import Request, Response

CANONICAL_HOST = "127.0.0.1:4566"
"""The only host moto ever sees, so that the URLs in its answers are the same in every run."""

_NAMED = "cloudkata.named"
_FORM = "application/x-www-form-urlencoded"
_ENVIRONMENT = {
    # Objects stay in memory: the emulator may write no file.
    "MOTO_S3_DEFAULT_KEY_BUFFER_SIZE": str(1 << 30),
    # flask-cors answers any origin for every service; a bucket's own CORS rules stay.
    "MOTO_DISABLE_GLOBAL_CORS": "true",
    # Who may do what is the front's business.
    "INITIAL_NO_AUTH_ACTION_COUNT": "inf",
    "MOTO_RECORDER_FILEPATH": "/dev/null",
}
_FORBIDDEN_ENVIRONMENT = (
    "MOTO_ACCOUNT_ID",
    "MOTO_ENABLE_RECORDING",
    "MOTO_S3_CUSTOM_ENDPOINTS",
    "TEST_SERVER_MODE",
)

# moto's package for a botocore service, where it is not the name without hyphens.
_MODULES = {"lambda": "awslambda", "docdb": "rds", "neptune": "rds"}

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


def prepare_environment() -> None:
    """Set what moto reads from the environment, and what it has read of it when it was imported."""
    os.environ.update(_ENVIRONMENT)
    for name in _FORBIDDEN_ENVIRONMENT:
        os.environ.pop(name, None)
    settings.INITIAL_NO_AUTH_ACTION_COUNT = float("inf")
    werkzeug_app.DISABLE_GLOBAL_CORS = True  # type: ignore[attr-defined]
    # Files of upload forms stay in memory too.
    werkzeug_app.BackendRequest._get_file_stream = lambda *_, **__: io.BytesIO()  # type: ignore[method-assign]


class Backends:
    """moto's backends, as WSGI applications in this process."""

    def __init__(self) -> None:
        prepare_environment()
        self._modules = frozenset(list_of_moto_modules())
        self._applications: dict[str, Any] = {}
        _run_what_was_named()

    def call(self, request: Request, named: NamedCall, account: str | None = None) -> Response:
        """moto's answer to a request that was named.

        `account` is whose resources the call acts on; without it the account of the access key. Raises
        `Refusal`: NotImplemented for what moto lacks, InternalFailure (S3: InternalError) where it fails.
        """
        if named.service == "s3" and s3_coverage.is_missing(named.operation):
            raise not_emulated(named)
        application = self._application(named)
        environ = _environ(request, named, account)
        answer: dict[str, Any] = {}

        def start_response(status: str, headers: list[tuple[str, str]], _exc_info: object = None) -> None:
            answer["status"], answer["headers"] = status, headers

        try:
            chunks: Iterable[bytes] = application(environ, start_response)
            body = b"".join(chunks)
        except NotImplementedError as error:
            raise not_emulated(named, _beyond_the_name(error)) from error
        except (
            Exception
        ) as error:  # whatever moto lets out is an error of the emulator, never of this process
            raise crashed(named, error) from error
        return _checked(named, answer["status"], answer["headers"], body)

    def seed(self, value: int) -> None:
        """Make every id moto draws follow from a number."""
        mock_random.seed(value)
        random.seed(value)

    def _application(self, named: NamedCall) -> Any:
        module = _MODULES.get(named.service, named.service.replace("-", ""))
        application = self._applications.get(module)
        if application is None:
            if module not in self._modules or named.protocol == CBOR:
                raise not_emulated(named)
            application = werkzeug_app.create_backend_app(cast(Any, module))
            # Exceptions come out of the call instead of being drawn as a page, and nothing is kept for a
            # debugger.
            application.config["PROPAGATE_EXCEPTIONS"] = True
            application.debug = False
            self._applications[module] = application
        return application


def _run_what_was_named() -> None:
    """Make moto act on the operation and region a call was named with, where it would guess them anew.

    moto takes the operation from any `Action=` in the query or even in a JSON body before it looks at the
    header or path that names it, and the region from the user agent before the signature: a call could be
    judged as one thing and done as another.
    """
    base = responses.BaseResponse
    if getattr(base, "runs_what_was_named", False):
        return
    # moto lists a class's methods anew for every call: of EC2's 600 µs that is half.
    responses.method_names_from_class = cache(responses.method_names_from_class)  # type: ignore[attr-defined]
    guess_action, guess_region = base._get_action, base.get_region_from_url

    def action(self: Any) -> str:
        named = self.normalized_request.environ.get(_NAMED)
        return guess_action(self) if named is None or named.service == "s3" else named.operation

    def region(self: Any, request: Any, full_url: str) -> str:
        named = request.environ.get(_NAMED)
        return guess_region(self, request, full_url) if named is None else named.region

    base._get_action = action  # type: ignore[method-assign]
    base.get_region_from_url = region  # type: ignore[method-assign]
    base.runs_what_was_named = True  # type: ignore[attr-defined]


def _environ(request: Request, named: NamedCall, account: str | None) -> dict[str, Any]:
    """The WSGI environment of a request as moto is to see it (PEP 3333)."""
    method, target, headers, body = _as_named(request, named)
    path, _, query = target.partition("?")
    environ: dict[str, Any] = {
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
    _add_headers(environ, headers)
    environ["CONTENT_LENGTH"] = str(len(body))
    # Whoever comes this far may: moto, which refuses some requests without a signature, is shown one.
    key = claim_of(request).access_key_id or _NOBODYS_KEY
    environ["HTTP_AUTHORIZATION"] = (
        f"AWS4-HMAC-SHA256 Credential={key}/20000101/{named.region}/{named.signing_name}/aws4_request"
    )
    if account is not None:
        environ["HTTP_X_MOTO_ACCOUNT_ID"] = account
    return environ


def _as_named(request: Request, named: NamedCall) -> tuple[str, str, dict[str, str], bytes]:
    """Method, target, headers and body that say what the call was named, and nothing else."""
    if named.service == "s3":
        return _as_named_for_s3(request, named)
    headers, body, method = request.lowered, request.body, request.method
    if named.protocol == "json":
        return method, "/", headers, body
    fields = parse_qsl(request.query, keep_blank_values=True) if request.query else []
    fields = [(name, value) for name, value in fields if not name.startswith("X-Amz-")]
    if named.protocol in ("query", "ec2") and request.query:
        form = parse_qsl(body.decode("ascii", "replace"), keep_blank_values=True)
        return "POST", request.raw_path, {**headers, "content-type": _FORM}, urlencode(fields + form).encode()
    target = f"{request.raw_path}?{urlencode(fields)}" if fields else request.raw_path
    return method, target, headers, body


def _as_named_for_s3(request: Request, named: NamedCall) -> tuple[str, str, dict[str, str], bytes]:
    headers, body = request.lowered, request.body
    query = request.query
    if "ignature=" in query:
        headers = s3_requests.effective(request).lowered
        fields = parse_qsl(query, keep_blank_values=True)
        query = urlencode(
            [
                (name, value)
                for name, value in fields
                if name not in _SIGNATURE_FIELDS and not name.lower().startswith("x-amz-")
            ]
        )
    if aws_chunked.is_chunked(request):
        headers, body = _dechunked(headers, body)
    # moto reads a form's key from the form itself.
    parameters = (
        named.parameters if named.operation != "PostObject" else {"Bucket": named.parameters.get("Bucket")}
    )
    return request.method, s3_requests.target_of(parameters, query), headers, body


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


def _beyond_the_name(error: NotImplementedError) -> str:
    """What moto says it lacks, unless it is the whole operation."""
    text = " ".join(str(error).split())[:300]
    return "" if text.startswith("The ") and text.endswith("action has not been implemented") else text


def _checked(named: NamedCall, status: str, headers: list[tuple[str, str]], body: bytes) -> Response:
    """moto's answer, unless it is one of Flask's pages: those mean that moto has no such route."""
    code, _, reason = status.partition(" ")
    if body[:15].lower() == b"<!doctype html>" and int(code) >= 400:
        if code in ("404", "405"):
            raise not_emulated(named)
        raise crashed(named, RuntimeError(reason))
    return Response(int(code), reason, tuple(headers), body)
