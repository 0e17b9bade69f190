from __future__ import annotations

import datetime as dt
import io
import random
import zlib
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.parsers import create_parser
from botocore.serialize import create_serializer

from cloudkata import sdk
from cloudkata.emulator import s3_coverage
from cloudkata.emulator.backends import CANONICAL_HOST, Backends
from cloudkata.emulator.naming import NamedCall, Unnamed, name_call
from cloudkata.emulator.refusals import Refusal, render
from cloudkata.emulator.services import service
from cloudkata.emulator.wire import Request, Response

SCOPE = (
    "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20260102/{}/{}/aws4_request, "
    "SignedHeaders=host, Signature=0"
)


EMPTY_ZIP = b"PK\x05\x06" + bytes(18)


class World:
    """moto behind boto3, with a look at what was sent and answered."""

    def __init__(self) -> None:
        self.backends = Backends()
        self.account: str | None = None
        self.change: Callable[[Request], Request] = lambda request: request
        self.answers: list[Response] = []
        self.boto = sdk.session(self.carry)

    def carry(self, method: str, target: str, headers: list[tuple[str, str]], body: bytes) -> sdk.Carried:
        request = self.change(Request(method, target, tuple(headers), body))
        named = name_call(request)
        try:
            answer = self.backends.call(request, named, self.account)
        except Refusal as refusal:
            answer = render(refusal, named, "id")
        self.answers.append(answer)
        return sdk.Carried(answer.status, answer.reason, list(answer.headers), answer.body)

    def client(self, name: str, region: str = "us-east-1", **config: Any) -> Any:
        return self.boto.client(name, region_name=region, config=Config(**config))

    @contextmanager
    def changing(self, change: Callable[[Request], Request]) -> Iterator[None]:
        self.change = change
        try:
            yield
        finally:
            self.change = lambda request: request

    def ask(self, request: Request) -> Response:
        return self.backends.call(request, name_call(request))


@pytest.fixture(scope="module")
def world() -> World:
    return World()


@pytest.fixture
def bucket(world: World, request: pytest.FixtureRequest) -> str:
    name = f"bucket-{zlib.crc32(request.node.name.encode())}"
    world.client("s3").create_bucket(Bucket=name)
    return name


def code_of(call: Callable[[], object]) -> str:
    with pytest.raises(ClientError) as caught:
        call()
    return str(caught.value.response["Error"]["Code"])


# S3

KEYS = ["plain", "a b/c+d", "ü/😀", "100%/%41", "ends/", "/begins", "a//b", "a?b&c=d#e;f", "it's(a)*!~-_."]


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("style", ["path", "virtual"])
def test_an_object_comes_back_by_its_key(world: World, bucket: str, key: str, style: str) -> None:
    s3 = world.client("s3", s3={"addressing_style": style})
    s3.put_object(Bucket=bucket, Key=key, Body=b"some bytes")
    assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == b"some bytes"
    assert [one["Key"] for one in s3.list_objects_v2(Bucket=bucket)["Contents"]] == [key]
    assert s3.head_object(Bucket=bucket, Key=key)["ContentLength"] == 10
    s3.delete_object(Bucket=bucket, Key=key)
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0


def test_metadata_keeps_the_spelling_of_its_names(world: World, bucket: str) -> None:
    s3 = world.client("s3")
    s3.put_object(Bucket=bucket, Key="k", Body=b"", Metadata={"with_underscore": "1", "with-dash": "2"})
    assert s3.head_object(Bucket=bucket, Key="k")["Metadata"] == {"with_underscore": "1", "with-dash": "2"}


def test_an_underscore_never_stands_for_a_dash(world: World, bucket: str) -> None:
    def add(request: Request) -> Request:
        spoofed = (
            ("x_amz_storage_class", "GLACIER"),
            ("x-amz-meta-a_b", "spoofed"),
            ("x-amz-meta-a-b", "real"),
        )
        return replace(request, headers=request.headers + spoofed)

    s3 = world.client("s3")
    with world.changing(add):
        s3.put_object(Bucket=bucket, Key="k", Body=b"")
    head = s3.head_object(Bucket=bucket, Key="k")
    assert "StorageClass" not in head
    assert head["Metadata"] == {"a-b": "real"}


