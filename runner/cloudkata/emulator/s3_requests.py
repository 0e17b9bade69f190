"""Requests to S3, whose operations hide in sub-resources, headers and hosts rather than in names.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/VirtualHosting.html
https://docs.aws.amazon.com/AmazonS3/latest/API/API_Operations_Amazon_Simple_Storage_Service.html
"""

from __future__ import annotations

import io
import re
from dataclasses import replace
from functools import cache
from typing import Any
from urllib.parse import parse_qsl, quote, unquote

from werkzeug.formparser import parse_form_data

from cloudkata.emulator import aws_chunked
from cloudkata.emulator.services import Service
from cloudkata.emulator.wire import Request

_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._\-]{0,254}")
_AWS_HOST = re.compile(
    r"(?:(?P<bucket>.+)\.)?s3(?:[.-](?:dualstack|fips|[a-z]{2}(?:-[a-z]+)+-\d))*\.amazonaws\.com(?:\.cn)?"
)
_LOCAL_HOST = re.compile(r"(?P<bucket>.+)\.(?:localhost|127\.0\.0\.1)")
_WEBSITE_HOST = re.compile(r".*\.s3-website[.-][a-z0-9-]+\.amazonaws\.com(?:\.cn)?")

_SIGNATURE_FIELDS = frozenset(
    {
        "x-amz-algorithm",
        "x-amz-credential",
        "x-amz-date",
        "x-amz-expires",
        "x-amz-signedheaders",
        "x-amz-signature",
        "x-amz-security-token",
        "x-amz-content-sha256",
    }
)


class Malformed(Exception):  # read as a statement about the request
    """A request S3 does not accept as one of its own; the text is S3's, `code` its error."""

    def __init__(self, why: str, code: str) -> None:
        super().__init__(why)
        self.code = code


def is_control(request: Request, scope: str) -> bool:
    """Whether a request signed for S3 is one of S3 Control, whose paths begin with its version.

    A bucket may have that name too; only then does the request not say whose account it is about.
    """
    if not request.target.startswith("/v20180820/"):
        return False
    return "x-amz-account-id" in request.lowered or scope != "s3" or "s3-control" in request.header("host")


def path_style(request: Request) -> str:
    """The raw path of a request with the bucket in it, wherever the client put the bucket.

    Raises `Malformed` for a website endpoint, which is no API.
    """
    host = request.header("host").lower().partition(":")[0]
    if _WEBSITE_HOST.fullmatch(host):
        raise Malformed("This host is a website endpoint, which serves pages and no API.", "MethodNotAllowed")
    found = _AWS_HOST.fullmatch(host) or _LOCAL_HOST.fullmatch(host)
    bucket = found["bucket"] if found else None
    path = request.raw_path or "/"
    return f"/{bucket}{path}" if bucket else path


def effective(request: Request) -> Request:
    """A presigned request with the `x-amz-` fields of its query as the headers they stand for.

    https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
    """
    query = request.query
    if "ignature=" not in query:
        return request
    hoisted = tuple(
        (name.lower(), value)
        for name, value in parse_qsl(query, keep_blank_values=True)
        if name.lower().startswith("x-amz-")
        and name.lower() not in _SIGNATURE_FIELDS
        and name.lower() not in request.lowered
    )
    return replace(request, headers=request.headers + hoisted) if hoisted else request


def operation_of(s3: Service, asked: Any, request: Request) -> tuple[str, dict[str, Any]] | None:
    """The operation a request asks of S3, with bucket and key; None if there is no such operation.

    Raises `Malformed` where S3 refuses a request before it looks at what it asks.
    """
    path = path_style(request)
    bucket, _, _key = path[1:].partition("/")
    if path != "/" and not _BUCKET.fullmatch(unquote(bucket)):
        raise Malformed("The specified bucket is not valid.", "InvalidBucketName")
    if path == "/" and asked.scope == "s3express":
        return "ListDirectoryBuckets", {}
    asked.raw_path = path
    found = s3.route(asked)
    if found is None:
        return None
    operation, labels = found
    conflicting = sorted((sub_resources(s3) & asked.args.keys()) - _own_fields(s3, operation))
    if conflicting:
        # https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html: one sub-resource a request
        raise Malformed(f"Conflicting query string parameters: {', '.join(conflicting)}", "InvalidArgument")
    return operation, labels


