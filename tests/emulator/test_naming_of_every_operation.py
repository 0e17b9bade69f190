"""Every operation of the services labs use, as boto3 sends it, is named with the parameters it was given."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

import pytest
from boto3_requests import SESSION, Sent
from botocore.model import OperationModel, Shape

from cloudkata import sdk
from cloudkata.emulator.naming import name_call

WITH_ALL_MEMBERS = ("s3", "sqs", "dynamodb", "iam", "ec2", "lambda")
WITH_REQUIRED_MEMBERS = (
    *("apigateway", "cloudformation", "cloudwatch", "dynamodbstreams", "ecs", "elb", "elbv2", "events"),
    *("kms", "logs", "organizations", "rds", "route53", "s3control", "secretsmanager", "sesv2", "sns", "ssm"),
    *("stepfunctions", "sts"),
)

LOOKS_LIKE = {
    "AccountId": "123456789012",
    "Bucket": "my-bucket",
    "CopySource": "other-bucket/some/key",
    "Key": "folder/ä key+with %41.txt",
    "QueueUrl": "http://127.0.0.1:4566/123456789012/queue",
    "RequestRoute": "route",
}
"""Texts that boto3 looks at; everything else may be any text."""

ADDED_BY_BOTO3 = {
    *(
        "ChecksumAlgorithm",
        "ChecksumCRC32",
        "ChecksumCRC64NVME",
        "ChecksumMode",
        "ContentMD5",
        "EncodingType",
    ),
    *("CopySourceSSECustomerKeyMD5", "SSECustomerKeyMD5", "DestinationRegion", "PresignedUrl", "MaxAttempts"),
    *("accepts", "parameters"),
}
SENT_IN_ANOTHER_FORM = {"ContentLength", "Expires", "UserData"}
"""The body's length; text of any form, by S3's own rules; encoded by boto3 itself."""

WHEN = dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC)


def value_of(shape: Shape, name: str, *, everything: bool, depth: int) -> Any:
    """A value botocore accepts for a shape: with all of its members, or only with those it must have."""
    least = shape.metadata.get("min", 1)
    kind = shape.type_name
    if kind == "structure":
        return structure_of(shape, everything=everything, depth=depth)
    if kind == "list":
        return [value_of(shape.member, name, everything=everything, depth=depth + 1)] * max(least, 1)
    if kind == "map":
        key = value_of(shape.key, "key", everything=everything, depth=depth + 1)
        return {key: value_of(shape.value, "value", everything=everything, depth=depth + 1)}
    if kind == "string" and shape.serialization.get("jsonvalue"):
        return {"a": 1}
    if kind == "string":
        text = shape.enum[0] if shape.enum else LOOKS_LIKE.get(name, "some text")
        return text.ljust(least, "x")
    whole, real = max(int(least), 1), max(float(least), 1.5)
    plain = {"integer": whole, "long": whole, "float": real, "double": real, "boolean": True}
    return {**plain, "timestamp": WHEN, "blob": b"some \xff bytes"}[kind]


def structure_of(shape: Shape, *, everything: bool, depth: int = 0) -> dict[str, Any]:
    if shape.is_document_type:
        return {"any": ["thing", 1]}
    names = set(shape.required_members)
    if shape.is_tagged_union:
        names = {next(iter(shape.members))}
    elif everything and depth < 4:
        names = set(shape.members)
    return {
        name: value_of(member, name, everything=everything, depth=depth + 1)
        for name, member in shape.members.items()
        if name in names and depth < 8
    }


def differences(given: Any, found: Any, where: str = "") -> Iterator[str]:
    if isinstance(given, dict) and isinstance(found, dict):
        for name, value in given.items():
            # Forms cannot say that a structure is empty.
            if name in found and name not in SENT_IN_ANOTHER_FORM:
                yield from differences(value, found[name], f"{where}.{name}")
            elif name not in found and not is_empty(value) and name not in SENT_IN_ANOTHER_FORM:
                yield f"{where}.{name} is missing"
        for name in found.keys() - given.keys() - ADDED_BY_BOTO3:
            yield f"{where}.{name} = {found[name]!r} was not given"
    elif isinstance(given, list) and isinstance(found, list) and len(given) == len(found):
        for number, (one, other) in enumerate(zip(given, found, strict=True)):
            yield from differences(one, other, f"{where}[{number}]")
    elif given != found:
        yield f"{where} is {found!r}, not {given!r}"


def is_empty(value: Any) -> bool:
    if isinstance(value, dict):
        return all(map(is_empty, value.values()))
    return isinstance(value, list) and all(map(is_empty, value))


def operations_of(client: Any) -> Iterator[OperationModel]:
    service = client.meta.service_model
    for name in service.operation_names:
        model = service.operation_model(name)
        if not model.has_event_stream_input and not model.deprecated:
            yield model


@pytest.mark.parametrize(
    ("service", "everything"),
    [
        *((service, True) for service in WITH_ALL_MEMBERS),
        *((service, False) for service in WITH_ALL_MEMBERS + WITH_REQUIRED_MEMBERS),
    ],
)
def test_every_operation_is_named_as_boto3_was_told(service: str, everything: bool) -> None:
    client = SESSION.client(service)
    wrong: dict[str, list[str]] = {}
    for model in operations_of(client):
        given = structure_of(model.input_shape, everything=everything) if model.input_shape else {}
        with pytest.raises(Sent) as caught:
            client._make_api_call(model.name, dict(given))
        call = name_call(caught.value.args[0])
        for token in model.idempotent_members:
            given.setdefault(token, call.parameters.get(token))
        complaints = list(differences(given, call.parameters))
        if (call.service, call.operation) != (service, model.name):
            complaints.insert(0, f"named {call.service} {call.operation}")
        if complaints:
            wrong[model.name] = complaints
    assert not wrong


AT_AWS_ONLY = {"s3": {"WriteGetObjectResponse"}, "s3control": {"CreateBucket"}}
"""Operations whose request is told apart by AWS's own host names alone."""


@pytest.mark.parametrize("service", ["s3", "s3control", "sqs", "dynamodb"])
def test_every_operation_is_named_at_the_worlds_one_endpoint(service: str) -> None:
    client = SESSION.client(service, endpoint_url=sdk.ENDPOINT)
    wrong = {}
    for model in operations_of(client):
        given = structure_of(model.input_shape, everything=False) if model.input_shape else {}
        with pytest.raises(Sent) as caught:
            client._make_api_call(model.name, given)
        if model.name not in AT_AWS_ONLY.get(service, ()):
            call = name_call(caught.value.args[0])
            if (call.service, call.operation) != (service, model.name):
                wrong[model.name] = f"{call.service} {call.operation}"
    assert not wrong
