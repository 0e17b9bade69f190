from __future__ import annotations

import datetime as dt
import hashlib
import io
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore import UNSIGNED
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from hypothesis import given, settings
from hypothesis import strategies as st

from cloudkata import sdk
from cloudkata.emulator.naming import Unnamed, name_call
from cloudkata.emulator.refusals import Refusal
from cloudkata.emulator.signatures import ANONYMOUS, Caller, Key, identify
from cloudkata.emulator.wire import Request

ENDPOINT = "http://127.0.0.1:4566"
HOST = ("Host", "127.0.0.1:4566")
ACCOUNT = "123456789012"
USER = "arn:aws:iam::123456789012:user/ana"
SESSION = "arn:aws:sts::123456789012:assumed-role/reader/ana"
EXPIRES = dt.datetime(2100, 1, 1, tzinfo=dt.UTC)
KEYS = {
    "AKIAUSER000000000000": Key("secret/of+user", USER, ACCOUNT, None, None, active=True),
    "AKIAINACTIVE00000000": Key("secret", USER, ACCOUNT, None, None, active=False),
    "ASIASESSION000000000": Key("session secret", SESSION, ACCOUNT, "the/token+==", EXPIRES, active=True),
}

Call = Callable[[Any], object]


class Sent(Exception):
    """Carries a request out of boto3."""


def carry(method: str, target: str, headers: list[tuple[str, str]], body: bytes) -> sdk.Carried:
    raise Sent(Request(method, target, tuple(headers), body))


BOTO = sdk.session(carry)


def client(
    service: str, key: str = "AKIAUSER000000000000", endpoint: str | None = ENDPOINT, **config: Any
) -> Any:
    return BOTO.client(
        service,
        endpoint_url=endpoint,
        region_name="eu-west-1",
        aws_access_key_id=key,
        aws_secret_access_key=KEYS[key].secret,
        aws_session_token=KEYS[key].session_token,
        config=Config(**config),
    )


def sent(
    service: str,
    call: Call,
    key: str = "AKIAUSER000000000000",
    endpoint: str | None = ENDPOINT,
    **config: Any,
) -> Request:
    """What boto3 sends for a call."""
    with pytest.raises(Sent) as caught:
        call(client(service, key, endpoint, **config))
    request: Request = caught.value.args[0]
    return request


def who(request: Request, now: dt.datetime | None = None, keys: dict[str, Key] = KEYS) -> Caller:
    try:
        named = name_call(request)
    except Unnamed:
        named = None
    return identify(request, named, keys.get, now or dt.datetime.now(dt.UTC))


def refused(request: Request, now: dt.datetime | None = None, keys: dict[str, Key] = KEYS) -> Refusal:
    with pytest.raises(Refusal) as caught:
        who(request, now, keys)
    return caught.value


def fetched(url: str, method: str = "GET", *headers: tuple[str, str], body: bytes = b"") -> Request:
    """The request of somebody who opens a URL."""
    parts = urlsplit(url)
    return Request(method, f"{parts.path}?{parts.query}", (("Host", parts.netloc), *headers), body)


def with_header(request: Request, name: str, value: str | None) -> Request:
    """With one header changed, added or (None) left out."""
    headers = [(one, value if one.lower() == name.lower() else text) for one, text in request.headers]
    if name.lower() not in request.lowered:
        headers.append((name, value))
    return replace(request, headers=tuple((one, text) for one, text in headers if text is not None))


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
    [("AKIAUSER000000000000", USER, "key"), ("ASIASESSION000000000", SESSION, "session")],
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
@pytest.mark.parametrize("access_key", ["AKIAUSER000000000000", "ASIASESSION000000000"])
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
    assert who(fetched(url)) == Caller("AKIAUSER000000000000", ACCOUNT, USER, "key", presigned=True)


