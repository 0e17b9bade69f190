"""Every operation of the services labs use most, as boto3 sends it, is named with the parameters boto3 was given."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.model import OperationModel, Shape

from cloudkata import sdk
from cloudkata.emulator.naming import NamedCall, name_call
from cloudkata.emulator.wire import Request

SERVICES = ("s3", "sqs", "dynamodb", "iam", "ec2", "lambda")

BY_NAME = {
    "AccountId": "123456789012",
    "Bucket": "my-bucket",
    "CopySource": "other-bucket/some/key",
    "Key": "folder/ä key+with %41.txt",
    "RequestRoute": "route",
    "QueueUrl": "http://127.0.0.1:4566/123456789012/queue",
}
"""Texts that have to look like what they are; everything else may be any text."""

ADDED_BY_BOTO3 = {
    *("ChecksumAlgorithm", "ChecksumCRC32", "ChecksumCRC64NVME", "ContentMD5", "EncodingType"),
    *("ClientToken", "ClientRequestToken", "CopySourceSSECustomerKeyMD5", "SSECustomerKeyMD5"),
    *("ChecksumMode", "DestinationRegion", "MaxAttempts", "PresignedUrl"),
}
WHEN = dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC)


class Sent(Exception):
    """Carries a request out of boto3."""


def carry(method: str, target: str, headers: list[tuple[str, str]], body: bytes) -> sdk.Carried:
    raise Sent(Request(method, target, tuple(headers), body))


def value_of(shape: Shape, name: str, *, everything: bool, depth: int = 0) -> Any:
    """A value botocore accepts for a shape: with all of its members, or only with those it must have."""
    kind = shape.type_name
    if kind == "structure":
        if shape.is_document_type:
            return {"any": ["thing", 1]}
        return structure_of(shape, everything=everything, depth=depth)
    if kind == "list":
        return [value_of(shape.member, name, everything=everything, depth=depth + 1)]
    if kind == "map":
        key = value_of(shape.key, "key", everything=everything, depth=depth + 1)
        return {key: value_of(shape.value, "value", everything=everything, depth=depth + 1)}
    if kind == "string":
        if shape.serialization.get("jsonvalue"):
            return {"a": 1}
        text = shape.enum[0] if shape.enum else BY_NAME.get(name, "some text")
        return text.ljust(shape.metadata.get("min", 0), "x")
    number = max(shape.metadata.get("min", 1), 1)
    real = max(float(number), 1.5)
    plain = {"integer": int(number), "long": int(number), "float": real, "double": real, "boolean": True}
    return {**plain, "timestamp": WHEN, "blob": b"some \xff bytes"}[kind]


def structure_of(shape: Shape, *, everything: bool, depth: int) -> dict[str, Any]:
    names = set(shape.required_members)
    if getattr(shape, "is_tagged_union", False):
        names = {next(iter(shape.members))}
    elif everything and depth < 4:
        names = set(shape.members)
    if depth > 8:
        return {}
    return {
        name: value_of(member, name, everything=everything, depth=depth + 1)
        for name, member in shape.members.items()
        if name in names
    }


def named(service: str, operation: str, parameters: dict[str, Any]) -> NamedCall:
    client = sdk.session(carry).client(service)
    with pytest.raises(Sent) as caught:
        client._make_api_call(operation, parameters)
    return name_call(caught.value.args[0])


def differences(given: Any, found: Any, where: str = "") -> Iterator[str]:
    if isinstance(given, dict) and isinstance(found, dict):
        for name, value in given.items():
            if name not in found and is_empty(value):
                continue  # forms cannot say that a structure is empty
            if name not in found:
                yield f"{where}.{name} is missing"
            else:
                yield from differences(value, found[name], f"{where}.{name}")
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


def sendable(model: OperationModel) -> bool:
    return not model.has_event_stream_input and not model.deprecated


@pytest.mark.parametrize("everything", [False, True], ids=["required members", "all members"])
@pytest.mark.parametrize("service", SERVICES)
def test_every_operation_is_named_as_boto3_was_told(service: str, everything: bool) -> None:
    client = sdk.session(carry).client(service)
    wrong: dict[str, list[str]] = {}
    for operation in client.meta.service_model.operation_names:
        model = client.meta.service_model.operation_model(operation)
        if not sendable(model):
            continue
        given = structure_of(model.input_shape, everything=everything, depth=0) if model.input_shape else {}
        sent = dict(given)
        try:
            client._make_api_call(operation, sent)
        except Sent as caught:
            call = name_call(caught.args[0])
        complaints = list(differences(given, call.parameters))
        if (call.service, call.operation) != (service, operation):
            complaints.insert(0, f"named {call.service} {call.operation}")
        if complaints:
            wrong[operation] = complaints
    assert not wrong
