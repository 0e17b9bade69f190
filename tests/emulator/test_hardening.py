from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import botocore.httpsession
import pytest
import requests
import urllib3
import yaml
from botocore.awsrequest import AWSRequest
from botocore.exceptions import ClientError

from cloudkata import sdk
from cloudkata.emulator.backends import Backends
from cloudkata.emulator.hardening import NothingLeaves, harden
from cloudkata.emulator.naming import name_call
from cloudkata.emulator.refusals import Refusal, render
from cloudkata.emulator.template_loader import LONGEST, TemplateLoader
from cloudkata.emulator.wire import Request

ORIGINALS = {
    **{
        (yaml, name): getattr(yaml, name)
        for name in (
            *("Loader", "FullLoader", "UnsafeLoader", "CLoader", "CFullLoader", "CUnsafeLoader"),
            *("load_all", "unsafe_load", "unsafe_load_all", "full_load", "full_load_all"),
        )
        if hasattr(yaml, name)
    },
    (requests.adapters.HTTPAdapter, "send"): requests.adapters.HTTPAdapter.send,
    (botocore.httpsession.URLLib3Session, "send"): botocore.httpsession.URLLib3Session.send,
    (urllib3.connectionpool.HTTPConnectionPool, "urlopen"): urllib3.connectionpool.HTTPConnectionPool.urlopen,
}


@pytest.fixture(scope="module")
def boto() -> Iterator[Any]:
    """boto3 before a hardened moto; other tests get their process back as it was."""
    harden()
    harden()
    backends = Backends()

    def carry(method: str, target: str, headers: list[tuple[str, str]], body: bytes) -> sdk.Carried:
        request = Request(method, target, tuple(headers), body)
        named = name_call(request)
        try:
            answer = backends.call(request, named)
        except Refusal as refusal:
            answer = render(refusal, named, "id")
        return sdk.Carried(answer.status, answer.reason, list(answer.headers), answer.body)

    yield sdk.session(carry)
    for (owner, name), original in ORIGINALS.items():
        setattr(owner, name, original)


@pytest.fixture
def canary() -> Iterator[tuple[str, list[str]]]:
    """A server that must not be visited."""
    visits: list[str] = []

    class Visited(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            visits.append(self.path)
            self.send_response(200)
            self.end_headers()

        def do_POST(self) -> None:
            self.do_GET()

        def log_message(self, *_: object) -> None: ...

    with http.server.HTTPServer(("127.0.0.1", 0), Visited) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}", visits
        server.shutdown()


# Templates

CALL = "!!python/object/apply:os.system ['touch {mark}']"
EVIL = {
    "a call": f"Description: {CALL}",
    "a call by its whole tag": (
        "Description: !<tag:yaml.org,2002:python/object/apply:os.system> ['touch {mark}']"
    ),
    "a call by a tag prefix": (
        "%TAG !e! tag:yaml.org,2002:python/object/apply:\n---\nDescription: !e!os.system ['touch {mark}']"
    ),
    "a call deep inside": f"Resources: {{{{A: {{{{Type: 'AWS::S3::Bucket', Metadata: [{CALL}]}}}}}}}}",
    "a call in a key": f"? {CALL}\n: 1",
    "an object": "Description: !!python/object/new:os.system ['touch {mark}']",
    "a name": "Description: !!python/name:os.system",
    "a module": "Description: !!python/module:os",
    "a tuple": "Description: !!python/tuple [1, 2]",
    "a set": "Description: !!set {{a, b}}",
    "bytes": "Description: !!binary aGVsbG8=",
    "an unknown function": "Description: !Evaluate '1 + 1'",
    "an alias": "Description: &a text\nResources: *a",
    "a bomb": "a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\nDescription: *c",
    "a merge": "base: &base {{a: 1}}\nResources:\n  <<: *base",
    "a heap of text": "Description: " + "x" * LONGEST,
}