def test_a_body_that_streams_is_stored_without_its_coding(world: World, bucket: str) -> None:
    class OneWay(io.RawIOBase):
        """A body nobody can rewind, which boto3 sends with its checksum behind it."""

        def __init__(self) -> None:
            self._rest = io.BytesIO(b"hello world")

        def readable(self) -> bool:
            return True

        def read(self, size: int = -1) -> bytes:
            return self._rest.read(size)

    s3 = world.client("s3")
    s3.put_object(Bucket=bucket, Key="k", Body=OneWay(), ContentEncoding="gzip", ContentLength=11)
    got = s3.get_object(Bucket=bucket, Key="k")
    assert (got["Body"].read(), got["ContentEncoding"]) == (b"hello world", "gzip")


def test_chunks_and_their_trailing_checksum_arrive(world: World, bucket: str) -> None:
    checksum = b64encode(zlib.crc32(b"hello world").to_bytes(4, "big")).decode()
    headers = {
        "Authorization": SCOPE.format("us-east-1", "s3"),
        "Content-Encoding": "aws-chunked",
        "x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
        "x-amz-decoded-content-length": "11",
        "x-amz-trailer": "x-amz-checksum-crc32",
        "x-amz-sdk-checksum-algorithm": "CRC32",
    }
    body = f"5\r\nhello\r\n6\r\n world\r\n0\r\nx-amz-checksum-crc32:{checksum}\r\n\r\n".encode()
    answer = world.ask(Request("PUT", f"/{bucket}/k", tuple(headers.items()), body))
    assert dict(answer.headers)["x-amz-checksum-crc32"] == checksum
    got = world.client("s3").get_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert (got["Body"].read(), got["ChecksumCRC32"]) == (b"hello world", checksum)
    assert "ContentEncoding" not in got


