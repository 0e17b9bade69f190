"""Names every call: which operation of which AWS service a request asks for, and with which parameters.

The service follows from the signature's scope, or, for requests that are not signed, from what they show: a
target header, an Action, the host, and else a path of S3. Operations and parameters are read with botocore's
own models, so a call is named as boto3 would name it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from cloudkata.emulator import s3_requests
from cloudkata.emulator.asked import Asked
from cloudkata.emulator.credentials import claim_of
from cloudkata.emulator.services import (
    CBOR,
    FORM_PROTOCOLS,
    REST_PROTOCOLS,
    Listing,
    Service,
    index,
    service,
    services_signing_as,
)
from cloudkata.emulator.wire import Request

DEFAULT_REGION = "us-east-1"
"""Where a call goes that names no region: presigned URLs of signature version 2, and anonymous calls."""


@dataclass(frozen=True, slots=True)
class NamedCall:
    """One call, as AWS's API reference names it."""

    service: str
    """botocore's name for the service: `s3`, `dynamodbstreams`, `stepfunctions`."""
    operation: str
    region: str
    parameters: dict[str, Any]
    """The request's members by their API names; bodies that stream are bytes, times are in UTC."""
    protocol: str
    """`json`, `query`, `ec2`, `rest-xml`, `rest-json` or `smithy-rpc-v2-cbor`."""
    signing_name: str
    """The service's name in a signature's scope: `monitoring` for CloudWatch."""


class Unnamed(Exception):  # read as a statement about the request, as in "except Unnamed"
    """A request that is no AWS call; the text says why.

    `service` and `protocol` are the best that is known of it ("" and "rest-xml" if nothing is); `code` is the
    error that AWS answers.
    """

    def __init__(self, why: str, *, code: str, service: str = "", protocol: str = "rest-xml") -> None:
        super().__init__(why)
        self.code = code
        self.service = service
        self.protocol = protocol


def name_call(request: Request) -> NamedCall:
    """The call a request makes.

    Raises `Unnamed` for anything that is no AWS call, malformed bodies included; never anything else.
    """
    claim = claim_of(request)
    if claim.scheme in ("v4-query", "v2-query"):
        request = s3_requests.effective(request)
    asked = Asked(request, claim.service)
    if claim.service:
        return _named_among(_by_scope(asked), claim.region or DEFAULT_REGION, asked)
    return _named_among(_by_looks(asked), _region_of_host(request) or DEFAULT_REGION, asked)


def _by_scope(asked: Asked) -> Iterator[Service]:
    """The services a signature's scope may mean, likeliest first."""
    if asked.scope.startswith("s3") and s3_requests.is_control(asked.request, asked.scope):
        yield from filter(None, [service("s3control")])
    yield from services_signing_as(asked.scope)


def _by_looks(asked: Asked) -> Iterator[Service]:
    """The services a request without a scope may mean, likeliest first."""
    found: tuple[Listing, ...]
    if asked.target:
        found = index().by_target_prefix.get(asked.target.rpartition(".")[0], ())
    elif cbor_prefix := _cbor_route(asked)[0]:
        found = index().by_target_prefix.get(cbor_prefix, ())
    elif "Action" in asked.form:
        version = asked.form.get("Version", "")
        found = tuple(
            one for one in index().by_version.get(version, ()) if {*FORM_PROTOCOLS} & {*one.protocols}
        )
    else:
        found = _by_host(asked)
    names = [listing.name for listing in found]
    if not names:
        names = ["s3control"] if s3_requests.is_control(asked.request, "s3") else ["s3"]
    yield from filter(None, map(service, names))


def _by_host(asked: Asked) -> tuple[Listing, ...]:
    name, dot, rest = asked.host.partition(".")
    return (
        index().by_endpoint_prefix.get(name, ()) if dot and "amazonaws.com" in rest and name != "s3" else ()
    )


def _region_of_host(request: Request) -> str:
    host = request.header("host").partition(":")[0].lower()
    if not host.endswith((".amazonaws.com", ".amazonaws.com.cn")):
        return ""
    return next((label for label in host.split(".") if label.count("-") >= 2 and label[-1:].isdigit()), "")


def _named_among(candidates: Iterator[Service], region: str, asked: Asked) -> NamedCall:
    """What the first candidate that has the operation makes of it; complaints are about the first of all."""
    first: Service | None = None
    for candidate in candidates:
        first = first or candidate
        found = _operation(candidate, asked)
        if found is None:
            continue
        operation, protocol, labels = found
        parameters = _parameters(candidate, operation, protocol, asked, labels)
        return NamedCall(candidate.name, operation, region, parameters, protocol, candidate.signing_name)
    if first is None:
        why = "This is no AWS call."
        if asked.scope:
            why = f"The credential scope names {asked.scope!r}, which is no AWS service."
        raise Unnamed(why, code="UnknownOperationException", protocol=_looks_like(asked))
    raise _no_such_operation(first, asked)


