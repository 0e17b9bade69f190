"""Same seed, same bytes: ids, timestamps and order of a replay are identical."""

from __future__ import annotations

import pytest
from made_labs import SEED, Grader

from cloudkata.world import processes

FIVE_SERVICES = """
    import boto3, uuid, secrets, random, json
    s3, sqs, ddb = (boto3.client(n) for n in ("s3", "sqs", "dynamodb"))
    ec2, iam = boto3.client("ec2"), boto3.client("iam")
    s3.create_bucket(Bucket="bucket-one")
    for name in {"alpha", "beta", "gamma", "delta"}:
        s3.put_object(Bucket="bucket-one", Key=f"{name}/{uuid.uuid4()}", Body=secrets.token_bytes(10))
    url = sqs.create_queue(QueueName="q")["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody=str(random.random()))
    print(sqs.receive_message(QueueUrl=url)["Messages"][0])
    ddb.create_table(TableName="t", KeySchema=[{"AttributeName": "k", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "k", "AttributeType": "S"}], BillingMode="PAY_PER_REQUEST")
    ddb.put_item(TableName="t", Item={"k": {"S": str(uuid.uuid4())}})
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    ec2.run_instances(ImageId="ami-12c6146b", MinCount=1, MaxCount=1)
    iam.create_role(RoleName="r", AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": []}))
    print(vpc, iam.get_role(RoleName="r")["Role"]["RoleId"], iam.create_user(UserName="u")["User"])
"""

TWO_COPIES = """
    import boto3, random, threading, time
    s3 = boto3.client("s3")
    def copy(name):
        draw = random.Random(name)
        for n in range(8):
            sum(range(draw.randrange(20_000)))     # thinks for a while
            s3.create_bucket(Bucket=f"{name}-{n}")
            time.sleep(draw.random())
    threads = [threading.Thread(target=copy, args=(name,)) for name in ("left", "right", "third")]
    for t in threads: t.start()
    for t in threads: t.join()
"""


def test_five_services_leave_the_same_trace_whatever_the_hash_seed(
    graded: Grader, make_lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab = make_lab(services='["s3", "sqs", "dynamodb", "ec2", "iam"]')
    written = set()
    for hash_seed in ("0", "0", "0"):
        monkeypatch.setitem(processes._ENVIRONMENT, "PYTHONHASHSEED", hash_seed)
        made = graded(FIVE_SERVICES, lab=lab)
        assert made.passed, made.runs[0].output.stderr
        written.add(made.to_json())
    assert len(written) == 1


@pytest.mark.parametrize("hash_seeds", [("1", "2", "3")])
def test_the_emulator_does_not_depend_on_the_hash_seed(
    graded: Grader, make_lab, monkeypatch: pytest.MonkeyPatch, hash_seeds: tuple[str, ...]
) -> None:
    lab = make_lab(services='["s3", "sqs", "dynamodb", "ec2", "iam"]')
    program = FIVE_SERVICES.replace('{"alpha", "beta", "gamma", "delta"}', '["alpha", "beta"]')
    written = set()
    for hash_seed in hash_seeds:
        monkeypatch.setitem(processes._ENVIRONMENT, "PYTHONHASHSEED", hash_seed)
        made = graded(program, lab=lab)
        assert made.passed, made.runs[0].output.stderr
        written.add(made.to_json())
    assert len(written) == 1


def test_another_seed_draws_other_ids(graded: Grader, make_lab) -> None:
    lab = make_lab(services='["s3", "sqs", "dynamodb", "ec2", "iam"]')
    outputs = {graded(FIVE_SERVICES, lab=lab, seed=seed).runs[0].output.stdout for seed in (SEED, SEED + 1)}
    assert len(outputs) == 2


def test_threads_that_think_and_sleep_take_turns_in_the_same_order_every_time(
    graded: Grader, make_lab
) -> None:
    lab = make_lab()
    orders = []
    for _ in range(3):
        made = graded(TWO_COPIES, lab=lab)
        assert made.passed, made.runs[0].output.stderr
        orders.append([(call.at_ms, call.parameters["Bucket"]) for call in made.runs[0].timeline])
    assert orders[0] == orders[1] == orders[2]
    other = graded(TWO_COPIES, lab=lab, seed=SEED + 1)
    assert [call.parameters["Bucket"] for call in other.runs[0].timeline] != [
        bucket for _, bucket in orders[0]
    ]


def test_a_second_start_draws_new_randomness(graded: Grader) -> None:
    made = graded(
        "import uuid; print(uuid.uuid4())",
        check='''
        def test_it(program):
            """Its ids differ from start to start."""
            assert program.stdout != program.run().stdout, "A restarted program draws its old id again."
        ''',
    )
    assert made.passed
