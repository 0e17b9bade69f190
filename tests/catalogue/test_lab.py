"""lab.toml is read strictly, and every refusal tells its author where to look and what to do."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from cloudkata.catalogue.lab import LabError, load_lab

WriteLab = Callable[..., Path]


def test_a_lab_is_what_its_folder_says(write_lab: WriteLab, lab_toml: str) -> None:
    folder = write_lab(toml=lab_toml + '[changes]\nallowed = ["s3:bucket/*"]\n')
    lab = load_lab(folder)
    assert lab.id == "s3/share-one-report"
    assert lab.folder == folder
    assert lab.title == "Share one report"
    assert (lab.services, lab.level, lab.minutes, lab.questions) == (["s3"], "core", 15, ["d2.59"])
    assert lab.worlds == ["calm", "renamed"]
    assert list(lab.inputs) == ["BUCKET", "REPORT_KEY"]
    assert lab.allowed_changes == ["s3:bucket/*"]


def test_what_an_author_leaves_out_has_a_default(write_lab: WriteLab) -> None:
    toml = 'format=1\ntitle="x"\nservices=[]\nlevel="core"\nminutes=1\nquestions=[]\nworlds=["calm"]\n'
    lab = load_lab(write_lab(toml=toml))
    assert (lab.patience_ms, lab.max_calls, lab.inputs, lab.allowed_changes) == (900_000, 2500, {}, [])


@pytest.mark.parametrize(
    ("text", "ms"),
    [("90s", 90_000), ("15m", 900_000), ("2h", 7_200_000), ("40d", 3_456_000_000)],
)
def test_patience_is_told_in_milliseconds(write_lab: WriteLab, lab_toml: str, text: str, ms: int) -> None:
    assert load_lab(write_lab(toml=f'patience = "{text}"\n{lab_toml}')).patience_ms == ms


def test_a_lab_cannot_be_changed(write_lab: WriteLab) -> None:
    lab = load_lab(write_lab())
    with pytest.raises(AttributeError):
        lab.title = "Another"  # type: ignore[misc]


def test_a_file_saved_on_windows_is_read(write_lab: WriteLab, lab_toml: str) -> None:
    folder = write_lab()
    (folder / "lab.toml").write_bytes(b"\xef\xbb\xbf" + lab_toml.replace("\n", "\r\n").encode())
    assert load_lab(folder).title == "Share one report"


REFUSALS = [
    # what stands in lab.toml, what replaces it, and what follows the file's name
    ("minutes = 15", 'minutes = "15"', ', line 5: key "minutes" must be a whole number, not text "15".'),
    ("minutes = 15", "minutes = 1.5", ', line 5: key "minutes" must be a whole number, not the number 1.5.'),
    ("minutes = 15", "minutes = true", ', line 5: key "minutes" must be a whole number, not true.'),
    (
        "minutes = 15",
        "minutes = 2024-02-29",
        ', line 5: key "minutes" must be a whole number, not a date or time.',
    ),
    ("minutes = 15", "minutes = 0", ', line 5: key "minutes" must be at least 1, not 0.'),
    (
        "minutes = 15",
        "minuts = 15",
        ', line 5: key "minuts" is not known; the nearest known key is "minutes".',
    ),
    ("minutes = 15\n", "", ': key "minutes" is missing; add it.'),
    (
        "format = 1",
        "format = 2",
        ', line 1: key "format" must be 1, which is what this cloudkata reads, not 2.',
    ),
    ('"Share one report"', '" "', ', line 2: key "title" must be one line of text.'),
    ('["s3"]', '"s3"', ', line 3: key "services" must be a list in square brackets, not text "s3".'),
    ('["s3"]', '["s3", 3]', ', line 3: item 2 of key "services" must be text in quotes, not the number 3.'),
    (
        '["s3"]',
        '["S3"]',
        ', line 3: item 1 of key "services" must be a service as boto3 names it, such as "s3", not "S3".',
    ),
    ('["s3"]', '["s3", "s3"]', ', line 3: item 2 of key "services" repeats "s3"; name it once.'),
    ('"core"', '"hard"', ', line 4: key "level" must be "warm-up", "core" or "challenge", not text "hard".'),
    (
        '["d2.59"]',
        '["59"]',
        ', line 6: item 1 of key "questions" must be the id of a question, such as "d2.59", not "59".',
    ),
    (
        '"renamed"]',
        '"renmed"]',
        ', line 7: item 2 of key "worlds" must be "calm", "renamed", "throttled", "flaky", '
        '"duplicated", "stale", "crashed" or "crowded", not text "renmed".',
    ),
    (
        '["calm", "renamed"]',
        '["renamed", "calm"]',
        ', line 7: key "worlds" must begin with "calm", the world that a learner sees first.',
    ),
    (
        '["calm", "renamed"]',
        "[]",
        ', line 7: key "worlds" must begin with "calm", the world that a learner sees first.',
    ),
    (
        "format = 1",
        'format = 1\npatience = "soon"',
        ', line 2: key "patience" must be a length of time such as "90s", "15m" or "2h", not "soon".',
    ),
    ("format = 1", "format = 1\nmax_calls = -1", ', line 2: key "max_calls" must be at least 1, not -1.'),
    (
        "[inputs]",
        "[changes]\nalowed = []\n[inputs]",
        ', line 10: key "alowed" in [changes] is not known; the nearest known key is "allowed".',
    ),
    ("BUCKET", "bucket", ', line 10: key "bucket" in [inputs] must be named in upper-case letters, digits'),
    ("BUCKET", "PATH", ', line 10: key "PATH" in [inputs] has the name of an environment variable'),
    ("BUCKET", "HOME", ', line 10: key "HOME" in [inputs] has the name of an environment variable'),
    ("BUCKET", "AWS_REGION", ', line 10: key "AWS_REGION" in [inputs] has the name of an environment'),
    ("BUCKET", "PYTHONPATH", ', line 10: key "PYTHONPATH" in [inputs] has the name of an environment'),
    ("BUCKET", "LD_PRELOAD", ', line 10: key "LD_PRELOAD" in [inputs] has the name of an environment'),
    ("BUCKET", "HTTPS_PROXY", ', line 10: key "HTTPS_PROXY" in [inputs] has the name of an environment'),
    (
        '"reports-{word}-{number}"',
        "5",
        ', line 10: key "BUCKET" in [inputs] must be text in quotes, not the number 5.',
    ),
    (
        "{word}",
        "{wrod}",
        ', line 10: key "BUCKET" in [inputs] has the unknown placeholder {wrod}; the nearest known '
        "one is {word}.",
    ),
    (
        "{word}",
        "{REPORT_KEY}",
        ', line 10: key "BUCKET" in [inputs] refers to REPORT_KEY, which does not stand above it; '
        "move one of them.",
    ),
    (
        "minutes = 15",
        "minutes = fifteen",
        ", line 5: the value cannot be read; text stands in double quotes.",
    ),
    ('"core"', '"core', ", line 4: a text does not end on its line; close it with a double quote."),
    ("minutes = 15", "level = 1", ", line 5: this key stands here for the second time; keep one of the two."),
    (
        "minutes = 15",
        "minutes 15",
        ", line 5: this is not TOML: expected '=' after a key in a key/value pair.",
    ),
    ('"{year}/q{quarter}.csv"', '"""', ", line 11: this is not TOML: unterminated string."),
]