@pytest.mark.parametrize(
    ("operation", "evil"),
    [
        *(("create_stack", evil) for evil in EVIL),
        *(
            (operation, evil)
            for operation in (
                "validate_template",
                "create_change_set",
                "get_template_summary",
                "update_stack",
            )
            for evil in ("a call", "an alias")
        ),
    ],
)
def test_a_template_runs_nothing(boto: Any, tmp_path: Path, operation: str, evil: str) -> None:
    mark = tmp_path / "mark"
    body = EVIL[evil].format(mark=mark) if "{" in EVIL[evil] else EVIL[evil]
    arguments: dict[str, Any] = {"TemplateBody": body}
    if operation not in ("validate_template", "get_template_summary"):
        arguments["StackName"] = "stack"
    if operation == "create_change_set":
        arguments |= {"ChangeSetName": "changes", "ChangeSetType": "CREATE"}
    cloudformation = boto.client("cloudformation")
    if operation == "update_stack":
        arguments["StackName"] = "good-one"
        _good_stack(boto)
    with pytest.raises(ClientError) as caught:
        getattr(cloudformation, operation)(**arguments)
    assert caught.value.response["Error"]["Code"] == "ValidationError"
    # validate_template reads with cfn-lint's own safe loader, and says so in its own words.
    if operation != "validate_template":
        assert caught.value.response["Error"]["Message"].startswith("Template ")
    assert not mark.exists()


def _good_stack(boto: Any) -> None:
    with suppress(boto.client("cloudformation").exceptions.AlreadyExistsException):
        boto.client("cloudformation").create_stack(
            StackName="good-one", TemplateBody="Resources: {T: {Type: 'AWS::SNS::Topic'}}"
        )


GOOD = """
AWSTemplateFormatVersion: 2010-09-09
Description: Every short form
Parameters:
  Stage: {Type: String, Default: test}
Conditions:
  IsTest: !Equals [!Ref Stage, test]
  Both: !And [!Condition IsTest, !Not [!Equals [a, b]]]
  Either: !Or [!Condition IsTest, !Equals [a, b]]
Mappings:
  Names: {test: {bucket: from-the-map}}
Resources:
  Topic: {Type: AWS::SNS::Topic, Properties: {TopicName: !Sub "${Stage}-topic"}}
  Queue:
    Type: AWS::SQS::Queue
    Condition: Both
    Properties:
      QueueName: !Join ["-", [!Select [0, !Split ["/", "one/two"]], !FindInMap [Names, !Ref Stage, bucket]]]
  Role:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument:
        Version: 2012-10-17
        Statement: [{Effect: Allow, Principal: {Service: lambda.amazonaws.com}, Action: sts:AssumeRole}]
Outputs:
  Topic: {Value: !If [IsTest, !Ref Topic, none]}
  QueueArn: {Value: !GetAtt Queue.Arn}
  QueueName: {Value: !GetAtt [Queue, QueueName]}
  Substituted: {Value: !Sub ["${a}-${Stage}", {a: x}]}
"""


def test_a_good_template_makes_its_resources(boto: Any) -> None:
    cloudformation = boto.client("cloudformation")
    cloudformation.create_stack(StackName="good", TemplateBody=GOOD)
    outputs = cloudformation.describe_stacks(StackName="good")["Stacks"][0]["Outputs"]
    values = {output["OutputKey"]: output["OutputValue"] for output in outputs}
    assert values == {
        "Topic": "arn:aws:sns:us-east-1:123456789012:test-topic",
        "QueueArn": "arn:aws:sqs:us-east-1:123456789012:one-from-the-map",
        "QueueName": "one-from-the-map",
        "Substituted": "x-test",
    }


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("!Ref A", {"Ref": "A"}),
        ("!Condition A", {"Condition": "A"}),
        ("!GetAtt A.B.C", {"Fn::GetAtt": ["A", "B.C"]}),
        ("!GetAtt [A, B]", {"Fn::GetAtt": ["A", "B"]}),
        ("!Sub 'x${A}'", {"Fn::Sub": "x${A}"}),
        ("!Base64 {'Fn::Sub': x}", {"Fn::Base64": {"Fn::Sub": "x"}}),
        ("!Cidr [!Ref A, 4, 8]", {"Fn::Cidr": [{"Ref": "A"}, 4, 8]}),
        ("!GetAZs ''", {"Fn::GetAZs": ""}),
        ("!ImportValue x", {"Fn::ImportValue": "x"}),
        ("!Transform {Name: x, Parameters: {}}", {"Fn::Transform": {"Name": "x", "Parameters": {}}}),
        ("!Length [1]", {"Fn::Length": [1]}),
        ("!ToJsonString {a: 1}", {"Fn::ToJsonString": {"a": 1}}),
        ("2012-10-17", "2012-10-17"),
        ("[1, 1.5, true, ~, text]", [1, 1.5, True, None, "text"]),
    ],
)
def test_short_forms_are_read_as_long_ones(text: str, read: object) -> None:
    assert yaml.load(text, Loader=TemplateLoader) == read


