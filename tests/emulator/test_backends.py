from __future__ import annotations

import datetime as dt
import random
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError
from botocore.parsers import create_parser
from botocore.serialize import create_serializer
from moto_world import SCOPE, World, code_of

from cloudkata.emulator.backends import CANONICAL_HOST
from cloudkata.emulator.naming import Unnamed, name_call
from cloudkata.emulator.refusals import Refusal, render
from cloudkata.emulator.wire import Request

EMPTY_ZIP = b"PK\x05\x06" + bytes(18)


@pytest.fixture(scope="module")
def world() -> World:
    return World()


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
        assert (
            functions.get_function(FunctionName=name)["Configuration"]["FunctionArn"] == made["FunctionArn"]
        )
    functions.add_permission(FunctionName="f", StatementId="s", Action="lambda:InvokeFunction", Principal="*")
    functions.remove_permission(FunctionName="f", StatementId="s")
    zone = world.client("route53").create_hosted_zone(Name="example.com", CallerReference="1")["HostedZone"][
        "Id"
    ]
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


def test_a_name_that_moto_has_no_pattern_for_is_looked_up(world: World) -> None:
    functions = world.client("lambda")
    assert (
        code_of(lambda: functions.get_function(FunctionName="no such thing")) == "ResourceNotFoundException"
    )


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


def test_a_compressed_call_is_served(world: World) -> None:
    cloudwatch = world.client("cloudwatch")
    data = [{"MetricName": f"metric-{number}", "Value": 1.0} for number in range(500)]
    cloudwatch.put_metric_data(Namespace="compressed", MetricData=data)
    assert len(cloudwatch.list_metrics(Namespace="compressed")["Metrics"]) == 500
