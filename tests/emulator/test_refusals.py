from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from cloudkata import sdk
from cloudkata.emulator.naming import NamedCall, Unnamed, name_call
from cloudkata.emulator.refusals import (
    Refusal,
    crashed,
    denied,
    denied_by_service_control_policy,
    not_emulated,
    not_named,
    not_signed,
    render,
    throttled,
)
from cloudkata.emulator.wire import Request

ANA = "arn:aws:iam::123456789012:user/ana"

Call = Callable[[Any], object]


class Answering:
    """Answers calls with a refusal of them, and counts."""

    def __init__(self) -> None:
        self.refuse: Callable[[NamedCall], Refusal] = not_emulated
        self.calls = 0

    def __call__(self, method: str, target: str, headers: list[tuple[str, str]], body: bytes) -> sdk.Carried:
        self.calls += 1
        named = name_call(Request(method, target, tuple(headers), body))
        response = render(self.refuse(named), named, "0A1B2C3D")
        return sdk.Carried(response.status, response.reason, list(response.headers), response.body)


ANSWERING = Answering()
BOTO = sdk.session(ANSWERING)


@cache
def client(service: str) -> Any:
    return BOTO.client(service)


def error_of(
    service: str, call: Call, refuse: Callable[[NamedCall], Refusal], config: Config | None = None
) -> ClientError:
    """What a real client makes of a refusal of its call."""
    ANSWERING.refuse, ANSWERING.calls = refuse, 0
    with pytest.raises(ClientError) as caught:
        call(BOTO.client(service, config=config) if config else client(service))
    return caught.value


def code(error: ClientError) -> str:
    return str(error.response["Error"]["Code"])


def message(error: ClientError) -> str:
    return str(error.response["Error"]["Message"])


def status(error: ClientError) -> int:
    return int(error.response["ResponseMetadata"]["HTTPStatusCode"])


CALLS: dict[str, Call] = {
    "s3": lambda c: c.get_object(Bucket="b", Key="k"),
    "sqs": lambda c: c.send_message(QueueUrl="http://q", MessageBody="x"),
    "dynamodb": lambda c: c.get_item(TableName="t", Key={"p": {"S": "x"}}),
    "kms": lambda c: c.list_keys(),
    "stepfunctions": lambda c: c.list_activities(),
    "iam": lambda c: c.list_users(),
    "sns": lambda c: c.list_topics(),
    "ec2": lambda c: c.describe_vpcs(),
    "lambda": lambda c: c.list_functions(),
    "route53": lambda c: c.list_hosted_zones(),
    "s3control": lambda c: c.get_public_access_block(AccountId="123456789012"),
    "cloudwatch": lambda c: c.list_metrics(),
    "eventbridgev2": lambda c: c.list_event_buses(),
}


@pytest.mark.parametrize("service", CALLS)
def test_a_real_client_reads_code_message_status_and_request_id(service: str) -> None:
    text = 'A <b> & "ü" \x00 ' + "of it" * 100
    error = error_of(service, CALLS[service], lambda _: Refusal("SomeCode", text, 418))
    assert (code(error), status(error)) == ("SomeCode", 418)
    assert message(error) in (text, text.replace("\x00", "?"))
    assert error.response["ResponseMetadata"]["RequestId"] == "0A1B2C3D"


DENIED = [
    ("s3", "AccessDenied", 403, "s3:GetObject"),
    ("sqs", "AccessDenied", 403, "sqs:sendmessage"),
    ("dynamodb", "AccessDeniedException", 400, "dynamodb:GetItem"),
    ("iam", "AccessDenied", 403, "iam:ListUsers"),
    ("sns", "AuthorizationError", 403, "SNS:ListTopics"),
    ("lambda", "AccessDeniedException", 403, "lambda:ListFunctions"),
    ("ec2", "UnauthorizedOperation", 403, "ec2:DescribeVpcs"),
    ("cloudwatch", "AccessDenied", 403, "cloudwatch:ListMetrics"),
    ("stepfunctions", "AccessDeniedException", 400, "states:ListActivities"),
]


@pytest.mark.parametrize(("service", "expected", "expected_status", "action"), DENIED)
def test_who_may_not_is_told_in_aws_words(
    service: str, expected: str, expected_status: int, action: str
) -> None:
    def refuse(named: NamedCall) -> Refusal:
        iam_action = f"{named.signing_name}:{named.operation}".replace("monitoring:", "cloudwatch:")
        return denied(named, ANA, "some-arn", f"no identity-based policy allows the {iam_action} action")

    error = error_of(service, CALLS[service], refuse)
    resource = '"some-arn"' if service == "s3" else "some-arn"
    sentence = (
        f"User: {ANA} is not authorized to perform: {action} on resource: {resource} "
        f"because no identity-based policy allows the {action} action"
    )
    if service == "ec2":
        sentence = f"You are not authorized to perform this operation. {sentence}"
    assert (code(error), status(error), message(error)) == (expected, expected_status, sentence)


def test_the_action_may_have_another_name_than_the_operation() -> None:
    error = error_of(
        "lambda", CALLS["lambda"], lambda named: denied(named, ANA, action="lambda:InvokeFunction")
    )
    assert message(error) == f"User: {ANA} is not authorized to perform: lambda:InvokeFunction"


def test_s3_tells_strangers_nothing_but_we_remember_the_reason() -> None:
    refusals: list[Refusal] = []

    def refuse(named: NamedCall) -> Refusal:
        refusals.append(denied(named, "anonymous", "R", "The bucket is private."))
        return refusals[0]

    assert message(error_of("s3", CALLS["s3"], refuse)) == "Access Denied"
    assert refusals[0].note == "The bucket is private."


