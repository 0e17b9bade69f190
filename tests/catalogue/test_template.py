"""What stands in braces in an input is checked when the lab is read."""

from __future__ import annotations

import datetime
import random
import re

import pytest

from cloudkata.catalogue.template import Source, TemplateError, clash, parse_template


def filled(text: str, seed: int = 1, **earlier: str) -> str:
    source = Source(random.Random(seed), datetime.date(2024, 2, 29), earlier)
    return parse_template(text, earlier=earlier).fill(source)


@pytest.mark.parametrize(
    ("text", "pattern"),
    [
        ("plain", r"plain"),
        ("", r""),
        ("{word}", r"[a-z]{3,8}"),
        ("{name}", r"[a-z]{3,8}"),
        ("{number}", r"[1-9]\d{3}"),
        ("{digits:6}", r"\d{6}"),
        ("{hex}", r"[0-9a-f]{8}"),
        ("{hex:12}", r"[0-9a-f]{12}"),
        ("{int:7-8}", r"7|8"),
        ("{choice:red|dark blue}", r"red|dark blue"),
        ("{date} {year}-{month}-{day} q{quarter}", r"2024-02-29 2024-02-29 q1"),
        ("{region}", r"[a-z]{2}-[a-z]+-\d"),
        ("{account}", r"[1-9]\d{11}"),
        ("{uuid}", r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"),
        ("{BUCKET}-logs", r"reports-logs"),
        ("{{word}} {{{BUCKET}}}", r"\{word\} \{reports\}"),
    ],
)
def test_a_placeholder_is_filled(text: str, pattern: str) -> None:
    for seed in range(50):
        assert re.fullmatch(pattern, filled(text, seed, BUCKET="reports"))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("{wrod}", "has the unknown placeholder {wrod}; the nearest known one is {word}"),
        ("{WORD}", "has the unknown placeholder {WORD}; the nearest known one is {word}"),
        ("{BUKET}", "has the unknown placeholder {BUKET}; the nearest known one is {BUCKET}"),
        ("{QUEUE}", "refers to QUEUE, which does not stand above it; move one of them"),
        ("{digits}", "has {digits} without what it needs; write it as in {digits:6}"),
        (
            "{digits:0}",
            "has {digits:0}, which cannot be drawn; name a length from 1 to 64, as in {digits:6}",
        ),
        ("{hex:65}", "has {hex:65}, which cannot be drawn; name a length from 1 to 64, as in {hex:12}"),
        (
            "{int:9-2}",
            "has {int:9-2}, which cannot be drawn; "
            "name a lowest and a higher highest number, as in {int:5-20}",
        ),
        (
            "{choice:one}",
            "has {choice:one}, which cannot be drawn; "
            "name two or more choices with a bar between them, as in {choice:red|green|blue}",
        ),
        ("{cidr}", "has {cidr} without what it needs; write it as in {cidr:16}"),
        (
            "{cidr:8}",
            "has {cidr:8}, which cannot be drawn; name a prefix length from 16 to 28, as in {cidr:16}",
        ),
        ("{word:3}", "has {word:3}, but {word} takes nothing after its name"),
        ("{BUCKET:3}", "has {BUCKET:3}, but {BUCKET} takes nothing after its name"),
        ("a{word", 'has a lone "{"; close the placeholder, or write "{{" for a brace'),
        ("word}", 'has a lone "}"; close the placeholder, or write "}}" for a brace'),
        ("\0", "holds a NUL character, which no environment variable can hold; remove it"),
    ],
)
def test_a_wrong_template_is_refused(text: str, sentence: str) -> None:
    with pytest.raises(TemplateError) as refused:
        parse_template(text, earlier=["BUCKET"], later=["QUEUE"])
    assert str(refused.value) == sentence


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("amber", "amber", True),
        ("amber", "birch", False),
        ("10.1.0.0/16", "10.1.7.0/24", True),
        ("10.1.0.0/16", "10.2.0.0/16", False),
        ("10.1.0.0/16", "amber", False),
    ],
)
def test_equal_values_and_overlapping_networks_clash(one: str, other: str, expected: bool) -> None:
    assert clash(one, other) is expected
