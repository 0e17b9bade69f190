"""Marks refuse what cannot be meant."""

from __future__ import annotations

import pytest

from cloudkata.checking import fidelity, hint, points


@pytest.mark.parametrize("number", [0, -1, 1.5, "3"])
def test_points_are_whole_numbers_from_one(number: object) -> None:
    with pytest.raises(ValueError, match="whole number from 1"):
        points(number)  # type: ignore[arg-type]


@pytest.mark.parametrize("texts", [(), ("",), ("a", " "), (1,)])
def test_hints_are_texts(texts: tuple[object, ...]) -> None:
    with pytest.raises(ValueError, match="one or more texts"):
        hint(*texts)  # type: ignore[arg-type]


def test_fidelity_is_one_of_three() -> None:
    with pytest.raises(ValueError, match="'behaviour', 'corrected' or 'state'"):
        fidelity("real")  # type: ignore[arg-type]
