from __future__ import annotations

import gzip
import json
from contextlib import suppress
from typing import Any

import pytest
from boto3_requests import ENDPOINT, Call, client, sent
from botocore import UNSIGNED
from hypothesis import given, settings
from hypothesis import strategies as st

from cloudkata.emulator.naming import NamedCall, Unnamed, name_call
from cloudkata.emulator.wire import Request

SCOPE = (
    "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20260102/eu-west-1/{}/aws4_request, "
    "SignedHeaders=host, Signature=0"
)


def ask(method: str, target: str, scope: str = "", body: bytes = b"", **headers: str) -> Request:
    """A request nobody's SDK would send."""
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    if scope:
        fields["authorization"] = SCOPE.format(scope)
    return Request(method, target, (("Host", "127.0.0.1:4566"), *fields.items()), body)


def brief(call: NamedCall) -> tuple[str, str, dict[str, Any]]:
    return call.service, call.operation, call.parameters


# S3

KEYS = [
    "plain",
    "a/b/c",
    "ends/in/",
    "/begins",
    "a//b",
    "a b+c",
    "100%",
    "%2F",
    "ünï/😀",
    "a?b=c&d",
    "a;b#c",
    "~-_.",
]


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize(
    ("endpoint", "style"),
    [
        (ENDPOINT, "path"),
        ("http://localhost:4566", "virtual"),
        (None, "path"),
        (None, "virtual"),
    ],
)
def test_an_object_is_named_however_its_bucket_is_addressed(
    key: str, endpoint: str | None, style: str
) -> None:
    request = sent(
        "s3",
        lambda s3: s3.get_object(Bucket="my.bucket", Key=key, Range="bytes=0-1"),
        endpoint,
        s3={"addressing_style": style},
    )
    call = name_call(request)
    assert brief(call) == (
        "s3",
        "GetObject",
        {"Bucket": "my.bucket", "Key": key, "Range": "bytes=0-1", "ChecksumMode": "ENABLED"},
    )
    assert (call.region, call.protocol, call.signing_name) == ("eu-west-1", "rest-xml", "s3")


@pytest.mark.parametrize(
    ("method", "target", "operation"),
    [
        ("GET", "/", "ListBuckets"),
        ("GET", "/bucket", "ListObjects"),
        ("GET", "/bucket/", "ListObjects"),
        ("GET", "/bucket?list-type=2&prefix=a", "ListObjectsV2"),
        ("GET", "/bucket?versions", "ListObjectVersions"),
        ("GET", "/bucket?uploads=", "ListMultipartUploads"),
        ("GET", "/bucket?acl", "GetBucketAcl"),
        ("GET", "/bucket?policyStatus", "GetBucketPolicyStatus"),
        ("GET", "/bucket?lifecycle", "GetBucketLifecycleConfiguration"),
        ("GET", "/bucket?inventory", "ListBucketInventoryConfigurations"),
        ("GET", "/bucket?inventory&id=1", "GetBucketInventoryConfiguration"),
        ("HEAD", "/bucket", "HeadBucket"),
        ("PUT", "/bucket", "CreateBucket"),
        ("PUT", "/bucket?metrics&id=1", "PutBucketMetricsConfiguration"),
        ("PUT", "/bucket?requestPayment", "PutBucketRequestPayment"),
        ("DELETE", "/bucket", "DeleteBucket"),
        ("DELETE", "/bucket?publicAccessBlock", "DeletePublicAccessBlock"),
        ("POST", "/bucket?delete", "DeleteObjects"),
        ("OPTIONS", "/bucket/key", "ObjectCORSPreflightCheck"),
        ("HEAD", "/bucket/key", "HeadObject"),
        ("GET", "/bucket/key?acl", "GetObjectAcl"),
        ("GET", "/bucket/key?uploadId=1", "ListParts"),
        ("GET", "/bucket/key?torrent", "GetObjectTorrent"),
        ("GET", "/bucket/key?x-id=GetObject", "GetObject"),
        ("POST", "/bucket/key?uploads", "CreateMultipartUpload"),
        ("PUT", "/bucket/key?partNumber=1&uploadId=1", "UploadPart"),
        ("DELETE", "/bucket/key?uploadId=1", "AbortMultipartUpload"),
        ("POST", "/bucket/key?restore", "RestoreObject"),
        ("POST", "/bucket/key?select&select-type=2", "SelectObjectContent"),
    ],
)
def test_sub_resources_make_the_operation(method: str, target: str, operation: str) -> None:
    body = {"DeleteObjects": b"<Delete><Object><Key>a</Key></Object></Delete>"}.get(operation, b"")
    assert name_call(ask(method, target, "s3", body)).operation == operation


