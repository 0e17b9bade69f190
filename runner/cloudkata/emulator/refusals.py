"""Refusals: errors that AWS would answer, before they are written in the protocol the caller speaks.

The codes and sentences are AWS's; each service family has its own:
https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html
https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html
"""

from __future__ import annotations

import http
from collections.abc import Mapping

from cloudkata.emulator.error_documents import ServiceError, document
from cloudkata.emulator.naming import NamedCall, Unnamed
from cloudkata.emulator.wire import Response

QUERY_CODES = frozenset({"sqs", "cloudwatch"})
"""JSON services that were query services once and kept the code `AccessDenied`."""

_THROTTLED: dict[str, tuple[str, str, int]] = {
    "s3": ("SlowDown", "Please reduce your request rate.", 503),
    "dynamodb": (
        "ProvisionedThroughputExceededException",
        "The level of configured provisioned throughput for the table was exceeded. "
        "Consider increasing your provisioning level with the UpdateTable API.",
        400,
    ),
    "kinesis": ("ProvisionedThroughputExceededException", "Rate exceeded for shard.", 400),
    "sqs": ("RequestThrottled", "The request was denied due to request throttling.", 403),
    "ec2": ("RequestLimitExceeded", "Request limit exceeded.", 503),
    "lambda": ("TooManyRequestsException", "Rate Exceeded.", 429),
    "organizations": ("TooManyRequestsException", "Rate exceeded", 400),
    "apigateway": ("TooManyRequestsException", "Too Many Requests", 429),
}


class Refusal(Exception):  # an answer, not a mistake of ours
    """An error that a call is answered with.

    `code` is the one the caller's SDK shows (`AWS.SimpleQueueService.NonExistentQueue` for SQS, not the name
    of the shape), `extra` further elements of the error document, `note` what we remember and the caller is
    not told.
    """

    def __init__(
        self,
        code: str,
        message: str,
        status: int = 400,
        extra: Mapping[str, str] | None = None,
        note: str | None = None,
    ) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status
        self.extra = dict(extra or {})
        self.note = note


def render(refusal: Refusal, spoken: NamedCall | str | None, request_id: str) -> Response:
    """The answer that carries a refusal to a caller who made this call, or who speaks this protocol.

    Answers to S3's HEAD requests have no body, as HTTP wants it; the SDK then shows the status for a code.
    """
    if isinstance(spoken, NamedCall):
        protocol, service_name = spoken.protocol, spoken.service
        resource = _s3_resource(spoken)
    else:
        protocol, service_name, resource = spoken or "", "", ""
    error = ServiceError(
        service_name, refusal.code, refusal.message, refusal.status, request_id, refusal.extra, resource
    )
    headers, body = document(protocol, error)
    if isinstance(spoken, NamedCall) and spoken.service == "s3" and spoken.operation.startswith("Head"):
        body = b""
    length = (("Content-Length", str(len(body))),)
    return Response(refusal.status, _reason_phrase(refusal.status), headers + length, body)


def access_denied_code(service: str, protocol: str) -> str:
    """The code a service answers to somebody who may not."""
    if protocol == "ec2":
        return "UnauthorizedOperation"
    if service == "sns":
        return "AuthorizationError"
    if protocol in ("query", "rest-xml") or service in QUERY_CODES:
        return "AccessDenied"
    return "AccessDeniedException"


def denied(
    named: NamedCall, who: str, resource: str | None = None, because: str = "", action: str | None = None
) -> Refusal:
    """The refusal of a call that `who` (an ARN, or `anonymous`) may not make.

    `because` is the reason in AWS's words ("no identity-based policy allows the s3:GetObject action", "with
    an explicit deny in a resource-based policy") or a sentence of its own; `action` is the IAM action where
    it is not called like the operation. S3 tells somebody without credentials nothing but "Access Denied".
    """
    code = access_denied_code(named.service, named.protocol)
    status = 400 if named.protocol == "json" and code == "AccessDeniedException" else 403
    note = because or None
    if named.service == "s3" and who == "anonymous":
        return Refusal(code, "Access Denied", status, note=note)
    action = action or _action(named)
    spelled = _as_spelled(named.service, action)
    because = because.replace(action, spelled)
    message = f"User: {who} is not authorized to perform: {spelled}"
    if resource:
        # S3 alone puts the resource in quotation marks.
        message += f' on resource: "{resource}"' if named.service == "s3" else f" on resource: {resource}"
    message += _reason(because)
    if named.protocol == "ec2":
        message = f"You are not authorized to perform this operation. {message}"
    return Refusal(code, message, status, note=note)


