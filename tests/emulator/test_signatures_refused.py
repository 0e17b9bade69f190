"""Requests that are not the ones that were signed, and requests that nobody's SDK would sign, are refused."""

from __future__ import annotations

import datetime as dt
import hashlib
from dataclasses import replace

import pytest
from boto3_requests import ENDPOINT, HOST, fetched
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given, settings
from hypothesis import strategies as st
from signing import KEYS, USER, USER_KEY, client, refused, sent, who

from cloudkata.emulator.refusals import Refusal
from cloudkata.emulator.signatures import ANONYMOUS
from cloudkata.emulator.wire import Request


def with_header(request: Request, name: str, value: str | None) -> Request:
    """With one header changed, added or (None) left out."""
    headers = [(one, value if one.lower() == name.lower() else text) for one, text in request.headers]
    if name.lower() not in request.lowered:
        headers.append((name, value))
    return replace(request, headers=tuple((one, text) for one, text in headers if text is not None))


def chunked(trailer: bool) -> Request:
    """An upload in signed chunks, as other SDKs send it.

    https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html
    """
    kind = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD" + ("-TRAILER" if trailer else "")
    signer = S3SigV4Auth(Credentials(USER_KEY, KEYS[USER_KEY].secret), "s3", "eu-west-1")
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


REQUESTS = {
    "header": sent(
        "s3",
        lambda c: c.put_object(Bucket="bucket", Key="a b/ü+%/~", Body=b"hello", Metadata={"some": "thing"}),
    ),
    "list": sent("s3", lambda c: c.list_objects_v2(Bucket="bucket", Prefix="a b/+ü", Delimiter="/")),
    "json": sent("sqs", lambda c: c.send_message(QueueUrl="http://q", MessageBody="ü")),
    "form": sent("iam", lambda c: c.create_user(UserName="a+b=c", Path="/x/")),
    "rest": sent(
        "lambda", lambda c: c.get_function(FunctionName="arn:aws:lambda:eu-west-1:123456789012:function:f")
    ),
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


def test_the_region_is_one() -> None:
    request = sent("s3", lambda c: c.list_buckets())
    elsewhere = with_header(
        request, "Authorization", request.header("authorization").replace("eu-west-1", "mars-north-1")
    )
    assert refused(elsewhere).message == "Credential should be scoped to a valid region, not 'mars-north-1'."


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
            r"AWS4-HMAC-SHA256 Credential=(AKIAUSER000000000000|x)/(20260102|2026)"
            r"/[a-z-]{0,9}/(s3|sqs)/aws4_request"
            r"(, SignedHeaders=[a-z;-]{0,20})?(, Signature=.{0,10})?"
        ),
        st.from_regex(r"AWS (AKIAUSER000000000000|x):.{0,9}"),
    ),
    date=st.one_of(st.none(), st.text(max_size=20), st.just("20260102T030405Z"), st.just("99999999T999999Z")),
    query=st.dictionaries(
        st.sampled_from(
            [
                *("X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires"),
                *("X-Amz-SignedHeaders", "X-Amz-Signature", "AWSAccessKeyId", "Signature", "Expires"),
            ]
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