def test_a_copy_is_told_from_an_upload_by_its_source() -> None:
    assert name_call(ask("PUT", "/b/k", "s3")).operation == "PutObject"
    assert name_call(ask("PUT", "/b/k", "s3", x_amz_copy_source="a/b")).operation == "CopyObject"
    part = ask("PUT", "/b/k?partNumber=1&uploadId=1", "s3", x_amz_copy_source="a/b")
    assert name_call(part).operation == "UploadPartCopy"


def test_an_upload_form_is_named_with_its_key_and_file() -> None:
    body = (
        b'--x\r\nContent-Disposition: form-data; name="key"\r\n\r\nin/${filename}\r\n'
        b'--x\r\nContent-Disposition: form-data; name="acl"\r\n\r\npublic-read\r\n'
        b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\nhello\r\n--x--\r\n'
    )
    request = ask("POST", "/bucket", body=body, content_type="multipart/form-data; boundary=x")
    expected = {"Bucket": "bucket", "Key": "in/a.txt", "Body": b"hello", "Fields": {"acl": "public-read"}}
    assert brief(name_call(request)) == ("s3", "PostObject", expected)


def test_an_aws_chunked_body_is_named_without_its_coding() -> None:
    request = ask(
        "PUT",
        "/b/k",
        "s3",
        b"5\r\nhello\r\n6\r\n world\r\n0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n",
        content_encoding="gzip,aws-chunked",
        x_amz_content_sha256="STREAMING-UNSIGNED-PAYLOAD-TRAILER",
    )
    call = name_call(request)
    assert (call.parameters["Body"], call.parameters["ContentEncoding"]) == (b"hello world", "gzip")


@pytest.mark.parametrize("version", ["s3", "s3v4"])
def test_a_presigned_url_is_named_like_the_call_it_stands_for(version: str) -> None:
    s3 = client("s3", signature_version=version)
    url = s3.generate_presigned_url(
        "get_object", {"Bucket": "bucket", "Key": "a b", "ResponseContentType": "x/y"}
    )
    call = name_call(ask("GET", url.removeprefix(ENDPOINT)))
    assert brief(call) == (
        "s3",
        "GetObject",
        {"Bucket": "bucket", "Key": "a b", "ResponseContentType": "x/y"},
    )


@pytest.mark.parametrize(
    ("method", "target", "code"),
    [
        ("GET", "//bucket/key", "InvalidBucketName"),
        ("GET", "/buc%2Fket/key", "InvalidBucketName"),
        ("GET", "/bücket/key", "InvalidBucketName"),
        ("GET", "/bucket?acl&policy", "InvalidArgument"),
        ("GET", "/bucket/key?acl&uploadId=1", "InvalidArgument"),
        ("GET", "/bucket/key?attributes", "InvalidArgument"),
        ("PUT", "/", "MethodNotAllowed"),
        ("POST", "/bucket", "PreconditionFailed"),
        ("PATCH", "/bucket/key", "MethodNotAllowed"),
    ],
)
def test_what_s3_could_read_in_two_ways_has_no_name(method: str, target: str, code: str) -> None:
    with pytest.raises(Unnamed) as caught:
        name_call(ask(method, target, "s3"))
    assert (caught.value.code, caught.value.service, caught.value.protocol) == (code, "s3", "rest-xml")


def test_a_website_is_no_api() -> None:
    request = Request("GET", "/", (("Host", "shop.s3-website-us-east-1.amazonaws.com"),))
    with pytest.raises(Unnamed, match="website"):
        name_call(request)


# Other services