def denied_by_service_control_policy(
    named: NamedCall, who: str, resource: str | None = None, action: str | None = None
) -> Refusal:
    """The refusal of a service that the lab does not offer, as a sandboxed account answers it."""
    return denied(named, who, resource, "with an explicit deny in a service control policy", action)


def not_emulated(named: NamedCall, why: str = "") -> Refusal:
    """The refusal of an operation, or of a use of it, that the emulator cannot make real."""
    message = f"cloudkata does not emulate {named.service} {named.operation}."
    return Refusal("NotImplemented", f"{message} {why}".strip(), 501)


def crashed(named: NamedCall, error: Exception) -> Refusal:
    """The refusal of a call that broke the emulator: names the exception, never shows where it came from."""
    text = " ".join(str(error).split())[:500]
    what = f"{type(error).__name__}: {text}" if text else type(error).__name__
    code = "InternalError" if named.service == "s3" else "InternalFailure"
    return Refusal(code, f"The emulated {named.service} {named.operation} failed ({what}).", 500)


def throttled(named: NamedCall) -> Refusal:
    """What a service answers to too many calls: each has its own code, and SDKs retry exactly those."""
    if named.service in _THROTTLED:
        return Refusal(*_THROTTLED[named.service])
    if named.protocol in ("query", "rest-xml"):
        return Refusal("Throttling", "Rate exceeded", 400)
    status = 429 if named.protocol == "rest-json" else 400
    return Refusal("ThrottlingException", "Rate exceeded", status)


def not_signed(named: NamedCall) -> Refusal:
    """The refusal of a call that carries no credentials, by every service but S3, which denies strangers."""
    if named.protocol == "ec2":
        return Refusal("MissingParameter", "The request must contain the parameter AWSAccessKeyId", 400)
    if named.protocol in ("query", "rest-xml") or named.service in QUERY_CODES:
        return Refusal("MissingAuthenticationToken", "Request is missing Authentication Token", 403)
    status = 403 if named.protocol == "rest-json" else 400
    return Refusal("MissingAuthenticationTokenException", "Missing Authentication Token", status)


def not_named(unnamed: Unnamed) -> Refusal:
    """The refusal of a request that is no AWS call."""
    statuses = {"MethodNotAllowed": 405, "UnknownOperationException": 404, "PreconditionFailed": 412}
    status = statuses.get(unnamed.code, 400)
    return Refusal(unnamed.code, str(unnamed), status)


def _s3_resource(named: NamedCall) -> str:
    if named.service != "s3" or not named.parameters.get("Bucket"):
        return ""
    key = named.parameters.get("Key")
    return f"/{named.parameters['Bucket']}" + (f"/{key}" if key else "")


def _reason_phrase(status: int) -> str:
    try:
        return http.HTTPStatus(status).phrase
    except ValueError:
        return "Error"


def _action(named: NamedCall) -> str:
    prefix = {"cloudwatch": "cloudwatch", "dynamodbstreams": "dynamodb", "s3control": "s3"}
    return f"{prefix.get(named.service, named.signing_name)}:{named.operation}"


def _as_spelled(service: str, action: str) -> str:
    """An action as the service itself writes it."""
    if service == "sqs":
        return action.lower()
    return action.replace("sns:", "SNS:") if service == "sns" else action


def _reason(because: str) -> str:
    if not because:
        return ""
    if because[0].isupper():
        return f". {because}"
    return f" {because}" if because.startswith(("with an ", "because ")) else f" because {because}"