def test_an_old_header_signature_of_s3_is_good() -> None:
    request = sent(
        "s3",
        lambda c: c.put_object(Bucket="b", Key="k", Body=b"x", ContentType="a/b"),
        signature_version="s3",
    )
    assert request.header("authorization").startswith("AWS AKIA")
    assert who(request).arn == USER
    assert refused(replace(request, method="DELETE")).code == "SignatureDoesNotMatch"


def chunked(trailer: bool) -> Request:
    """An upload in signed chunks, as other SDKs send it; https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html."""
    kind = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD" + ("-TRAILER" if trailer else "")
    signer = S3SigV4Auth(Credentials("AKIAUSER000000000000", "secret/of+user"), "s3", "eu-west-1")
    signer.payload = lambda _request: kind
    prepared = AWSRequest(
        "PUT", f"{ENDPOINT}/bucket/key", {"x-amz-decoded-content-length": "11", "Host": HOST[1]}
    )
    signer.add_auth(prepared)
    previous = prepared.headers["Authorization"].rpartition("Signature=")[2]
    scope = f"{prepared.context['timestamp']}\n{signer.credential_scope(prepared)}"

    def signed(what: str, text: str) -> str:
        return str(signer.signature(f"AWS4-HMAC-SHA256-{what}\n{scope}\n{previous}\n{text}", prepared))

    body = b""
    for data in (b"hello", b" world", b""):
        empty, digest = hashlib.sha256(b"").hexdigest(), hashlib.sha256(data).hexdigest()
        previous = signed("PAYLOAD", f"{empty}\n{digest}")
        body += f"{len(data):x};chunk-signature={previous}\r\n".encode() + data + (b"\r\n" if data else b"")
    if trailer:
        checksum = "x-amz-checksum-crc32c:sOO8/Q=="
        seal = signed("TRAILER", hashlib.sha256(f"{checksum}\n".encode()).hexdigest())
        body += f"{checksum}\r\nx-amz-trailer-signature:{seal}\r\n".encode()
    return Request("PUT", "/bucket/key", tuple(prepared.headers.items()), body + b"\r\n")


@pytest.mark.parametrize("trailer", [False, True])
def test_every_chunk_of_a_body_in_signed_chunks_is_checked(trailer: bool) -> None:
    request = chunked(trailer)
    assert who(request).arn == USER
    for part in (b"hello", b" world", b"sOO8") if trailer else (b"hello", b" world"):
        tampered = replace(request, body=request.body.replace(part, b"x" * len(part)))
        assert refused(tampered).code == "SignatureDoesNotMatch"


# What is not

REQUESTS = {
    "header": sent("s3", GOOD[1][1]),
    "list": sent("s3", GOOD[5][1]),
    "json": sent("sqs", GOOD[7][1]),
    "form": sent("iam", GOOD[8][1]),
    "rest": sent("lambda", GOOD[10][1]),
    "presigned": fetched(
        client("s3", signature_version="s3v4").generate_presigned_url(
            "get_object", {"Bucket": "bucket", "Key": "a/b c"}
        )
    ),
}
SIGNED_HEADERS = (
    "Host",
    "X-Amz-Date",
    "x-amz-meta-some",
    "X-Amz-Target",
    "Content-Type",
    "X-Amz-Content-SHA256",
)


@settings(max_examples=400, deadline=None)
@given(
    name=st.sampled_from(sorted(REQUESTS)),
    what=st.sampled_from(["method", "target", "body", "signature", *SIGNED_HEADERS]),
    place=st.integers(0, 500),
    other=st.characters(min_codepoint=0x21, max_codepoint=0x7E),
)
def test_no_single_character_can_be_changed(name: str, what: str, place: int, other: str) -> None:
    request = REQUESTS[name]

    def changed(text: str) -> str:
        if not text:
            return text
        at = place % len(text)
        return text[:at] + other + text[at + 1 :]

    if what == "method":
        tampered = replace(request, method=changed(request.method))
    elif what == "target":
        tampered = replace(request, target="/" + changed(request.target[1:]))
    elif what == "body" and name != "presigned":
        tampered = replace(request, body=changed(request.body.decode("latin-1")).encode("latin-1"))
    elif what == "signature" and name != "presigned":
        start, _, signature = request.header("authorization").rpartition("Signature=")
        tampered = with_header(request, "Authorization", f"{start}Signature={changed(signature)}")
    elif request.header(what.lower()):
        tampered = with_header(request, what, changed(request.header(what.lower())))
    else:
        return
    if tampered != request and not (what == "method" and tampered.method.upper() == request.method):
        refused(tampered)


