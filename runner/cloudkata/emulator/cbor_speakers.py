"""Serves callers who speak Smithy RPC v2 CBOR, as newer SDKs do with CloudWatch, where moto speaks JSON.

https://smithy.io/2.0/additional-specs/protocols/smithy-rpc-v2.html
"""

from __future__ import annotations

import json
from typing import Any

from botocore.parsers import create_parser
from botocore.serialize import create_serializer

from cloudkata.emulator.error_documents import ServiceError, document
from cloudkata.emulator.naming import NamedCall
from cloudkata.emulator.services import CBOR, Service
from cloudkata.emulator.wire import Response

_TO_JSON = create_serializer("json", include_validation=False)
_TO_CBOR = create_serializer(CBOR, include_validation=False)
_FROM_JSON = create_parser("json")


def as_json(known: Service, named: NamedCall) -> tuple[dict[str, str], bytes]:
    """The headers and the body of the same call in JSON."""
    made = _TO_JSON.serialize_to_request(dict(named.parameters), known.operation(named.operation))
    headers = {name.lower(): str(value) for name, value in made["headers"].items()}
    return headers, made["body"]


def as_cbor(known: Service, named: NamedCall, answer: Response) -> Response:
    """The same answer in CBOR."""
    headers = {name.lower(): value for name, value in answer.headers}
    request_id = headers.get("x-amzn-requestid", "")
    if answer.status >= 400:
        written, body = document(CBOR, _error_of(named, answer, headers, request_id))
        return Response(answer.status, answer.reason, (*written, ("Content-Length", str(len(body)))), body)
    shape = known.operation(named.operation).output_shape
    body = b"\xa0"  # an empty map
    if shape is not None:
        parsed = _FROM_JSON.parse({"status_code": 200, "headers": headers, "body": answer.body}, shape)
        parsed.pop("ResponseMetadata", None)
        body = bytes(_TO_CBOR._serialize_body_params(parsed, shape))
    written = (
        ("Content-Type", "application/cbor"),
        ("smithy-protocol", "rpc-v2-cbor"),
        ("x-amzn-requestid", request_id),
        ("Content-Length", str(len(body))),
    )
    return Response(answer.status, answer.reason, written, body)


def _error_of(named: NamedCall, answer: Response, headers: dict[str, str], request_id: str) -> ServiceError:
    fields: dict[str, Any] = json.loads(answer.body or b"{}")
    shape = str(fields.get("__type", "InternalFailure")).rpartition("#")[2]
    code = headers.get("x-amzn-query-error", "").partition(";")[0] or shape
    message = str(fields.get("message") or fields.get("Message") or "")
    return ServiceError(named.service, code, message, answer.status, request_id)
