from __future__ import annotations

import datetime as dt
import io
from dataclasses import replace

import pytest
from boto3_requests import ENDPOINT, Call, fetched
from botocore import UNSIGNED
from signing import (
    ACCOUNT,
    INACTIVE_KEY,
    KEYS,
    SESSION,
    SESSION_KEY,
    USER,
    USER_KEY,
    client,
    refused,
    sent,
    who,
)

from cloudkata.emulator.signatures import ANONYMOUS, Caller
from cloudkata.emulator.wire import Request

# What is good

GOOD: list[tuple[str, Call]] = [
    ("s3", lambda c: c.list_buckets()),
    (
        "s3",
        lambda c: c.put_object(
            Bucket="bucket", Key="a b/ü+%/~", Body=b"hello", Metadata={"some": "thing  here"}
        ),
    ),
    ("s3", lambda c: c.put_object(Bucket="bucket", Key="stream", Body=io.BytesIO(b"hello"))),
    ("s3", lambda c: c.put_object(Bucket="bucket", Key="empty")),
    ("s3", lambda c: c.get_object(Bucket="bucket", Key="a//../b;c=d&e?f#g", VersionId="x y")),
    ("s3", lambda c: c.list_objects_v2(Bucket="bucket", Prefix="a b/+ü", Delimiter="/")),
    ("s3", lambda c: c.copy_object(Bucket="bucket", Key="k", CopySource={"Bucket": "b", "Key": "ü +"})),
    ("sqs", lambda c: c.send_message(QueueUrl="http://q", MessageBody="ü")),
    ("iam", lambda c: c.create_user(UserName="a+b=c", Path="/x/")),
    ("ec2", lambda c: c.describe_instances(Filters=[{"Name": "tag:a b", "Values": ["*"]}])),
    ("lambda", lambda c: c.get_function(FunctionName="arn:aws:lambda:eu-west-1:123456789012:function:f")),
    ("lambda", lambda c: c.invoke(FunctionName="f", Payload=b"{}")),
    ("route53", lambda c: c.list_hosted_zones()),
    ("cloudwatch", lambda c: c.list_metrics()),
    ("s3control", lambda c: c.get_public_access_block(AccountId=ACCOUNT)),
]


@pytest.mark.parametrize(("service", "call"), GOOD)
@pytest.mark.parametrize(
    ("key", "arn", "kind"),
    [(USER_KEY, USER, "key"), (SESSION_KEY, SESSION, "session")],
)
def test_whoever_signs_with_boto3_is_known(service: str, call: Call, key: str, arn: str, kind: str) -> None:
    caller = who(sent(service, call, key))
    assert caller == Caller(key, ACCOUNT, arn, kind, presigned=False)  # type: ignore[arg-type]


@pytest.mark.parametrize("service", ["s3", "sts", "dynamodb"])
def test_whoever_does_not_sign_is_anonymous(service: str) -> None:
    calls: dict[str, Call] = {
        "s3": lambda c: c.list_objects_v2(Bucket="b"),
        "sts": lambda c: c.get_caller_identity(),
        "dynamodb": lambda c: c.list_tables(),
    }
    assert who(sent(service, calls[service], signature_version=UNSIGNED)) == ANONYMOUS


OBJECT_KEYS = ["plain", "a b/c+d", "ü/😀", "100%/%41", "/begins//and/ends/", "a?b&c=d#e;f", "~-_.!*'()"]


@pytest.mark.parametrize("key", OBJECT_KEYS)
@pytest.mark.parametrize("version", ["s3", "s3v4"])
@pytest.mark.parametrize("style", ["path", "virtual"])
@pytest.mark.parametrize("access_key", [USER_KEY, SESSION_KEY])
def test_a_presigned_url_is_good_however_it_was_made(
    key: str, version: str, style: str, access_key: str
) -> None:
    endpoint = ENDPOINT if style == "path" else "http://localhost:4566"
    s3 = client("s3", access_key, endpoint, signature_version=version, s3={"addressing_style": style})
    parameters = {
        "Bucket": "bucket",
        "Key": key,
        "VersionId": "v 1",
        "ResponseContentType": "text/plain; a=b",
    }
    caller = who(fetched(s3.generate_presigned_url("get_object", parameters)))
    assert (caller.access_key_id, caller.presigned) == (access_key, True)