V2_URL = client("s3", signature_version="s3").generate_presigned_url(
    "get_object", {"Bucket": "bucket", "Key": "a/b c", "VersionId": "1", "ResponseContentType": "text/plain"}
)


@settings(max_examples=200, deadline=None)
@given(place=st.integers(0, 500), other=st.characters(min_codepoint=0x21, max_codepoint=0x7E))
def test_no_single_character_of_an_old_presigned_url_can_be_changed(place: int, other: str) -> None:
    request = fetched(V2_URL)
    at = place % len(request.target)
    tampered = replace(request, target=request.target[:at] + other + request.target[at + 1 :])
    try:
        caller = who(tampered)
    except Refusal:
        return
    # The names of the signature's own fields are not signed; without them nobody has signed anything.
    assert tampered == request or caller == ANONYMOUS


@pytest.mark.parametrize("extra", ["&retention", "&legal-hold", "&encryption", "&attributes"])
def test_an_old_presigned_url_cannot_be_turned_to_a_younger_sub_resource(extra: str) -> None:
    assert refused(fetched(V2_URL + extra)).code == "InvalidRequest"


@pytest.mark.parametrize("extra", ["&acl", "&tagging", "&versionId=2", "&x-amz-acl=public-read"])
def test_an_old_presigned_url_cannot_be_turned_to_another_sub_resource(extra: str) -> None:
    assert refused(fetched(V2_URL + extra)).code == "SignatureDoesNotMatch"


def test_headers_that_were_not_signed_are_named() -> None:
    refusal = refused(with_header(REQUESTS["header"], "x-amz-acl", "public-read"))
    assert (refusal.code, refusal.status, refusal.extra["HeadersNotSigned"]) == (
        "AccessDenied",
        403,
        "x-amz-acl",
    )
    unsigned = refused(with_header(REQUESTS["rest"], "x-amz-invocation-type", "Event"))
    assert "'X-Amz-Invocation-Type' must be a 'SignedHeader'" in unsigned.message


def test_s3_shows_what_it_signed() -> None:
    refusal = refused(replace(REQUESTS["header"], method="POST"))
    assert refusal.extra["CanonicalRequest"].startswith("POST\n/bucket/a%20b/%C3%BC%2B%25/~\n")
    assert refusal.extra["StringToSign"].startswith("AWS4-HMAC-SHA256\n")


CODES = [
    ("s3", lambda c: c.list_buckets(), "InvalidAccessKeyId", 403, "SignatureDoesNotMatch", 403),
    (
        "dynamodb",
        lambda c: c.list_tables(),
        "UnrecognizedClientException",
        400,
        "InvalidSignatureException",
        400,
    ),
    ("iam", lambda c: c.list_users(), "InvalidClientTokenId", 403, "SignatureDoesNotMatch", 403),
    ("sqs", lambda c: c.list_queues(), "InvalidClientTokenId", 403, "SignatureDoesNotMatch", 403),
    ("ec2", lambda c: c.describe_vpcs(), "AuthFailure", 401, "AuthFailure", 401),
    (
        "lambda",
        lambda c: c.list_functions(),
        "UnrecognizedClientException",
        403,
        "InvalidSignatureException",
        403,
    ),
    ("route53", lambda c: c.list_hosted_zones(), "InvalidClientTokenId", 403, "SignatureDoesNotMatch", 403),
]


