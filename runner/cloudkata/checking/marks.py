"""The marks of a check: what it is worth, what helps, what must have passed before, how real it is."""

from __future__ import annotations

import pytest

from cloudkata.grade import Fidelity

DESCRIPTIONS = (
    "points(number): what the check is worth; 1 without it",
    "hint(*texts): from nudge to near-answer, shown one at a time",
    "needs(*checks): names of checks that must have passed; otherwise this one is blocked",
    "fidelity(kind): how real the ground under the check is: behaviour, corrected or state",
)
"""As pytest wants to hear of marks."""


def points(number: int) -> pytest.MarkDecorator:
    """What the check is worth: a whole number from 1."""
    if not isinstance(number, int) or number < 1:
        raise ValueError(f"points() takes a whole number from 1, not {number!r}.")
    return pytest.mark.points(number)


def hint(*texts: str) -> pytest.MarkDecorator:
    """What helps somebody who is stuck, from a nudge to nearly the answer."""
    if not texts or not all(isinstance(text, str) and text.strip() for text in texts):
        raise ValueError("hint() takes one or more texts.")
    return pytest.mark.hint(*texts)


def needs(*checks: str) -> pytest.MarkDecorator:
    """Names of checks without which this one cannot say anything."""
    return pytest.mark.needs(*checks)


def fidelity(kind: Fidelity) -> pytest.MarkDecorator:
    """How real the emulated ground is: `behaviour` (the default), `corrected`, or `state`."""
    if kind not in ("behaviour", "corrected", "state"):
        raise ValueError(f"fidelity() takes 'behaviour', 'corrected' or 'state', not {kind!r}.")
    return pytest.mark.fidelity(kind)
