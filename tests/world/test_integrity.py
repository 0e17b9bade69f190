"""The three processes do not trust each other, and real AWS is out of reach whatever a program does."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from made_labs import Grader, LabMaker, only_check

from cloudkata.world.assignment import Limits

SEES = '''
    def test_it(aws):
        """It made the bucket."""
        names = [bucket["Name"] for bucket in aws.client("s3").list_buckets()["Buckets"]]
        assert names == ["wanted"], f"The buckets are {names}."
'''
PRINTS = '''
    def test_it(program):
        """It says where it got."""
        assert program.stdout == "refused\\n", f"{program.stdout} {program.stderr}"
'''


def test_who_brings_the_emulated_aws_to_its_knees_has_failed_and_is_told_the_call(graded: Grader) -> None:
    made = graded(
        """
        import boto3, json
        boto3.client("s3").create_bucket(Bucket="wanted")
        events = boto3.client("events")
        pattern = {"source": [{"wildcard": "*a" * 40 + "*b"}]}
        events.put_rule(Name="r", EventPattern=json.dumps(pattern))
        events.put_targets(Rule="r", Targets=[{"Id": "1", "Arn": "arn:aws:sqs:us-east-1:123456789012:q"}])
        events.put_events(Entries=[{"Source": "a" * 60, "DetailType": "x", "Detail": "{}"}])
        """,
        check=SEES,
        services='["s3", "events"]',
        limits=Limits(silence=2),
    )
    check = only_check(made)
    assert check.status == "failed"
    assert "The emulated AWS did not come back in the call 'events PutEvents'" in (check.message or "")


def test_a_template_that_runs_code_is_refused_and_runs_nothing(graded: Grader) -> None:
    made = graded(
        """
        import boto3
        evil = 'Description: !!python/object/apply:os._exit [3]'
        try:
            boto3.client("cloudformation").create_stack(StackName="s", TemplateBody=evil)
        except boto3.client("cloudformation").exceptions.ClientError as error:
            assert error.response["Error"]["Code"] == "ValidationError", error
            print("refused")
        """,
        check=PRINTS,
        services='["cloudformation"]',
    )
    assert made.passed, only_check(made).message


@pytest.mark.parametrize(
    "attempt",
    [
        "boto3.client('s3', endpoint_url='https://s3.amazonaws.com').list_buckets()",
        "boto3.client('s3', config=Config(ignore_configured_endpoint_urls=True)).list_buckets()",
        "boto3.Session(profile_name='default').client('s3').list_buckets()",
        "boto3.client('s3', endpoint_url='http://169.254.169.254').list_buckets()",
        "os.environ.pop('AWS_ENDPOINT_URL'); boto3.client('sts').get_caller_identity()",
        "boto3.client('s3', config=Config(proxies={'http': 'http://192.0.2.1:3128'})).list_buckets()",
        "open(os.path.expanduser('~/.aws/credentials')).read()",
        "open('/root/.aws/credentials').read()",
        "urllib.request.urlopen('http://169.254.169.254/latest/meta-data/', timeout=3)",
        "socket.create_connection(('192.0.2.1', 443), timeout=3)",
    ],
)
def test_real_aws_and_real_credentials_are_out_of_reach(graded: Grader, attempt: str) -> None:
    program = (
        "import os, socket, urllib.request, boto3\nfrom botocore.config import Config\n"
        "from botocore.exceptions import BotoCoreError, ClientError\n"
        f"try:\n    {attempt}\nexcept (BotoCoreError, OSError) as error:\n    print('refused')\n"
    )
    assert graded(program, check=PRINTS).passed


def test_what_the_lab_does_not_offer_is_denied_as_by_a_service_control_policy(graded: Grader) -> None:
    made = graded(
        """
        import boto3
        try:
            boto3.client("kms").create_key()
        except boto3.client("kms").exceptions.ClientError as error:
            assert error.response["Error"]["Code"] == "AccessDeniedException", error
            assert "explicit deny in a service control policy" in str(error), error
            print("refused")
        print(boto3.client("sts").get_caller_identity()["Account"])
        """,
        check=PRINTS.replace("refused\\n", "refused\\n123456789012\\n"),
        services='["s3"]',
    )
    assert made.passed, only_check(made).message


def test_the_control_paths_of_moto_are_not_there(graded: Grader) -> None:
    made = graded(
        """
        import boto3, urllib.error, urllib.request
        boto3.client("s3").create_bucket(Bucket="wanted")
        for path in ("/moto-api/reset", "//moto-api/reset", "/%6doto-api/reset", "/latest/meta-data/"):
            try:
                urllib.request.urlopen(urllib.request.Request("http://127.0.0.1:4566" + path, method="POST"))
            except urllib.error.HTTPError:
                pass
        """,
        check=SEES,
    )
    assert made.passed, only_check(made).message


def test_a_program_sees_neither_labs_nor_solutions_nor_processes(graded: Grader) -> None:
    here = Path(__file__).resolve().parents[2]
    made = graded(
        f"""
        import os
        seen = [p for p in ({str(here / "labs")!r}, {str(here / "solutions")!r}, {str(here / "tests")!r}) if os.path.exists(p)]
        processes = [name for name in os.listdir("/proc") if name.isdigit()]
        assert not seen, seen
        assert len(processes) <= 2, processes
        print("refused")
        """,
        check=PRINTS,
    )
    assert made.passed, only_check(made).message


def test_checks_see_what_they_need_and_no_more(graded: Grader) -> None:
    made = graded(
        "",
        check='''
        import os, socket
        import pytest

        def test_it(program):
            """A checker reaches nothing but its world."""
            import sys
            assert "moto" not in sys.modules, "The checker holds moto."
            for attempt in (lambda: socket.create_connection(("127.0.0.1", 9), 1), os.fork, lambda: open("/tmp/x", "w")):
                with pytest.raises(OSError):
                    attempt()
        ''',
    )
    assert made.passed, only_check(made).message


def test_nothing_is_alive_when_the_supervisor_is_killed(make_lab: LabMaker, tmp_path: Path) -> None:
    lab = make_lab(setup="def setup(aws, inputs, clock):\n    pass\n")
    program = tmp_path / "program.py"
    program.write_text(
        "import subprocess, sys, threading, boto3\n"
        "subprocess.Popen([sys.executable, '-c', 'import signal, threading; signal.signal(15, signal.SIG_IGN);"
        " threading.Event().wait()'], start_new_session=True)\n"
        "print('up', flush=True)\nthreading.Event().wait()\n"
    )
    kata = Path(sys.executable).with_name("kata")
    command = subprocess.Popen(
        [kata, "check", lab.folder, program], stdout=subprocess.DEVNULL, start_new_session=True
    )
    family = _family_when_up(command.pid)
    assert len(family) >= 6, "emulator, checker and program with their outer processes"
    command.send_signal(signal.SIGKILL)
    command.wait()
    deadline = time.monotonic() + 10
    while alive := [pid for pid in family if _alive(pid)]:
        assert time.monotonic() < deadline, f"{alive} outlived the supervisor."


def _family_when_up(pid: int) -> list[int]:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        family = [pid]
        for member in family:
            try:
                for task in Path(f"/proc/{member}/task").iterdir():
                    family += [int(child) for child in (task / "children").read_text().split()]
            except OSError:
                continue
        # The program's daemon is the last one to come.
        if sum("signal.SIG_IGN" in _command(member) for member in family):
            return family[1:]
    raise AssertionError("The program never started.")


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return ""


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return "State:\tZ" not in (
        Path(f"/proc/{pid}/status").read_text() if Path(f"/proc/{pid}").exists() else "State:\tZ"
    )