@pytest.mark.parametrize("version", ["s3", "s3v4"])
def test_an_upload_url_is_good_with_the_headers_it_was_signed_with(version: str) -> None:
    s3 = client("s3", signature_version=version)
    parameters = {"Bucket": "bucket", "Key": "k", "ContentType": "text/csv", "Metadata": {"a": "b"}}
    url = s3.generate_presigned_url("put_object", parameters)
    right = (("Content-Type", "text/csv"), ("x-amz-meta-a", "b"))
    assert who(fetched(url, "PUT", *right, body=b"anything")).arn == USER
    assert (
        refused(fetched(url, "PUT", ("Content-Type", "text/html"), right[1])).code == "SignatureDoesNotMatch"
    )
    assert refused(fetched(url, "PUT", right[0], ("x-amz-meta-a", "c"))).code == "SignatureDoesNotMatch"
    assert refused(fetched(url, "GET", *right)).code == "SignatureDoesNotMatch"
    expected = "SignatureDoesNotMatch" if version == "s3" else "AccessDenied"
    assert refused(fetched(url, "PUT", *right, ("x-amz-acl", "public-read"))).code == expected


def test_a_presigned_call_of_another_service_is_good() -> None:
    url = client("sts").generate_presigned_url("get_caller_identity", {}, HttpMethod="GET")
    assert who(fetched(url)) == Caller(USER_KEY, ACCOUNT, USER, "key", presigned=True)


def test_an_old_header_signature_of_s3_is_good() -> None:
    request = sent(
        "s3",
        lambda c: c.put_object(Bucket="b", Key="k", Body=b"x", ContentType="a/b"),
        signature_version="s3",
    )
    assert request.header("authorization").startswith("AWS AKIA")
    assert who(request).arn == USER
    assert refused(replace(request, method="DELETE")).code == "SignatureDoesNotMatch"


# What each service says

INVALID_TOKEN, NO_MATCH = ("InvalidClientTokenId", 403), ("SignatureDoesNotMatch", 403)
CODES = [
    ("s3", lambda c: c.list_buckets(), ("InvalidAccessKeyId", 403), NO_MATCH),
    (
        "dynamodb",
        lambda c: c.list_tables(),
        ("UnrecognizedClientException", 400),
        ("InvalidSignatureException", 400),
    ),
    ("iam", lambda c: c.list_users(), INVALID_TOKEN, NO_MATCH),
    ("sqs", lambda c: c.list_queues(), INVALID_TOKEN, NO_MATCH),
    ("ec2", lambda c: c.describe_vpcs(), ("AuthFailure", 401), ("AuthFailure", 401)),
    (
        "lambda",
        lambda c: c.list_functions(),
        ("UnrecognizedClientException", 403),
        ("InvalidSignatureException", 403),
    ),
    ("route53", lambda c: c.list_hosted_zones(), INVALID_TOKEN, NO_MATCH),
]


@pytest.mark.parametrize(("service", "call", "unknown", "mismatch"), CODES)
def test_each_service_says_in_its_own_words_what_is_wrong(
    service: str, call: Call, unknown: tuple[str, int], mismatch: tuple[str, int]
) -> None:
    request = sent(service, call)
    refusal = refused(request, keys={})
    assert (refusal.code, refusal.status) == unknown
    wrong = {USER_KEY: replace(KEYS[USER_KEY], secret="another")}
    refusal = refused(request, keys=wrong)
    assert (refusal.code, refusal.status) == mismatch


def test_an_inactive_key_is_as_good_as_none() -> None:
    request = sent("sts", lambda c: c.get_caller_identity(), INACTIVE_KEY)
    assert refused(request).code == "InvalidClientTokenId"


@pytest.mark.parametrize(
    ("service", "call", "code"),
    [
        ("s3", lambda c: c.list_buckets(), "InvalidToken"),
        ("dynamodb", lambda c: c.list_tables(), "UnrecognizedClientException"),
        ("sts", lambda c: c.get_caller_identity(), "InvalidClientTokenId"),
    ],
)
def test_a_session_needs_its_own_token(service: str, call: Call, code: str) -> None:
    session = KEYS[SESSION_KEY]
    request = sent(service, call, SESSION_KEY)
    other = {SESSION_KEY: replace(session, session_token="another")}
    assert refused(request, keys=other).code == code
    long_term = {SESSION_KEY: replace(session, session_token=None)}
    assert refused(request, keys=long_term).code == code
    without = sent(service, call)
    needs_one = {USER_KEY: replace(KEYS[USER_KEY], session_token="t")}
    assert refused(without, keys=needs_one).code in (code, "InvalidAccessKeyId")


