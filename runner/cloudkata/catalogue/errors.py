"""How the catalogue refuses: one sentence that says what, where and what to do."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable
from pathlib import Path


class LabError(ValueError):
    """A lab is broken; the sentence names file, line and key for its author."""


def shown(path: Path) -> str:
    """`path` as a message names it: relative to the current folder when it lies inside, else whole."""
    try:
        return str(path.relative_to(Path.cwd()))
    except (ValueError, OSError):
        return str(path)


def reason(error: OSError) -> str:
    """The operating system's words for `error`, to stand inside a sentence."""
    words = error.strerror or str(error)
    return words[:1].lower() + words[1:]


def nearest(name: str, known: Collection[str]) -> str | None:
    """The one of `known` that `name` most resembles, whatever the case; None when there is none."""
    lowered = {choice.lower(): choice for choice in known}
    found = difflib.get_close_matches(name.lower(), lowered, n=1, cutoff=0.0)
    return lowered[found[0]] if found else None


def listed(words: Iterable[str], link: str = "or") -> str:
    """`words` as a sentence has them: `a, b or c`."""
    *others, last = words
    return f"{', '.join(others)} {link} {last}" if others else last