def parameters(
    s3: Service, operation: str, asked: Any, request: Request, labels: dict[str, Any]
) -> dict[str, Any]:
    """The members of a request to S3.

    Raises `Malformed`, or whatever the parser meets in a body that is not of the operation's form.
    """
    if operation == "PostObject":
        return {**labels, **_form(request)}
    asked.body = request.body  # an object may be compressed; that is how it is stored
    if aws_chunked.is_chunked(request):
        try:
            asked.body = aws_chunked.decode(request.body).data
        except ValueError as error:
            raise Malformed(f"The request body is not aws-chunked: {error}.", "IncompleteBody") from error
    named = s3.parse(operation, "rest-xml", asked, labels)
    # How long a body is and in which pieces it came are the transport's business.
    named.pop("ContentLength", None)
    if "aws-chunked" in named.get("ContentEncoding", ""):
        named["ContentEncoding"] = aws_chunked.without_coding(named["ContentEncoding"])
        if not named["ContentEncoding"]:
            del named["ContentEncoding"]
    return named


def target_of(parameters: dict[str, Any], query: str) -> str:
    """A path-style request target for the bucket and key that were named, so that nothing else is served."""
    path = "/" + quote(parameters.get("Bucket") or "", safe="")
    if parameters.get("Key") is not None:
        path += "/" + quote(parameters["Key"], safe="/~")
    return f"{path}?{query}" if query else path


@cache
def sub_resources(s3: Service) -> frozenset[str]:
    """All query fields that choose an operation."""
    names = set()
    for name in s3.model.operation_names:
        operation = s3.operation(name)
        names.update(operation.http_trait.query_args)
        names.update(operation.input_shape.required_query_args if operation.input_shape else ())
    # The id of an inventory or a metric goes with a sub-resource that says what it is.
    return frozenset(names - {"id", "partNumber"})


@cache
def _own_fields(s3: Service, name: str) -> frozenset[str]:
    """The query fields an operation is known by or takes."""
    operation = s3.operation(name)
    members = operation.input_shape.members.values() if operation.input_shape else ()
    fields = {
        one.serialization["name"] for one in members if one.serialization.get("location") == "querystring"
    }
    return frozenset(fields | {*operation.http_trait.query_args})


def _form(request: Request) -> dict[str, Any]:
    """The fields of a browser's upload form, with the file's content as `Body`.

    https://docs.aws.amazon.com/AmazonS3/latest/API/RESTObjectPOST.html
    """
    if not request.header("content-type").startswith("multipart/form-data"):
        raise Malformed("Bucket POST must be of the enclosure-type multipart/form-data", "PreconditionFailed")
    environ = {
        "wsgi.input": io.BytesIO(request.body),
        "CONTENT_TYPE": request.header("content-type"),
        "CONTENT_LENGTH": str(len(request.body)),
        "REQUEST_METHOD": "POST",
    }
    # In memory, for the emulator may write no file.
    _, fields, files = parse_form_data(environ, stream_factory=lambda *_, **__: io.BytesIO())
    if "key" not in fields:
        message = "Bucket POST must contain a field named 'key'. If it is specified, please check the order"
        raise Malformed(f"{message} of the fields.", "InvalidArgument")
    file = files.get("file")
    key = fields["key"]
    if file is not None:
        key = key.replace("${filename}", file.filename or "")
    body = file.stream.read() if file is not None else fields.get("file", "").encode()
    form = {name: value for name, value in fields.items() if name not in ("key", "file")}
    return {"Key": key, "Body": body, "Fields": form}