def test_a_json_template_is_still_read(boto: Any) -> None:
    template = '{"Resources": {"T": {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": "from-json"}}}}'
    boto.client("cloudformation").create_stack(StackName="json", TemplateBody=template)
    assert "from-json" in str(boto.client("sns").list_topics()["Topics"])


def test_no_unsafe_name_of_pyyaml_is_left(boto: Any) -> None:
    for name in ("Loader", "FullLoader", "UnsafeLoader", "CLoader", "CUnsafeLoader"):
        assert getattr(yaml, name) is TemplateLoader
    assert yaml.unsafe_load is None
    assert yaml.safe_load("a: 1") == {"a": 1}


# Nothing leaves


def test_a_notification_is_not_delivered_to_the_outside(boto: Any, canary: tuple[str, list[str]]) -> None:
    endpoint, visits = canary
    sns = boto.client("sns")
    topic = sns.create_topic(Name="t")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="http", Endpoint=f"{endpoint}/hook")
    with pytest.raises(ClientError) as caught:
        sns.publish(TopicArn=topic, Message="hello")
    assert caught.value.response["Error"]["Code"] == "InternalFailure"
    assert "no outbound requests are made" in caught.value.response["Error"]["Message"]
    assert visits == []


def test_an_api_is_not_integrated_with_the_outside(boto: Any, canary: tuple[str, list[str]]) -> None:
    endpoint, visits = canary
    events = boto.client("events")
    connection = events.create_connection(
        Name="c",
        AuthorizationType="BASIC",
        AuthParameters={"BasicAuthParameters": {"Username": "u", "Password": "p"}},
    )
    destination = events.create_api_destination(
        Name="d",
        ConnectionArn=connection["ConnectionArn"],
        InvocationEndpoint=f"{endpoint}/hook",
        HttpMethod="POST",
    )
    events.put_rule(Name="r", EventPattern='{"source": ["s"]}')
    events.put_targets(Rule="r", Targets=[{"Id": "1", "Arn": destination["ApiDestinationArn"]}])
    events.put_events(Entries=[{"Source": "s", "DetailType": "t", "Detail": "{}"}])
    assert visits == []


@pytest.mark.parametrize(
    "send",
    [
        lambda url: requests.get(url, timeout=1),
        lambda url: requests.Session().post(url, timeout=1),
        lambda url: urllib3.PoolManager().request("GET", url),
        lambda url: botocore.httpsession.URLLib3Session().send(AWSRequest("GET", url).prepare()),
    ],
    ids=["requests", "a session", "urllib3", "botocore"],
)
def test_no_library_sends_a_request(boto: Any, canary: tuple[str, list[str]], send: Any) -> None:
    endpoint, visits = canary
    with pytest.raises(NothingLeaves, match="no outbound requests are made"):
        send(endpoint)
    assert visits == []


def test_no_container_is_started(boto: Any) -> None:
    from moto.utilities.docker_utilities import DockerModel

    with pytest.raises(NothingLeaves, match="no containers are started"):
        _ = DockerModel().docker_client


def test_nothing_is_recorded(boto: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    boto.client("sqs").list_queues()
    assert list(tmp_path.iterdir()) == []