def test_a_service_the_lab_does_not_offer_is_denied_as_in_a_sandboxed_account() -> None:
    error = error_of("kms", CALLS["kms"], lambda named: denied_by_service_control_policy(named, ANA))
    assert code(error) == "AccessDeniedException"
    assert message(error).startswith(f"User: {ANA} is not authorized to perform: kms:ListKeys with ")
    assert message(error).endswith(" with an explicit deny in a service control policy")


@pytest.mark.parametrize(
    ("service", "expected"),
    [
        ("dynamodb", ("MissingAuthenticationTokenException", 400)),
        ("lambda", ("MissingAuthenticationTokenException", 403)),
        ("iam", ("MissingAuthenticationToken", 403)),
        ("sqs", ("MissingAuthenticationToken", 403)),
        ("ec2", ("MissingParameter", 400)),
    ],
)
def test_a_call_without_credentials_is_told_so(service: str, expected: tuple[str, int]) -> None:
    error = error_of(service, CALLS[service], not_signed)
    assert (code(error), status(error)) == expected


@pytest.mark.parametrize("service", CALLS)
def test_what_is_not_emulated_is_named(service: str) -> None:
    error = error_of(service, CALLS[service], lambda named: not_emulated(named, "Nobody knows how."))
    assert (code(error), status(error)) == ("NotImplemented", 501)
    assert message(error).startswith(f"cloudkata does not emulate {service} ")
    assert message(error).endswith(". Nobody knows how.")


@pytest.mark.parametrize(
    ("service", "expected"), [("s3", "InternalError"), ("sqs", "InternalFailure"), ("ec2", "InternalFailure")]
)
def test_a_crash_names_the_exception_and_no_place_in_the_code(service: str, expected: str) -> None:
    try:
        {}["missing\n key"]
    except KeyError as caught:
        crash = caught
    error = error_of(service, CALLS[service], lambda named: crashed(named, crash))
    assert (code(error), status(error)) == (expected, 500)
    assert "KeyError: 'missing\\n key'" in message(error)
    assert ".py" not in message(error)


THROTTLED = [
    ("s3", "SlowDown", 503),
    ("sqs", "RequestThrottled", 403),
    ("dynamodb", "ProvisionedThroughputExceededException", 400),
    ("kms", "ThrottlingException", 400),
    ("iam", "Throttling", 400),
    ("ec2", "RequestLimitExceeded", 503),
    ("lambda", "TooManyRequestsException", 429),
    ("route53", "Throttling", 400),
]


@pytest.mark.parametrize(("service", "expected", "expected_status"), THROTTLED)
def test_each_service_throttles_in_its_own_way(service: str, expected: str, expected_status: int) -> None:
    error = error_of(service, CALLS[service], throttled)
    assert (code(error), status(error)) == (expected, expected_status)


@pytest.mark.parametrize("service", [service for service, *_ in THROTTLED])
def test_the_sdk_takes_a_throttled_call_for_one_to_try_again(
    service: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.sleep", lambda _seconds: None)
    error_of(
        service, CALLS[service], throttled, Config(retries={"mode": "standard", "total_max_attempts": 2})
    )
    assert ANSWERING.calls == 2


MODELED: list[tuple[str, str, int, str]] = [
    ("s3", "NoSuchKey", 404, "NoSuchKey"),
    ("sqs", "AWS.SimpleQueueService.NonExistentQueue", 400, "QueueDoesNotExist"),
    ("dynamodb", "ProvisionedThroughputExceededException", 400, "ProvisionedThroughputExceededException"),
    ("iam", "NoSuchEntity", 404, "NoSuchEntityException"),
    ("lambda", "ResourceNotFoundException", 404, "ResourceNotFoundException"),
    ("route53", "NoSuchHostedZone", 404, "NoSuchHostedZone"),
    ("kms", "NotFoundException", 400, "NotFoundException"),
]


@pytest.mark.parametrize(("service", "given", "given_status", "exception"), MODELED)
def test_programs_can_catch_the_modeled_exception(
    service: str, given: str, given_status: int, exception: str
) -> None:
    error = error_of(service, CALLS[service], lambda _: Refusal(given, "gone", given_status))
    assert type(error).__name__ == exception
    assert code(error) == given


def test_s3_says_what_it_was_about() -> None:
    error = error_of("s3", CALLS["s3"], lambda _: Refusal("AccessDenied", "no", 403, {"Expires": "2026"}))
    assert error.response["Error"]["Resource"] == "/b/k"
    assert error.response["Error"]["Expires"] == "2026"
    assert error.response["ResponseMetadata"]["HostId"]


def test_head_is_answered_without_a_body() -> None:
    error = error_of("s3", lambda c: c.head_object(Bucket="b", Key="k"), lambda named: denied(named, ANA))
    assert (code(error), status(error), message(error)) == ("403", 403, "Forbidden")


def test_a_request_without_a_name_is_answered_in_the_protocol_it_looks_like() -> None:
    unnamed = Unnamed("no such thing", code="UnknownOperationException", service="sqs", protocol="json")
    response = render(not_named(unnamed), unnamed.protocol, "id")
    assert (response.status, response.reason) == (404, "Not Found")
    assert dict(response.headers)["x-amzn-errortype"] == "UnknownOperationException"
    assert b"no such thing" in render(Refusal("X", "no such thing"), None, "id").body