CALLS: list[tuple[str, Call, str, str, str]] = [
    ("cloudwatch", lambda c: c.list_metrics(), "ListMetrics", "json", "monitoring"),
    ("ses", lambda c: c.list_identities(), "ListIdentities", "query", "ses"),
    ("sesv2", lambda c: c.list_contact_lists(), "ListContactLists", "rest-json", "ses"),
    ("elb", lambda c: c.describe_load_balancers(), "DescribeLoadBalancers", "query", "elasticloadbalancing"),
    (
        "elbv2",
        lambda c: c.describe_load_balancers(),
        "DescribeLoadBalancers",
        "query",
        "elasticloadbalancing",
    ),
    ("dynamodbstreams", lambda c: c.list_streams(), "ListStreams", "json", "dynamodb"),
    ("stepfunctions", lambda c: c.list_activities(), "ListActivities", "json", "states"),
    ("resourcegroupstaggingapi", lambda c: c.get_tag_keys(), "GetTagKeys", "json", "tagging"),
    ("apigatewayv2", lambda c: c.get_apis(), "GetApis", "rest-json", "apigateway"),
    ("opensearch", lambda c: c.list_domain_names(), "ListDomainNames", "rest-json", "es"),
    ("efs", lambda c: c.describe_file_systems(), "DescribeFileSystems", "rest-json", "elasticfilesystem"),
    ("iot-data", lambda c: c.publish(topic="a/b"), "Publish", "rest-json", "iotdata"),
    (
        "apigatewaymanagementapi",
        lambda c: c.get_connection(ConnectionId="x"),
        "GetConnection",
        "rest-json",
        "execute-api",
    ),
    ("bedrock-runtime", lambda c: c.list_async_invokes(), "ListAsyncInvokes", "rest-json", "bedrock"),
    ("ec2", lambda c: c.describe_vpcs(), "DescribeVpcs", "ec2", "ec2"),
    ("route53", lambda c: c.list_hosted_zones(), "ListHostedZones", "rest-xml", "route53"),
    ("eventbridgev2", lambda c: c.list_event_buses(), "ListEventBuses", "smithy-rpc-v2-cbor", "events"),
]


@pytest.mark.parametrize(("service", "call", "operation", "protocol", "signed_as"), CALLS)
def test_a_signing_name_several_services_share_leads_to_the_right_one(
    service: str, call: Call, operation: str, protocol: str, signed_as: str
) -> None:
    named = name_call(sent(service, call))
    assert (named.service, named.operation, named.protocol) == (service, operation, protocol)
    assert named.signing_name == signed_as


UNSIGNED_CALLS: list[tuple[str, Call, str]] = [
    ("s3", lambda c: c.list_objects_v2(Bucket="bucket"), "ListObjectsV2"),
    ("cognito-idp", lambda c: c.sign_up(ClientId="x", Username="x", Password="xxxxxx"), "SignUp"),
    ("dynamodb", lambda c: c.list_tables(), "ListTables"),
    (
        "sts",
        lambda c: c.assume_role_with_web_identity(
            RoleArn="arn:aws:iam::123456789012:role/r", RoleSessionName="ss", WebIdentityToken="tttt"
        ),
        "AssumeRoleWithWebIdentity",
    ),
]


@pytest.mark.parametrize(("service", "call", "operation"), UNSIGNED_CALLS)
def test_unsigned_calls_are_named_by_what_they_show(service: str, call: Call, operation: str) -> None:
    named = name_call(sent(service, call, signature_version=UNSIGNED))
    assert (named.service, named.operation, named.region) == (service, operation, "us-east-1")


def test_unsigned_calls_of_other_services_are_named_by_their_host() -> None:
    request = Request("GET", "/2015-03-31/functions", (("Host", "lambda.eu-central-1.amazonaws.com"),))
    named = name_call(request)
    assert (named.service, named.operation, named.region) == ("lambda", "ListFunctions", "eu-central-1")


def test_sqs_still_speaks_its_old_protocol() -> None:
    body = b"Action=SendMessage&Version=2012-11-05&QueueUrl=http%3A%2F%2Fq&MessageBody=hi"
    request = ask("POST", "/", "sqs", body, content_type="application/x-www-form-urlencoded")
    assert brief(name_call(request)) == ("sqs", "SendMessage", {"QueueUrl": "http://q", "MessageBody": "hi"})
    assert name_call(request).protocol == "query"


def test_a_compressed_body_is_named_unfolded() -> None:
    data = [{"MetricName": f"metric-{number}", "Value": 1.0} for number in range(500)]
    request = sent("cloudwatch", lambda c: c.put_metric_data(Namespace="app", MetricData=data))
    assert request.header("content-encoding") == "gzip"
    assert name_call(request).parameters == {"Namespace": "app", "MetricData": data}


def test_a_compressed_object_is_named_as_it_is_stored() -> None:
    body = gzip.compress(b"hello")
    request = ask("PUT", "/b/k", body=body, content_encoding="gzip")
    assert name_call(request).parameters == {
        "Bucket": "b",
        "Key": "k",
        "Body": body,
        "ContentEncoding": "gzip",
    }


def test_query_calls_may_come_as_urls() -> None:
    request = ask("GET", "/?Action=GetUser&Version=2010-05-08&UserName=a%20b", "iam")
    assert brief(name_call(request)) == ("iam", "GetUser", {"UserName": "a b"})