@pytest.mark.parametrize(
    ("service", "call", "code"),
    [
        ("s3", lambda c: c.list_buckets(), "ExpiredToken"),
        ("sts", lambda c: c.get_caller_identity(), "ExpiredToken"),
        ("dynamodb", lambda c: c.list_tables(), "ExpiredTokenException"),
        ("lambda", lambda c: c.list_functions(), "ExpiredTokenException"),
        ("ec2", lambda c: c.describe_vpcs(), "RequestExpired"),
    ],
)
def test_a_session_ends(service: str, call: Call, code: str) -> None:
    request = sent(service, call, SESSION_KEY)
    now = dt.datetime.now(dt.UTC)
    over = {SESSION_KEY: replace(KEYS[SESSION_KEY], expires=now)}
    assert refused(request, now, over).code == code
    still = {SESSION_KEY: replace(KEYS[SESSION_KEY], expires=now + dt.timedelta(seconds=1))}
    assert who(request, now, still).kind == "session"


# Time

MINUTE = dt.timedelta(minutes=1)


def signed_at(request: Request) -> dt.datetime:
    return dt.datetime.strptime(request.header("x-amz-date"), "%Y%m%dT%H%M%SZ").replace(tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("service", "call", "code"),
    [
        ("s3", lambda c: c.list_buckets(), "RequestTimeTooSkewed"),
        ("sts", lambda c: c.get_caller_identity(), "SignatureDoesNotMatch"),
        ("dynamodb", lambda c: c.list_tables(), "InvalidSignatureException"),
        ("ec2", lambda c: c.describe_vpcs(), "RequestExpired"),
    ],
)
def test_a_header_signature_is_good_within_fifteen_minutes(service: str, call: Call, code: str) -> None:
    request = sent(service, call)
    then = signed_at(request)
    for minutes in (-15, 15):
        assert who(request, then + minutes * MINUTE).arn == USER
        assert refused(request, then + minutes * MINUTE * 1.01).code == code


def test_an_expired_signature_is_told_in_aws_words() -> None:
    request = sent("sts", lambda c: c.get_caller_identity())
    now = signed_at(request) + 20 * MINUTE
    message = refused(request, now).message
    assert message.startswith(f"Signature expired: {request.header('x-amz-date')} is now earlier than ")
    assert message.endswith(" - 15 min.)")
    assert refused(request, now - 40 * MINUTE).message.startswith("Signature not yet current: ")


@pytest.mark.parametrize("version", ["s3", "s3v4"])
def test_a_presigned_url_ends_when_it_said_it_would(version: str) -> None:
    before = dt.datetime.now(dt.UTC).replace(microsecond=0)
    url = client("s3", signature_version=version).generate_presigned_url(
        "get_object", {"Bucket": "b", "Key": "k"}, 3600
    )
    request = fetched(url)
    assert who(request, before + 60 * MINUTE).presigned
    refusal = refused(request, before + 60 * MINUTE + dt.timedelta(seconds=2))
    assert (refusal.code, refusal.message, refusal.status) == ("AccessDenied", "Request has expired", 403)
    assert {"Expires", "ServerTime"} <= refusal.extra.keys()
    assert refusal.extra["ServerTime"] == (before + 60 * MINUTE + dt.timedelta(seconds=2)).strftime(
        "%Y-%m-%dT%H:%M:%SZ"
    )


def test_a_presigned_url_is_not_good_before_it_was_made() -> None:
    url = client("s3", signature_version="s3v4").generate_presigned_url("list_buckets", {})
    assert refused(fetched(url), dt.datetime.now(dt.UTC) - 20 * MINUTE).message == "Request is not yet valid"


def test_a_presigned_url_is_good_for_a_week_at_most() -> None:
    s3 = client("s3", signature_version="s3v4")
    week = 7 * 24 * 3600
    assert who(fetched(s3.generate_presigned_url("list_buckets", {}, week))).presigned
    refusal = refused(fetched(s3.generate_presigned_url("list_buckets", {}, week + 1)))
    assert (refusal.code, refusal.status) == ("AuthorizationQueryParametersError", 400)
    assert "604800" in refusal.message