@pytest.mark.parametrize(
    ("service", "call", "unknown", "unknown_status", "mismatch", "mismatch_status"), CODES
)
def test_each_service_says_in_its_own_words_what_is_wrong(
    service: str, call: Call, unknown: str, unknown_status: int, mismatch: str, mismatch_status: int
) -> None:
    request = sent(service, call)
    refusal = refused(request, keys={})
    assert (refusal.code, refusal.status) == (unknown, unknown_status)
    wrong = {"AKIAUSER000000000000": replace(KEYS["AKIAUSER000000000000"], secret="another")}
    refusal = refused(request, keys=wrong)
    assert (refusal.code, refusal.status) == (mismatch, mismatch_status)


def test_an_inactive_key_is_as_good_as_none() -> None:
    request = sent("sts", lambda c: c.get_caller_identity(), "AKIAINACTIVE00000000")
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
    session = KEYS["ASIASESSION000000000"]
    request = sent(service, call, "ASIASESSION000000000")
    other = {"ASIASESSION000000000": replace(session, session_token="another")}
    assert refused(request, keys=other).code == code
    long_term = {"ASIASESSION000000000": replace(session, session_token=None)}
    assert refused(request, keys=long_term).code == code
    without = sent(service, call)
    needs_one = {"AKIAUSER000000000000": replace(KEYS["AKIAUSER000000000000"], session_token="t")}
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
    request = sent(service, call, "ASIASESSION000000000")
    now = dt.datetime.now(dt.UTC)
    over = {"ASIASESSION000000000": replace(KEYS["ASIASESSION000000000"], expires=now)}
    assert refused(request, now, over).code == code
    still = {
        "ASIASESSION000000000": replace(KEYS["ASIASESSION000000000"], expires=now + dt.timedelta(seconds=1))
    }
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
    request = REQUESTS["presigned"]
    assert refused(request, dt.datetime.now(dt.UTC) - 20 * MINUTE).message == "Request is not yet valid"


def test_a_presigned_url_is_good_for_a_week_at_most() -> None:
    s3 = client("s3", signature_version="s3v4")
    week = 7 * 24 * 3600
    assert who(fetched(s3.generate_presigned_url("list_buckets", {}, week))).presigned
    refusal = refused(fetched(s3.generate_presigned_url("list_buckets", {}, week + 1)))
    assert (refusal.code, refusal.status) == ("AuthorizationQueryParametersError", 400)
    assert "604800" in refusal.message


# Hostile input


@pytest.mark.parametrize(
    ("target", "headers", "code"),
    [
        ("/", {"Authorization": "nonsense"}, "AuthorizationHeaderMalformed"),
        ("/", {"Authorization": "AWS4-HMAC-SHA256 Credential=a/b/c"}, "AuthorizationHeaderMalformed"),
        (
            "/?Action=GetCallerIdentity&Version=2011-06-15",
            {"Authorization": "nonsense"},
            "IncompleteSignature",
        ),
        ("/", {"Authorization": "AWS AKIAUSER000000000000:sig"}, "AccessDenied"),
        ("/?X-Amz-Algorithm=AWS4-HMAC-SHA256", {}, "AuthorizationQueryParametersError"),
        ("/b/k?AWSAccessKeyId=AKIAUSER000000000000&Signature=x", {}, "AccessDenied"),
        ("/b/k?AWSAccessKeyId=AKIAUSER000000000000&Signature=x&Expires=soon", {}, "AccessDenied"),
        (
            "/b/k?AWSAccessKeyId=AKIAUSER000000000000&Signature=x&Expires=99999999999",
            {},
            "SignatureDoesNotMatch",
        ),
        ("/b/k?AWSAccessKeyId=AKIAUSER000000000000&Signature=x&Expires=1&Expires=9", {}, "AccessDenied"),
    ],
)
def test_signatures_of_no_form_are_refused(target: str, headers: dict[str, str], code: str) -> None:
    assert refused(Request("GET", target, (HOST, *headers.items()))).code == code


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (("eu-west-1", "us-east-1"), "SignatureDoesNotMatch"),
        (("Signature=", "Signature=é"), "SignatureDoesNotMatch"),
        (("SignedHeaders=host;", "SignedHeaders="), "AuthorizationHeaderMalformed"),
        (("SignedHeaders=", "SignedHeaders=missing;"), "AuthorizationHeaderMalformed"),
        (("Signature=", "Other="), "AuthorizationHeaderMalformed"),
        (("Signature=", "Signature=0,Signature="), "AuthorizationHeaderMalformed"),
    ],
)
def test_a_meddled_authorization_header_is_refused(change: tuple[str, str], code: str) -> None:
    request = sent("s3", lambda c: c.list_buckets())
    meddled = with_header(request, "Authorization", request.header("authorization").replace(*change))
    assert refused(meddled).code == code