def test_an_upload_in_parts_stays_in_memory(
    world: World, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.TemporaryFile", lambda *_: pytest.fail("wrote a file"))
    s3 = world.client("s3")
    upload = s3.create_multipart_upload(Bucket=bucket, Key="big")["UploadId"]
    parts = [b"x" * (5 << 20), b"y"]
    tags = [
        s3.upload_part(Bucket=bucket, Key="big", UploadId=upload, PartNumber=number, Body=part)["ETag"]
        for number, part in enumerate(parts, 1)
    ]
    done = {"Parts": [{"PartNumber": number, "ETag": tag} for number, tag in enumerate(tags, 1)]}
    s3.complete_multipart_upload(Bucket=bucket, Key="big", UploadId=upload, MultipartUpload=done)
    got = s3.get_object(Bucket=bucket, Key="big", Range="bytes=-2")
    assert (got["Body"].read(), got["ResponseMetadata"]["HTTPStatusCode"]) == (b"xy", 206)


@pytest.mark.parametrize(
    "content_type",
    ["application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/json"],
)
def test_an_object_that_looks_like_a_form_is_stored_as_it_is(
    world: World, bucket: str, content_type: str
) -> None:
    s3 = world.client("s3")
    s3.put_object(Bucket=bucket, Key="k", Body=b"key=other&file=x", ContentType=content_type)
    got = s3.get_object(Bucket=bucket, Key="k")
    assert (got["Body"].read(), got["ContentType"]) == (b"key=other&file=x", content_type)


def test_an_upload_form_is_stored(world: World, bucket: str) -> None:
    body = (
        b'--x\r\nContent-Disposition: form-data; name="key"\r\n\r\nin/${filename}\r\n'
        b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\n'
        + b"z" * 600_000
        + b"\r\n--x--\r\n"
    )
    headers = (("Content-Type", "multipart/form-data; boundary=x"),)
    assert world.ask(Request("POST", f"/{bucket}", headers, body)).status == 204
    assert world.client("s3").head_object(Bucket=bucket, Key="in/a.txt")["ContentLength"] == 600_000


@pytest.mark.parametrize("version", ["s3", "s3v4"])
def test_a_presigned_url_works_and_its_fields_are_not_stored(world: World, bucket: str, version: str) -> None:
    s3 = world.client("s3", signature_version=version)
    parameters = {"Bucket": bucket, "Key": "k", "Metadata": {"a": "b"}}
    url = s3.generate_presigned_url("put_object", parameters)
    target = "/" + url.partition("://")[2].partition("/")[2]
    host = url.partition("://")[2].partition("/")[0]
    headers = (("Host", host), ("x-amz-meta-a", "b"), ("x-amz-meta-z", "unsigned"))[
        : 2 if version == "s3v4" else 3
    ]
    assert world.ask(Request("PUT", target, headers, b"up")).status == 200
    got = s3.get_object(Bucket=bucket, Key="k")
    assert got["Body"].read() == b"up"
    assert got["Metadata"].get("a") == "b"


def test_a_header_put_into_a_presigned_url_counts(world: World, bucket: str) -> None:
    target = (
        f"/{bucket}/k?x-amz-storage-class=GLACIER&AWSAccessKeyId=AKIAIOSFODNN7EXAMPLE&Signature=x&Expires=9"
    )
    assert world.ask(Request("PUT", target, (("Host", "127.0.0.1"),), b"")).status == 200
    assert world.client("s3").head_object(Bucket=bucket, Key="k")["StorageClass"] == "GLACIER"


def test_head_tells_the_length_of_what_it_does_not_send(world: World, bucket: str) -> None:
    s3 = world.client("s3")
    s3.put_object(Bucket=bucket, Key="k", Body=b"12345")
    s3.head_object(Bucket=bucket, Key="k")
    answer = world.answers[-1]
    assert ({name.lower(): value for name, value in answer.headers}["content-length"], answer.body) == (
        "5",
        b"",
    )
    assert code_of(lambda: s3.head_object(Bucket=bucket, Key="other")) == "404"


def test_a_request_that_waits_for_leave_to_go_on_is_served(world: World, bucket: str) -> None:
    headers = (("Expect", "100-continue"), ("Authorization", SCOPE.format("us-east-1", "s3")))
    assert world.ask(Request("PUT", f"/{bucket}/k", headers, b"x")).status == 200


def test_no_foreign_origin_is_welcome_everywhere(world: World, bucket: str) -> None:
    def from_a_page(request: Request) -> Request:
        return replace(request, headers=(*request.headers, ("Origin", "https://evil.example")))

    with world.changing(from_a_page):
        world.client("s3").list_objects_v2(Bucket=bucket)
        world.client("sqs").list_queues()
    for answer in world.answers[-2:]:
        assert not [name for name, _ in answer.headers if name.lower().startswith("access-control-")]


S3 = service("s3")
assert S3 is not None
MISSING = [name for name in S3.model.operation_names if s3_coverage.is_missing(name)]


def test_what_moto_would_take_for_something_else_is_known() -> None:
    assert {
        *(
            "GetObjectTorrent",
            "GetObjectRetention",
            "RenameObject",
            "CreateSession",
            "WriteGetObjectResponse",
        ),
        *(
            "GetBucketRequestPayment",
            "PutBucketRequestPayment",
            "UpdateObjectEncryption",
            "ListDirectoryBuckets",
        ),
        *(
            f"{verb}Bucket{kind}Configuration"
            for verb in ("Get", "Put", "Delete")
            for kind in ("Metrics", "Analytics")
        ),
        *("PutBucketIntelligentTieringConfiguration", "DeleteBucketInventoryConfiguration"),
    } <= {*MISSING}
    assert not {"PutBucketAcl", "ListObjectsV2", "DeleteObjects", "GetObjectAttributes", "UploadPart"} & {
        *MISSING
    }


@pytest.mark.parametrize("operation", MISSING)
def test_what_moto_would_take_for_something_else_is_refused_before_it_sees_it(
    world: World, operation: str
) -> None:
    named = NamedCall("s3", operation, "us-east-1", {"Bucket": "b", "Key": "k"}, "rest-xml", "s3")
    with pytest.raises(Refusal) as caught:
        world.backends.call(Request("PUT", "/b/k", ()), named)
    assert (caught.value.code, caught.value.status) == ("NotImplemented", 501)
    assert caught.value.message == f"cloudkata does not emulate s3 {operation}."


def test_a_bucket_is_not_made_by_setting_its_metrics(world: World) -> None:
    s3 = world.client("s3")
    metrics = {"Bucket": "new-bucket", "Id": "m", "MetricsConfiguration": {"Id": "m"}}
    assert code_of(lambda: s3.put_bucket_metrics_configuration(**metrics)) == "NotImplemented"
    assert code_of(lambda: s3.head_bucket(Bucket="new-bucket")) == "404"


def test_a_compressed_call_is_served(world: World) -> None:
    cloudwatch = world.client("cloudwatch")
    data = [{"MetricName": f"metric-{number}", "Value": 1.0} for number in range(500)]
    cloudwatch.put_metric_data(Namespace="compressed", MetricData=data)
    assert len(cloudwatch.list_metrics(Namespace="compressed")["Metrics"]) == 500


# What was named is what is done


def test_a_text_in_a_body_does_not_choose_the_operation(world: World) -> None:
    dynamodb = world.client("dynamodb")
    dynamodb.create_table(
        TableName="items",
        KeySchema=[{"AttributeName": "p", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "p", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    link = "https://example.com/?a=1&Action=DeleteTable&b=2"
    dynamodb.put_item(TableName="items", Item={"p": {"S": link}})
    assert dynamodb.get_item(TableName="items", Key={"p": {"S": link}})["Item"] == {"p": {"S": link}}


@pytest.mark.parametrize(
    ("name", "call", "smuggled"),
    [
        ("dynamodb", lambda c: c.list_tables()["TableNames"], "DeleteTable"),
        ("lambda", lambda c: c.list_functions()["Functions"], "DeleteFunction"),
        ("sns", lambda c: c.list_topics()["Topics"], "DeleteTopic"),
    ],
)
def test_a_query_does_not_choose_another_operation(
    world: World, name: str, call: Callable[[Any], object], smuggled: str
) -> None:
    client = world.client(name)
    plain = call(client)
    with world.changing(
        lambda request: replace(request, target=f"{request.target}?TableName=items&Other={smuggled}")
    ):
        assert call(client) == plain
    if name != "sns":
        with world.changing(lambda request: replace(request, target=f"{request.target}?Action={smuggled}")):
            assert call(client) == plain


def test_a_form_in_another_coat_is_no_form(world: World) -> None:
    smuggled = (
        b'--x\r\nContent-Disposition: form-data; name="Action"\r\n\r\nCreateUser\r\n'
        b'--x\r\nContent-Disposition: form-data; name="UserName"\r\n\r\neve\r\n--x--\r\n'
    )
    for body in (smuggled, b"x&UserName=eve&Action=CreateUser"):
        headers = (
            ("Authorization", SCOPE.format("us-east-1", "iam")),
            ("Content-Type", "multipart/form-data; boundary=x"),
        )
        request = Request("POST", "/?Action=ListUsers&Version=2010-05-08", headers, body)
        assert name_call(request).operation == "ListUsers"
        assert world.ask(request).status == 200
    assert "eve" not in {user["UserName"] for user in world.client("iam").list_users()["Users"]}


def test_a_message_is_sent_to_the_queue_of_the_url(world: World) -> None:
    sqs = world.client("sqs")
    url = sqs.create_queue(QueueName="by-url")["QueueUrl"]
    headers = (
        ("Authorization", SCOPE.format("us-east-1", "sqs")),
        ("Content-Type", "application/x-www-form-urlencoded"),
    )
    body = b"Action=SendMessage&Version=2012-11-05&MessageBody=hello"
    request = Request("POST", "/" + url.split("/", 3)[3], (*headers, ("Host", CANONICAL_HOST)), body)
    assert name_call(request).parameters == {"MessageBody": "hello", "QueueUrl": url}
    assert world.ask(request).status == 200
    assert sqs.receive_message(QueueUrl=url)["Messages"][0]["Body"] == "hello"


def test_emr_keeps_its_regions_apart(world: World) -> None:
    world.client("emr", "eu-west-1").create_security_configuration(Name="c", SecurityConfiguration="{}")
    elsewhere = world.client("emr", "eu-west-2")
    assert code_of(lambda: elsewhere.describe_security_configuration(Name="c")) == "InvalidRequestException"


def test_what_the_path_names_is_what_is_meant(world: World) -> None:
    apis = world.client("apigateway")
    first, second = (apis.create_rest_api(name=name)["id"] for name in ("first", "second"))
    assert apis.get_rest_api(restApiId=second)["name"] == "second"
    apis.delete_rest_api(restApiId=first)
    assert [api["id"] for api in apis.get_rest_apis()["items"]] == [second]
    http_apis = world.client("apigatewayv2")
    api = http_apis.create_api(Name="http", ProtocolType="HTTP")["ApiId"]
    assert http_apis.get_api(ApiId=api)["Name"] == "http"
    role = world.client("iam").create_role(RoleName="r", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    functions = world.client("lambda")
    made = functions.create_function(
        FunctionName="f", Role=role, Runtime="python3.12", Handler="a.b", Code={"ZipFile": EMPTY_ZIP}
    )
    for name in ("f", made["FunctionArn"]):
        assert functions.get_function(FunctionName=name)["Configuration"]["FunctionArn"] == made["FunctionArn"]
    functions.add_permission(FunctionName="f", StatementId="s", Action="lambda:InvokeFunction", Principal="*")
    functions.remove_permission(FunctionName="f", StatementId="s")
    zone = world.client("route53").create_hosted_zone(Name="example.com", CallerReference="1")["HostedZone"]["Id"]
    assert world.client("route53").get_hosted_zone(Id=zone)["HostedZone"]["Name"] == "example.com."
    disks = world.client("efs")
    disk = disks.create_file_system(CreationToken="t")["FileSystemId"]
    assert disks.describe_lifecycle_configuration(FileSystemId=disk)["LifecyclePolicies"] == []
    search = world.client("opensearch")
    search.create_domain(DomainName="docs")
    assert search.describe_domain(DomainName="docs")["DomainStatus"]["DomainName"] == "docs"


def test_a_call_given_partly_in_the_query_is_served_whole(world: World) -> None:
    headers = (
        ("Authorization", SCOPE.format("us-east-1", "iam")),
        ("Content-Type", "application/x-www-form-urlencoded"),
    )
    request = Request("POST", "/?Action=CreateUser&Version=2010-05-08", headers, b"UserName=ana")
    assert world.ask(request).status == 200
    assert world.client("iam").get_user(UserName="ana")["User"]["UserName"] == "ana"


def test_the_region_is_the_one_that_was_signed(world: World) -> None:
    def lie(request: Request) -> Request:
        target = (
            f"{request.target}?x=.eu-west-3.amazonaws.com"
            if request.header("x-amz-target")
            else request.target
        )
        honest = tuple((name, value) for name, value in request.headers if name.lower() != "user-agent")
        return replace(request, target=target, headers=(("User-Agent", "region/eu-west-2"), *honest))

    with world.changing(lie):
        world.client("sqs", "eu-west-1").create_queue(QueueName="here")
        made = world.client("ec2", "eu-west-1").create_internet_gateway()["InternetGateway"]
    assert world.client("sqs", "eu-west-1").get_queue_url(QueueName="here")
    assert made in world.client("ec2", "eu-west-1").describe_internet_gateways()["InternetGateways"]
    assert "QueueUrls" not in world.client("sqs", "eu-west-2").list_queues()


def test_one_account_does_not_see_anothers_resources(world: World) -> None:
    queues = world.client("sqs", "us-west-1")
    world.account = "222222222222"
    try:
        assert "/222222222222/" in queues.create_queue(QueueName="theirs")["QueueUrl"]
    finally:
        world.account = None
    assert "QueueUrls" not in queues.list_queues()

    def pretend(request: Request) -> Request:
        return replace(request, headers=(*request.headers, ("X-Moto-Account-Id", "222222222222")))

    with world.changing(pretend):
        assert "QueueUrls" not in queues.list_queues()


def test_urls_in_answers_have_the_canonical_host(world: World) -> None:
    assert world.client("sqs").create_queue(QueueName="q")["QueueUrl"].startswith(f"http://{CANONICAL_HOST}/")


def test_the_same_seed_gives_the_same_ids(world: World) -> None:
    ec2 = world.client("ec2", "ap-south-1")
    ec2.describe_vpcs()  # the region's default VPC draws ids too

    def ids(seed: int) -> tuple[str, float]:
        world.backends.seed(seed)
        return ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"], random.random()

    first, again, other = ids(1), ids(1), ids(2)
    assert first == again
    assert set(first).isdisjoint(other)


# What moto lacks, and where it fails

LACKING: list[tuple[str, Callable[[Any], object]]] = [
    ("sqs", lambda c: c.start_message_move_task(SourceArn="arn:aws:sqs:us-east-1:123456789012:q")),
    ("iam", lambda c: c.simulate_custom_policy(PolicyInputList=["{}"], ActionNames=["s3:GetObject"])),
    ("ec2", lambda c: c.create_fpga_image(InputStorageLocation={"Bucket": "b", "Key": "k"})),
    ("lambda", lambda c: c.get_account_settings()),
    ("kms", lambda c: c.connect_custom_key_store(CustomKeyStoreId="x")),
    ("accessanalyzer", lambda c: c.list_analyzers()),
    ("s3control", lambda c: c.list_jobs(AccountId="123456789012")),
    ("route53", lambda c: c.list_geo_locations()),
    ("apigateway", lambda c: c.get_sdk_types()),
    ("eventbridgev2", lambda c: c.list_event_buses()),
]


@pytest.mark.parametrize(("name", "call"), LACKING, ids=[name for name, _ in LACKING])
def test_what_moto_lacks_is_told_by_name(world: World, name: str, call: Callable[[Any], object]) -> None:
    with pytest.raises(ClientError) as caught:
        call(world.client(name))
    error = caught.value.response["Error"]
    assert error["Code"] == "NotImplemented"
    assert error["Message"].startswith(f"cloudkata does not emulate {name} {caught.value.operation_name}.")
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 501


def test_a_crash_is_an_error_that_names_it(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(*_: object, **__: object) -> None:
        raise ZeroDivisionError("seven by zero")

    monkeypatch.setattr("moto.sqs.models.SQSBackend.list_queues", crash)
    with pytest.raises(ClientError) as caught:
        world.client("sqs").list_queues()
    error = caught.value.response["Error"]
    assert error["Code"] == "InternalFailure"
    assert error["Message"] == "The emulated sqs ListQueues failed (ZeroDivisionError: seven by zero)."


def test_an_error_that_moto_means_is_passed_on(world: World) -> None:
    assert code_of(lambda: world.client("iam").get_user(UserName="nobody")) == "NoSuchEntity"
    assert (
        code_of(lambda: world.client("dynamodb").describe_table(TableName="none"))
        == "ResourceNotFoundException"
    )
    assert (
        code_of(lambda: world.client("lambda").get_function(FunctionName="none"))
        == "ResourceNotFoundException"
    )


# Smithy RPC v2 CBOR, as newer SDKs speak it with CloudWatch


def in_cbor(world: World, operation: str, **parameters: Any) -> dict[str, Any]:
    model = world.client("cloudwatch").meta.service_model.operation_model(operation)
    made = create_serializer("smithy-rpc-v2-cbor").serialize_to_request(parameters, model)
    headers = {**made["headers"], "Authorization": SCOPE.format("us-east-1", "monitoring")}
    request = Request("POST", made["url_path"], tuple(headers.items()), bytes(made["body"]))
    named = name_call(request)
    assert (named.service, named.operation, named.protocol) == ("cloudwatch", operation, "smithy-rpc-v2-cbor")
    try:
        answer = world.backends.call(request, named)
    except Refusal as refusal:
        answer = render(refusal, named, "id")
    received = {name.lower(): value for name, value in answer.headers}
    assert received["smithy-protocol"] == "rpc-v2-cbor"
    read = {"status_code": answer.status, "headers": received, "body": answer.body}
    parsed: dict[str, Any] = create_parser("smithy-rpc-v2-cbor").parse(read, model.output_shape)
    return parsed


def test_callers_who_speak_cbor_are_served(world: World) -> None:
    at = dt.datetime(2026, 1, 2, 3, 4, tzinfo=dt.UTC)
    datum = {"MetricName": "m", "Value": 1.5, "Timestamp": at}
    in_cbor(world, "PutMetricData", Namespace="app", MetricData=[datum])
    assert in_cbor(world, "ListMetrics", Namespace="app")["Metrics"][0]["MetricName"] == "m"
    statistics = in_cbor(
        world,
        "GetMetricStatistics",
        Namespace="app",
        MetricName="m",
        StartTime=at,
        EndTime=at + dt.timedelta(minutes=5),
        Period=60,
        Statistics=["Sum"],
    )
    (point,) = statistics["Datapoints"]
    assert (point["Sum"], point["Timestamp"]) == (1.5, at)


def test_errors_in_cbor_are_errors(world: World) -> None:
    error = in_cbor(world, "DeleteDashboards", DashboardNames=["none"])["Error"]
    assert error["Code"] == "ResourceNotFound"
    assert in_cbor(world, "DescribeAnomalyDetectors")["Error"]["Code"] == "NotImplemented"


SPELLINGS = [
    *("/moto-api/", "//moto-api/reset", "/%6doto-api/reset", "/moto-api%2Freset", "/moto-api/data.json"),
    *(
        "/latest/meta-data/",
        "/latest/meta-data/iam/security-credentials/",
        "/latest/api/token",
        "/./moto-api/reset",
    ),
]


@pytest.mark.parametrize("target", SPELLINGS)
@pytest.mark.parametrize("method", ["GET", "POST", "PUT"])
@pytest.mark.parametrize("scope", ["", "s3", "sqs", "moto_api", "instance_metadata", "lambda"])
def test_the_control_interface_is_out_of_reach(world: World, target: str, method: str, scope: str) -> None:
    table = "kept"
    with_client = world.client("dynamodb")
    if table not in with_client.list_tables()["TableNames"]:
        with_client.create_table(
            TableName=table,
            KeySchema=[{"AttributeName": "p", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "p", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
    headers = (
        ("Host", "moto_api"),
        *((("Authorization", SCOPE.format("us-east-1", scope)),) if scope else ()),
    )
    with suppress(Unnamed, Refusal):
        answer = world.ask(Request(method, target, headers))
        assert not [word for word in (b"Moto", b"status", b"AccessKeyId") if word in answer.body]
    assert table in with_client.list_tables()["TableNames"]