@pytest.mark.usefixtures("beside_labs")
@pytest.mark.parametrize(("old", "new", "rest"), REFUSALS, ids=[case[1].strip() for case in REFUSALS])
def test_a_wrong_lab_toml_is_refused_in_one_sentence(
    write_lab: WriteLab, lab_toml: str, old: str, new: str, rest: str
) -> None:
    assert old in lab_toml
    folder = write_lab(toml=lab_toml.replace(old, new, 1))
    with pytest.raises(LabError) as refused:
        load_lab(folder)
    sentence = str(refused.value)
    assert sentence.startswith(f"labs/s3/share-one-report/lab.toml{rest}")
    assert sentence.endswith(".")
    assert "\n" not in sentence


@pytest.mark.usefixtures("beside_labs")
@pytest.mark.parametrize("name", ["lab.toml", "task.md", "setup.py", "check.py", "starter.py"])
def test_a_missing_file_is_named(write_lab: WriteLab, name: str) -> None:
    folder = write_lab(files={name: None})
    with pytest.raises(LabError) as refused:
        load_lab(folder)
    assert str(refused.value) == (
        f"labs/s3/share-one-report has no {name}; "
        "a lab holds lab.toml, task.md, setup.py, check.py and starter.py."
    )


def test_text_that_is_not_utf8_is_refused_with_its_line(write_lab: WriteLab) -> None:
    folder = write_lab()
    (folder / "lab.toml").write_bytes(b"format = 1\ntitle = 'caf\xe9'\n")
    with pytest.raises(LabError, match=r"lab\.toml, line 2: this is not UTF-8; save it as UTF-8\.$"):
        load_lab(folder)


def test_outside_the_current_folder_the_whole_path_is_shown(write_lab: WriteLab) -> None:
    folder = write_lab(files={"check.py": None})
    with pytest.raises(LabError, match=re.escape(f"{folder} has no check.py")):
        load_lab(folder)


def test_a_lab_goes_through_json_whole(write_lab: WriteLab) -> None:
    lab = load_lab(write_lab())
    text = msgspec.json.encode(lab, enc_hook=str)
    assert msgspec.json.decode(text, type=type(lab), dec_hook=lambda kind, value: kind(value)) == lab
