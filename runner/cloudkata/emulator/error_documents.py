"""Error documents: an error written in each protocol as a real SDK parses it.

https://smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html#operation-error-serialization,
https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html#RESTErrorResponses
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from xml.sax.saxutils import escape

from cloudkata.emulator.services import CBOR, service

Headers = tuple[tuple[str, str], ...]

_XML = '<?xml version="1.0" encoding="UTF-8"?>\n'
_NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True)
class ServiceError:
    """An error of a service, before it is written in a protocol."""

    service: str
    """botocore's name; empty if nobody knows which service was meant."""
    code: str
    """The code an SDK shows; where the wire carries the name of the error's shape, that is looked up."""
    message: str
    status: int
    request_id: str
    extra: Mapping[str, str] = field(default_factory=dict)
    """Further elements of the document."""
    resource: str = ""
    """S3's path of what the call was about."""

    @property
    def fault(self) -> str:
        """Whose mistake it is, in the words of the query protocol."""
        return "Sender" if self.status < 500 else "Receiver"

    @property
    def shape(self) -> str:
        """The name of its shape: `QueueDoesNotExist` for `AWS.SimpleQueueService.NonExistentQueue`."""
        return _shapes_by_code(self.service).get(self.code, self.code)


def document(protocol: str, error: ServiceError) -> tuple[Headers, bytes]:
    """Headers and body of an error in a protocol of its service; as S3 writes it, if nothing is known."""
    if protocol in ("rest-xml", "") and error.service in ("s3", ""):
        return _s3(error)
    if protocol == "ec2":
        return _ec2(error)
    if protocol in ("query", "rest-xml", ""):
        return _query(error)
    return _cbor(error) if protocol == CBOR else _json(protocol, error)


def _s3(error: ServiceError) -> tuple[Headers, bytes]:
    host_id = base64.b64encode(hashlib.sha384(error.request_id.encode()).digest()).decode()
    fields = {"Code": error.code, "Message": error.message, **error.extra}
    if error.resource:
        fields.setdefault("Resource", error.resource)
    fields |= {"RequestId": error.request_id, "HostId": host_id}
    headers = (
        ("Content-Type", "application/xml"),
        ("x-amz-request-id", error.request_id),
        ("x-amz-id-2", host_id),
    )
    return headers, f"{_XML}<Error>{_elements(fields)}</Error>".encode()


def _ec2(error: ServiceError) -> tuple[Headers, bytes]:
    fields = _elements({"Code": error.code, "Message": error.message})
    last = _elements({"RequestID": error.request_id})
    body = f"{_XML}<Response><Errors><Error>{fields}</Error></Errors>{last}</Response>"
    return (("Content-Type", "text/xml;charset=UTF-8"), ("x-amzn-requestid", error.request_id)), body.encode()


def _query(error: ServiceError) -> tuple[Headers, bytes]:
    namespace = _metadata(error.service).get("xmlNamespace", "")
    opening = f'<ErrorResponse xmlns="{escape(namespace)}">' if namespace else "<ErrorResponse>"
    fields = _elements({"Type": error.fault, "Code": error.code, "Message": error.message, **error.extra})
    last = _elements({"RequestId": error.request_id})
    body = f"{_XML}{opening}<Error>{fields}</Error>{last}</ErrorResponse>"
    return (("Content-Type", "text/xml"), ("x-amzn-requestid", error.request_id)), body.encode()


def _json(protocol: str, error: ServiceError) -> tuple[Headers, bytes]:
    fields = {"message": error.message, **error.extra}
    content_type = "application/json"
    if protocol != "rest-json":
        version = _metadata(error.service).get("jsonVersion", "1.1")
        content_type = f"application/x-amz-json-{version}"
        # Version 1.0 of the protocol names errors with their namespace.
        kind = f"com.amazonaws.{error.service}#{error.shape}" if version == "1.0" else error.shape
        fields = {"__type": kind, **fields}
    headers = (
        ("Content-Type", content_type),
        ("x-amzn-requestid", error.request_id),
        ("x-amzn-errortype", error.shape),
    )
    return headers + _query_error(error), json.dumps(fields).encode()


def _cbor(error: ServiceError) -> tuple[Headers, bytes]:
    fields = {
        "__type": f"com.amazonaws.{error.service}#{error.shape}",
        "message": error.message,
        **error.extra,
    }
    headers = (
        ("Content-Type", "application/cbor"),
        ("smithy-protocol", "rpc-v2-cbor"),
        ("x-amzn-requestid", error.request_id),
    )
    body = _cbor_head(5, len(fields)) + b"".join(_cbor_text(text) for pair in fields.items() for text in pair)
    return headers + _query_error(error), body


def _query_error(error: ServiceError) -> Headers:
    """The code of a service that once spoke the query protocol; SDKs go on showing it.

    https://smithy.io/2.0/aws/protocols/aws-query-protocol.html#aws-protocols-awsquerycompatible-trait
    """
    if "awsQueryCompatible" not in _metadata(error.service):
        return ()
    return (("x-amzn-query-error", f"{error.code};{error.fault}"),)


def _metadata(service_name: str) -> Mapping[str, str]:
    known = service(service_name)
    return known.model.metadata if known else {}


@cache
def _shapes_by_code(service_name: str) -> dict[str, str]:
    known = service(service_name)
    shapes = known.model.error_shapes if known else []
    return {shape.metadata.get("error", {}).get("code", shape.name): shape.name for shape in shapes}


def _elements(fields: Mapping[str, str]) -> str:
    return "".join(f"<{name}>{escape(_NOT_IN_XML.sub('?', text))}</{name}>" for name, text in fields.items())


def _cbor_head(major: int, length: int) -> bytes:
    """The initial bytes of a data item (RFC 8949, section 3)."""
    if length < 24:
        return bytes([major << 5 | length])
    if length < 256:
        return bytes([major << 5 | 24, length])
    return bytes([major << 5 | 25]) + length.to_bytes(2, "big")


def _cbor_text(text: str) -> bytes:
    encoded = text[:10_000].encode(errors="replace")
    return _cbor_head(3, len(encoded)) + encoded