def test_the_scope_is_of_the_signature_day() -> None:
    request = sent("s3", lambda c: c.list_buckets())
    day = request.header("x-amz-date")[:8]
    meddled = with_header(
        request, "Authorization", request.header("authorization").replace(f"/{day}/", "/20200101/")
    )
    assert "Date in Credential scope" in refused(meddled).message


def test_a_request_cannot_be_signed_twice() -> None:
    request = sent("s3", lambda c: c.list_buckets())
    assert refused(replace(request, target="/?X-Amz-Signature=1")).code == "InvalidArgument"


def test_a_body_must_be_the_one_its_header_names() -> None:
    refusal = refused(replace(REQUESTS["header"], body=b"other"))
    assert (refusal.code, refusal.status) == ("XAmzContentSHA256Mismatch", 400)
    assert refused(with_header(REQUESTS["header"], "X-Amz-Content-SHA256", None)).code == "InvalidRequest"
    assert (
        refused(with_header(REQUESTS["json"], "X-Amz-Content-SHA256", "UNSIGNED-PAYLOAD")).code
        == "SignatureDoesNotMatch"
    )


@settings(max_examples=500, deadline=None)
@given(
    target=st.text(st.characters(codec="utf-8", exclude_categories=[]), max_size=50),
    authorization=st.one_of(
        st.none(),
        st.text(max_size=80),
        st.from_regex(
            r"AWS4-HMAC-SHA256 Credential=(AKIAUSER000000000000|x)/(20260102|2026)/[a-z-]{0,9}/(s3|sqs|ec2)/aws4_request"
            r"(, SignedHeaders=[a-z;-]{0,20})?(, Signature=.{0,10})?"
        ),
        st.from_regex(r"AWS (AKIAUSER000000000000|x):.{0,9}"),
    ),
    date=st.one_of(st.none(), st.text(max_size=20), st.just("20260102T030405Z"), st.just("99999999T999999Z")),
    query=st.dictionaries(
        st.sampled_from(
            [
                "X-Amz-Algorithm",
                "X-Amz-Credential",
                "X-Amz-Date",
                "X-Amz-Expires",
                "X-Amz-SignedHeaders",
                "X-Amz-Signature",
            ]
            + ["AWSAccessKeyId", "Signature", "Expires"]
        ),
        st.one_of(
            st.text(max_size=10),
            st.sampled_from(["AWS4-HMAC-SHA256", "AKIAUSER000000000000/20260102/eu-west-1/s3/aws4_request"]),
            st.sampled_from(["AKIAUSER000000000000", "20260102T030405Z", "60", "host", "99999999999"]),
        ),
    ),
)
def test_nothing_else_than_a_caller_or_a_refusal_comes_out(
    target: str, authorization: str | None, date: str | None, query: dict[str, str]
) -> None:
    headers = [
        HOST,
        *((name, value) for name, value in (("authorization", authorization), ("x-amz-date", date)) if value),
    ]
    fields = "&".join(f"{name}={value}" for name, value in query.items())
    request = Request("GET", f"/{target}?{fields}", tuple(headers))
    try:
        caller = who(request, dt.datetime(2026, 1, 2, 3, 5, tzinfo=dt.UTC))
    except Refusal:
        return
    assert caller == ANONYMOUS
