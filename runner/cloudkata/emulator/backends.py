"""moto, called in-process: one request in, one response out, nothing of moto's own server behind it.

A request reaches the backend of the service it was named for, and moto runs the operation it was named for,
in the region of its signature: which of several readings of a request is right is decided once, in `naming`.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterable
from dataclasses import replace
from typing import Any, cast

from moto import settings
from moto.backends import list_of_moto_modules
from moto.moto_api._internal import mock_random
from moto.moto_server import werkzeug_app

from cloudkata.emulator import cbor_speakers, moto_requests, s3_coverage
from cloudkata.emulator.moto_requests import CANONICAL_HOST
from cloudkata.emulator.naming import NamedCall
from cloudkata.emulator.refusals import crashed, not_emulated
from cloudkata.emulator.services import CBOR, service
from cloudkata.emulator.wire import Request, Response

__all__ = ["CANONICAL_HOST", "Backends", "prepare_environment"]

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


def prepare_environment() -> None:
    """Set what moto reads from the environment, and what it has read of it when it was imported."""
    os.environ.update(_ENVIRONMENT)
    for name in _FORBIDDEN_ENVIRONMENT:
        os.environ.pop(name, None)
    settings.INITIAL_NO_AUTH_ACTION_COUNT = float("inf")
    werkzeug_app.DISABLE_GLOBAL_CORS = True  # type: ignore[attr-defined]


class Backends:
    """moto's backends, as WSGI applications in this process."""

    def __init__(self) -> None:
        prepare_environment()
        self._modules = frozenset(list_of_moto_modules())
        self._applications: dict[str, Any] = {}
        moto_requests.run_what_was_named()

    def call(self, request: Request, named: NamedCall, account: str | None = None) -> Response:
        """moto's answer to a request that was named.

        `account` is whose resources the call acts on; without it the account of the access key. Raises
        `Refusal`: NotImplemented for what moto lacks, InternalFailure (S3: InternalError) where it fails.
        """
        if named.service == "s3" and s3_coverage.is_missing(named.operation):
            raise not_emulated(named)
        if named.protocol != CBOR:
            return self._call(request, named, account)
        known = service(named.service)
        if known is None or "json" not in known.protocols:
            raise not_emulated(named)
        headers, body = cbor_speakers.as_json(known, named)
        in_json = Request("POST", "/", (*moto_requests.signature_of(request), *headers.items()), body)
        answer = self._call(in_json, replace(named, protocol="json"), account)
        return cbor_speakers.as_cbor(known, named, answer)

    def _call(self, request: Request, named: NamedCall, account: str | None) -> Response:
        application = self._application(named)
        answer: dict[str, Any] = {}

        def start_response(status: str, headers: list[tuple[str, str]], _exc_info: object = None) -> None:
            answer["status"], answer["headers"] = status, headers

        try:
            environ = moto_requests.environ(request, named, account)
            chunks: Iterable[bytes] = application(environ, start_response)
            body = b"".join(chunks)
        except NotImplementedError as error:
            raise not_emulated(named, _beyond_the_name(error)) from error
        except Exception as error:
            # Whatever moto lets out is an error of the emulated service, never of this process.
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
            if module not in self._modules:
                raise not_emulated(named)
            application = werkzeug_app.create_backend_app(cast(Any, module))
            # Exceptions come out of the call instead of being drawn as a page, and nothing is kept for a
            # debugger.
            application.config["PROPAGATE_EXCEPTIONS"] = True
            application.debug = False
            _lead_every_path_to_the_handler(application)
            self._applications[module] = application
        return application


def _lead_every_path_to_the_handler(application: Any) -> None:
    """Let a service's one handler see every path: moto's patterns miss some that AWS takes, with spaces."""
    views = list(application.view_functions.values())
    if len({view.callback for view in views}) == 1 and views[0].callback.__name__ == "dispatch":
        methods = werkzeug_app.HTTP_METHODS
        application.add_url_rule(
            "/<path:anything>", "anything", views[0], methods=methods, strict_slashes=False
        )


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