def _operation(candidate: Service, asked: Asked) -> tuple[str, str, dict[str, Any]] | None:
    """The operation that a request asks of a service, the protocol it speaks and the labels of its path."""
    protocols = candidate.protocols
    if asked.target and "json" in protocols:
        prefix, _, name = asked.target.rpartition(".")
        return (name, "json", {}) if prefix == candidate.target_prefix and name in candidate else None
    if CBOR in protocols and (route := _cbor_route(asked))[0]:
        return (route[1], CBOR, {}) if route[0] == candidate.target_prefix and route[1] in candidate else None
    if candidate.form_protocol:
        name = asked.form.get("Action", "")
        version = asked.form.get("Version", candidate.api_version)
        if name in candidate and version == candidate.api_version:
            return name, candidate.form_protocol, {}
    if candidate.rest_protocol:
        return _rest_operation(candidate, asked)
    return None


def _rest_operation(candidate: Service, asked: Asked) -> tuple[str, str, dict[str, Any]] | None:
    if candidate.name == "s3":
        try:
            found = s3_requests.operation_of(candidate, asked, asked.request)
        except s3_requests.Malformed as malformed:
            raise Unnamed(
                str(malformed), code=malformed.code, service="s3", protocol="rest-xml"
            ) from malformed
    else:
        found = candidate.route(asked)
    return (found[0], candidate.rest_protocol, found[1]) if found else None


def _cbor_route(asked: Asked) -> tuple[str, str]:
    """The service and operation in the path of a Smithy RPC v2 CBOR request."""
    if asked.headers.get("smithy-protocol") != "rpc-v2-cbor":
        return "", ""
    parts = asked.raw_path.split("/")
    shape = len(parts) >= 5 and parts[-4] == "service" and parts[-2] == "operation"
    return (parts[-3], parts[-1]) if shape else ("", "")


def _parameters(
    candidate: Service, operation: str, protocol: str, asked: Asked, labels: dict[str, Any]
) -> dict[str, Any]:
    if protocol in FORM_PROTOCOLS and asked.repeats_itself:
        # Which of the two counts is undefined; a caller must not be judged by one and served by the other.
        raise Unnamed(
            "A parameter is given more than once.",
            code="MalformedQueryString",
            service=candidate.name,
            protocol=protocol,
        )
    try:
        if candidate.name == "s3":
            return s3_requests.parameters(candidate, operation, asked, asked.request, labels)
        return _with_queue(candidate, operation, asked, candidate.parse(operation, protocol, asked, labels))
    except s3_requests.Malformed as malformed:
        raise _refused_by_s3(malformed) from malformed
    except Exception as error:  # moto's parsers let any error out when a body is not of the operation's form
        raise _malformed(candidate, protocol, error) from error


def _with_queue(
    candidate: Service, operation: str, asked: Asked, parameters: dict[str, Any]
) -> dict[str, Any]:
    """With the queue that a request to its URL means: SQS's query protocol lets a form leave it out."""
    if candidate.name == "sqs" and "QueueUrl" not in parameters and asked.raw_path.count("/") == 2:
        members = candidate.operation(operation).input_shape.members
        if "QueueUrl" in members:
            parameters["QueueUrl"] = f"http://{asked.host}{asked.raw_path}"
    return parameters


def _refused_by_s3(malformed: s3_requests.Malformed) -> Unnamed:
    return Unnamed(str(malformed), code=malformed.code, service="s3", protocol="rest-xml")


def _malformed(candidate: Service, protocol: str, error: Exception) -> Unnamed:
    code = {"rest-xml": "MalformedXML", "query": "MalformedQueryString", "ec2": "MalformedQueryString"}
    return Unnamed(
        f"The request's body cannot be read as {protocol} ({type(error).__name__}).",
        code=code.get(protocol, "SerializationException"),
        service=candidate.name,
        protocol=protocol,
    )


def _no_such_operation(candidate: Service, asked: Asked) -> Unnamed:
    protocol = _looks_like(asked, candidate)
    if protocol in FORM_PROTOCOLS:
        action = asked.form.get("Action", "")
        if not action:
            why, code = "The request must contain the parameter Action.", "MissingAction"
        else:
            version = asked.form.get("Version", "NO_VERSION_SPECIFIED")
            why, code = f"Could not find operation {action} for version {version}", "InvalidAction"
    elif protocol == "rest-xml":
        why, code = "The specified method is not allowed against this resource.", "MethodNotAllowed"
    else:
        name = asked.target or f"{asked.method} {asked.raw_path}"
        why, code = f"{candidate.name} has no operation {name[:200]}.", "UnknownOperationException"
    return Unnamed(why, code=code, service=candidate.name, protocol=protocol)


def _looks_like(asked: Asked, candidate: Service | None = None) -> str:
    """The protocol a request seems to speak, among those the service has."""
    spoken = candidate.protocols if candidate else (CBOR, "json", "query", *REST_PROTOCOLS)
    if asked.headers.get("smithy-protocol") == "rpc-v2-cbor" and CBOR in spoken:
        return CBOR
    if asked.target and "json" in spoken:
        return "json"
    if candidate and candidate.form_protocol and (len(spoken) == 1 or "Action" in asked.form):
        return candidate.form_protocol
    if candidate is None:
        return "query" if "Action" in asked.form else "rest-xml"
    return next((name for name in ("rest-xml", "rest-json", "json") if name in spoken), spoken[0])
