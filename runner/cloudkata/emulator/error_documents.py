"""Error documents: an error written in each protocol as a real SDK parses it.

https://smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html#operation-error-serialization and its neighbours,
https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html#RESTErrorResponses
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from functools import cache
from xml.sax.saxutils import escape

from botocore.model import Shape

from cloudkata.emulator.services import CBOR, service

Headers = tuple[tuple[str, str], ...]

_XML = '<?xml version="1.0" encoding="UTF-8"?>\n'
_NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def document(
    protocol: str,
    service_name: str,
    *,
    code: str,
    message: str,
    status: int,
    extra: Mapping[str, str],
    request_id: str,
    resource: str,
) -> tuple[Headers, bytes]:
    """The headers and the body of an error in a service's protocol.

    `code` is the one an SDK shows; where the wire carries the name of the error's shape instead, that is looked up.
    """
    if protocol in ("rest-xml", "") and service_name in ("s3", ""):
        return _s3(code, message, extra, request_id, resource)
    if protocol == "ec2":
        return _ec2(code, message, request_id)
    if protocol in ("query", "rest-xml", ""):
        return _query(service_name, code, message, status, extra, request_id)
    if protocol == CBOR:
        return _cbor(service_name, code, message, status, extra, request_id)
    return _json(protocol, service_name, code, message, status, extra, request_id)


def _s3(
    code: str, message: str, extra: Mapping[str, str], request_id: str, resource: str
) -> tuple[Headers, bytes]:
    host_id = base64.b64encode(hashlib.sha384(request_id.encode()).digest()).decode()
    fields = {"Code": code, "Message": message, **extra}
    if resource:
        fields.setdefault("Resource", resource)
    body = (
        f"{_XML}<Error>{_elements(fields)}{_elements({'RequestId': request_id, 'HostId': host_id})}</Error>"
    )
    headers = (("Content-Type", "application/xml"), ("x-amz-request-id", request_id), ("x-amz-id-2", host_id))
    return headers, body.encode()


def _ec2(code: str, message: str, request_id: str) -> tuple[Headers, bytes]:
    error = _elements({"Code": code, "Message": message})
    body = f"{_XML}<Response><Errors><Error>{error}</Error></Errors><RequestID>{request_id}</RequestID></Response>"
    return (("Content-Type", "text/xml;charset=UTF-8"), ("x-amzn-requestid", request_id)), body.encode()


def _query(
    service_name: str, code: str, message: str, status: int, extra: Mapping[str, str], request_id: str
) -> tuple[Headers, bytes]:
    known = service(service_name)
    namespace = known.model.metadata.get("xmlNamespace", "") if known else ""
    opening = f'<ErrorResponse xmlns="{escape(namespace)}">' if namespace else "<ErrorResponse>"
    error = _elements({"Type": _fault(status), "Code": code, "Message": message, **extra})
    body = f"{_XML}{opening}<Error>{error}</Error><RequestId>{request_id}</RequestId></ErrorResponse>"
    return (("Content-Type", "text/xml"), ("x-amzn-requestid", request_id)), body.encode()


def _json(
    protocol: str,
    service_name: str,
    code: str,
    message: str,
    status: int,
    extra: Mapping[str, str],
    request_id: str,
) -> tuple[Headers, bytes]:
    shape = _shape_named(service_name, code)
    version = _json_version(service_name)
    if protocol == "rest-json":
        content_type, fields = "application/json", {"message": message, **extra}
    else:
        content_type = f"application/x-amz-json-{version}"
        # Version 1.0 of the protocol names errors with their namespace.
        kind = f"com.amazonaws.{service_name}#{shape}" if version == "1.0" else shape
        fields = {"__type": kind, "message": message, **extra}
    headers = (("Content-Type", content_type), ("x-amzn-requestid", request_id), ("x-amzn-errortype", shape))
    return headers + _query_error(service_name, code, status), json.dumps(fields).encode()


def _cbor(
    service_name: str, code: str, message: str, status: int, extra: Mapping[str, str], request_id: str
) -> tuple[Headers, bytes]:
    shape = _shape_named(service_name, code)
    fields = {"__type": f"com.amazonaws.{service_name}#{shape}", "message": message, **extra}
    headers = (
        ("Content-Type", "application/cbor"),
        ("smithy-protocol", "rpc-v2-cbor"),
        ("x-amzn-requestid", request_id),
    )
    body = _cbor_head(5, len(fields)) + b"".join(_cbor_text(text) for pair in fields.items() for text in pair)
    return headers + _query_error(service_name, code, status), body


def _query_error(service_name: str, code: str, status: int) -> Headers:
    """The code a service had when it spoke the query protocol, which SDKs go on showing.

    https://smithy.io/2.0/aws/protocols/aws-query-protocol.html#aws-protocols-awsquerycompatible-trait
    """
    known = service(service_name)
    if known is None or not known.query_compatible:
        return ()
    return (("x-amzn-query-error", f"{code};{_fault(status)}"),)


def _fault(status: int) -> str:
    return "Sender" if status < 500 else "Receiver"


def _json_version(service_name: str) -> str:
    known = service(service_name)
    return str(known.model.metadata.get("jsonVersion", "1.1")) if known else "1.1"


@cache
def _shapes_by_code(service_name: str) -> dict[str, str]:
    known = service(service_name)
    shapes: list[Shape] = known.model.error_shapes if known else []
    return {shape.metadata.get("error", {}).get("code", shape.name): shape.name for shape in shapes}


def _shape_named(service_name: str, code: str) -> str:
    """The name of the error's shape: `QueueDoesNotExist` for `AWS.SimpleQueueService.NonExistentQueue`."""
    return _shapes_by_code(service_name).get(code, code)


def _elements(fields: Mapping[str, str]) -> str:
    return "".join(f"<{name}>{escape(_NOT_IN_XML.sub('?', text))}</{name}>" for name, text in fields.items())


def _cbor_head(major: int, length: int) -> bytes:
    """The initial bytes of a data item (RFC 8949, section 3)."""
    if length < 24:
        return bytes([major << 5 | length])
    if length < 256:
        return bytes([major << 5 | 24, length])
    return bytes([major << 5 | 25]) + length.to_bytes(2)


def _cbor_text(text: str) -> bytes:
    encoded = text.encode()[:65535]
    return _cbor_head(3, len(encoded)) + encoded
