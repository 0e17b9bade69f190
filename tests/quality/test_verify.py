"""`kata verify` finds what is wrong with a lab's checker."""

from __future__ import annotations

from pathlib import Path

import pytest
from made_labs import LabMaker

from cloudkata.catalogue.lab import Lab
from cloudkata.quality.verify import Proof, verify

CHECK = '''
    def test_bucket_is_there(aws, inputs):
        """The bucket is there."""
        names = [bucket["Name"] for bucket in aws.client("s3").list_buckets()["Buckets"]]
        assert inputs.BUCKET in names, f"There is no bucket {inputs.BUCKET}."

    def test_bucket_is_versioned(aws, inputs):
        """It keeps versions."""
        status = aws.client("s3").get_bucket_versioning(Bucket=inputs.BUCKET).get("Status")
        assert status == "Enabled", f"Versioning is {status}."
'''
ALWAYS = '\n    def test_always(aws):\n        """X."""\n        assert aws, "never"\n'
MAKE = (
    "import boto3, os\ns3 = boto3.client('s3')\nname = os.environ['BUCKET']\ns3.create_bucket(Bucket=name)\n"
)
SOLUTION = MAKE + "s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={'Status': 'Enabled'})\n"
MISTAKES = {
    "nothing": '"""Fails: test_bucket_is_there\n\nForgot it."""\n',
    "other_name": '"""Fails: test_bucket_is_there\n\nTypo."""\n'
    + MAKE.replace("os.environ['BUCKET']", "'wrong-name'"),
    "not_versioned": '"""Fails: test_bucket_is_versioned\n\nForgot it."""\n' + MAKE,
}


@pytest.fixture
def prove(make_lab: LabMaker):
    def proven(
        check: str = CHECK, solution: str = SOLUTION, mistakes: dict[str, str] | None = None, alternative: str = SOLUTION,
        starter: str = "",
    ) -> Proof:  # fmt: skip
        lab: Lab = make_lab(check=check, more='[inputs]\nBUCKET = "b-{word}-{number}"')
        (lab.folder / "starter.py").write_text(starter)
        folder = lab.folder.parent.parent.with_name("solutions") / lab.id
        for kind in ("mistakes", "alternatives"):
            (folder / kind).mkdir(parents=True)
        (folder / "solution.py").write_text(solution)
        (folder / "alternatives" / "other.py").write_text(alternative)
        for name, source in (MISTAKES if mistakes is None else mistakes).items():
            (folder / "mistakes" / f"{name}.py").write_text(source)
        (proof,) = verify([lab], jobs=2, on_lab=lambda _: None)
        return proof

    return proven


def test_a_sound_lab_is_proven(prove) -> None:
    proof = prove()
    assert proof.complaints == []
    assert proof.trials == 1 + 3 + 2 * 4


@pytest.mark.parametrize(
    ("parts", "complaint"),
    [
        ({"starter": SOLUTION}, "starter.py (seed"),
        ({"solution": MAKE}, "should pass, but fails test_bucket_is_versioned: Versioning is None."),
        ({"alternative": MAKE}, "alternatives/other.py"),
        ({"alternative": SOLUTION.replace("os.environ['BUCKET']", "'b-hill-1234'")}, "should pass, but fails test_bucket_is_there"),
        ({"mistakes": {**MISTAKES, "right": '"""Fails: test_bucket_is_there\n\nNo."""\n' + SOLUTION}}, "passes every check, but it is wrong"),
        ({"mistakes": {**MISTAKES, "nothing": '"""Fails: test_bucket_is_versioned\n\nNo."""\n'}}, "should first fail test_bucket_is_versioned, but fails test_bucket_is_there"),
        ({"mistakes": {}}, "It has 0 mistakes"),
        ({"check": CHECK + ALWAYS}, "test_always is failed by no mistake"),
        ({"mistakes": {**MISTAKES, "undocumented": "pass\n"}}, "undocumented.py"),
        ({"check": CHECK.replace(', f"Versioning is {status}."', "")}, "check.py, line 10: an assertion without a message."),
        ({"check": CHECK + "\n    def test_broken(aws):\n        \"\"\"X.\"\"\"\n        1 / 0\n"}, "ZeroDivisionError"),
    ],
    ids=[
        "starter passes", "solution fails", "alternative fails", "hard-coded name", "mistake passes", "mistake fails another check",
        "no mistakes", "dead check", "mistake without docstring", "assertion without message", "check breaks",
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_lab_is_said(prove, parts: dict[str, str], complaint: str) -> None:
    proof = prove(**parts)
    assert not proof.proven
    assert any(complaint in said for said in proof.complaints), proof.complaints


def test_every_lab_of_ours_has_a_solution() -> None:
    from cloudkata.catalogue.finding import all_labs, find_lab, solution_of

    for entry in all_labs():
        assert entry.error is None, entry.error
        solution = solution_of(find_lab(entry.id))
        assert solution is not None
        assert Path(solution).is_file()
