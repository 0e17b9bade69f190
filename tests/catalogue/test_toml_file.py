"""Keys are found where they stand in the text."""

from __future__ import annotations

import pytest

from cloudkata.catalogue.toml_file import key_lines

TEXT = '''\
# a comment with key = 1
title = "one"
list = [
  "key = 2",
  "[inputs]",
]
long = """
[inputs]
BUCKET = 3
"""
inline = { key = 4 }
dotted.key = 5

  [inputs]   # the real one
BUCKET = "six"
"quoted key" = 7
[deep.down]
key = 8
[[many]]
key = 9
'''


@pytest.mark.parametrize(
    ("key", "line"),
    [
        (("title",), 2),
        (("list",), 3),
        (("long",), 7),
        (("inline", "key"), 11),
        (("dotted", "key"), 12),
        (("inputs",), 14),
        (("inputs", "BUCKET"), 15),
        (("inputs", "quoted key"), 16),
        (("deep", "down"), 17),
        (("deep", "down", "key"), 18),
        (("many",), 19),
    ],
)
def test_a_key_is_found_in_its_own_table(key: tuple[str, ...], line: int) -> None:
    assert key_lines(TEXT)[key] == line


def test_what_only_looks_like_a_key_is_not_found() -> None:
    assert ("key",) not in key_lines(TEXT)
