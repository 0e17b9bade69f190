from __future__ import annotations

import io
import zlib
from base64 import b64encode
from dataclasses import replace

import pytest
from moto_world import SCOPE, World, code_of

from cloudkata.emulator import s3_coverage
from cloudkata.emulator.naming import NamedCall
from cloudkata.emulator.refusals import Refusal
from cloudkata.emulator.services import service
from cloudkata.emulator.wire import Request


@pytest.fixture(scope="module")
def world() -> World:
    return World()


@pytest.fixture
def bucket(world: World, request: pytest.FixtureRequest) -> str:
    name = f"bucket-{zlib.crc32(request.node.name.encode())}"
    world.client("s3").create_bucket(Bucket=name)
    return name


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