@pytest.mark.parametrize(
    ("request_", "code", "service", "protocol"),
    [
        (ask("POST", "/", "nonsense"), "UnknownOperationException", "", "rest-xml"),
        (ask("POST", "/", "../../etc"), "MethodNotAllowed", "s3", "rest-xml"),
        (
            ask("POST", "/", "sqs", b"{}", x_amz_target="AmazonSQS.Nope"),
            "UnknownOperationException",
            "sqs",
            "json",
        ),
        (ask("POST", "/", "sqs", b"{}"), "UnknownOperationException", "sqs", "json"),
        (ask("POST", "/", "iam", b"Action=Nope&Version=2010-05-08"), "InvalidAction", "iam", "query"),
        (ask("POST", "/", "iam", b"Action=ListUsers&Version=1999-01-01"), "InvalidAction", "iam", "query"),
        (ask("POST", "/", "ec2", b"Version=2016-11-15"), "MissingAction", "ec2", "ec2"),
        (ask("GET", "/nowhere", "lambda"), "UnknownOperationException", "lambda", "rest-json"),
        (
            ask("POST", "/?Action=ListUsers", "iam", b"Action=DeleteUser&Version=2010-05-08"),
            "MalformedQueryString",
            "iam",
            "query",
        ),
        (
            ask("POST", "/", "dynamodb", b"no json", x_amz_target="DynamoDB_20120810.PutItem"),
            "SerializationException",
            "dynamodb",
            "json",
        ),
        (
            ask("POST", "/", "dynamodb", b"[" * 100_000, x_amz_target="DynamoDB_20120810.PutItem"),
            "SerializationException",
            "dynamodb",
            "json",
        ),
        (ask("PUT", "/bucket?acl", "s3", b"<no xml"), "MalformedXML", "s3", "rest-xml"),
        (
            ask("PUT", "/b/k", "s3", b"5\r\nhel", content_encoding="aws-chunked"),
            "IncompleteBody",
            "s3",
            "rest-xml",
        ),
        (
            ask(
                "POST",
                "/",
                "monitoring",
                gzip.compress(b" " * (17 << 20)),
                content_encoding="gzip",
                x_amz_target="GraniteServiceVersion20100801.PutMetricData",
            ),
            "SerializationException",
            "cloudwatch",
            "json",
        ),
    ],
)
def test_what_is_no_call_is_told_with_aws_code(
    request_: Request, code: str, service: str, protocol: str
) -> None:
    with pytest.raises(Unnamed) as caught:
        name_call(request_)
    assert (caught.value.code, caught.value.service, caught.value.protocol) == (code, service, protocol)


def test_a_json_call_is_what_its_target_says_whatever_its_body_and_query_say() -> None:
    body = json.dumps({"TableName": "x&Action=DeleteTable&y"}).encode()
    request = ask(
        "POST",
        "/?Action=DeleteTable",
        "dynamodb",
        body,
        x_amz_target="DynamoDB_20120810.DescribeTable",
        content_type="application/x-www-form-urlencoded",
    )
    assert name_call(request).operation == "DescribeTable"


@settings(max_examples=300, deadline=None)
@given(
    method=st.sampled_from(["GET", "PUT", "POST", "DELETE", "HEAD", "OPTIONS", "PATCH", "FOO", ""]),
    target=st.text(st.characters(codec="latin-1"), max_size=60).map(lambda text: f"/{text}"),
    scope=st.sampled_from(["", "s3", "sqs", "iam", "ec2", "lambda", "dynamodb", "monitoring", "x y", "é"]),
    headers=st.dictionaries(
        st.sampled_from(
            [
                "x-amz-target",
                "content-type",
                "smithy-protocol",
                "host",
                "authorization",
                "content-encoding",
                "x-amz-content-sha256",
            ]
        ),
        st.one_of(
            st.text(st.characters(codec="latin-1"), max_size=30),
            st.sampled_from(
                ["AmazonSQS.SendMessage", "rpc-v2-cbor", "aws-chunked", "AWS4-HMAC-SHA256 Credential=a/b/c"]
            ),
        ),
    ),
    body=st.one_of(
        st.binary(max_size=60),
        st.sampled_from([b"Action=RunInstances&Version=2016-11-15", b"{}", b"[]", b"<a/>"]),
    ),
)
def test_nothing_else_than_a_name_or_unnamed_comes_out(
    method: str, target: str, scope: str, headers: dict[str, str], body: bytes
) -> None:
    signed = {"authorization": SCOPE.format(scope)} if scope else {}
    request = Request(method, target, tuple({**signed, **headers}.items()), body)
    with suppress(Unnamed):
        assert name_call(request).operation
