"""The boundary between what a program wrote and what a person reads.

Whatever a program prints is data: it must not move the cursor, hide text, or reverse its direction.
"""

from __future__ import annotations

import unicodedata

_KEPT = "\n\t"


def printable(text: str) -> str:
    """`text` with every control, format and lone surrogate character made visible."""
    return "".join(c if c in _KEPT or not _hidden(c) else _visible(c) for c in text)


def _hidden(character: str) -> bool:
    return unicodedata.category(character) in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")


def _visible(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
