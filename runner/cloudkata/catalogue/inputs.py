"""The names and numbers a run is given, and everything else that follows from its seed.

Every value has a stream of its own, made from (seed, lab, name): the same in every process, and untouched
by what else a lab draws.
"""

from __future__ import annotations

import datetime
import hashlib
import random
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from cloudkata.catalogue.errors import nearest
from cloudkata.catalogue.template import Source, clash, parse_template

if TYPE_CHECKING:
    from cloudkata.catalogue.lab import Lab

SEEDS = 1 << 32
"""Seeds that cloudkata draws are below this; a person may choose any whole number."""

_FIRST_DAY = datetime.date(2022, 1, 1)
_DAYS = 5 * 365
_TRIES = 100
"""How often a value is drawn again when another input has it; then there are not enough of them."""


class Inputs(Mapping[str, str]):
    """The inputs of one run, by name: `inputs["BUCKET"]` or `inputs.BUCKET`. They cannot be changed."""

    __slots__ = ("_lab_id", "_seed", "_values")

    def __init__(self, values: Mapping[str, str], *, seed: int, lab_id: str) -> None:
        self._lab_id = lab_id
        self._seed = seed
        self._values = dict(values)

    @property
    def seed(self) -> int:
        """The seed that everything here follows from."""
        return self._seed

    @property
    def date(self) -> datetime.date:
        """The one date of the run, which `{year}`, `{month}`, `{day}`, `{quarter}` and `{date}` tell."""
        return _date(self._lab_id, self._seed)

    def random(self, name: str) -> random.Random:
        """A stream of random numbers that depends on the seed, the lab and `name` alone."""
        return _stream(self._lab_id, self._seed, f"random {name}")

    def as_dict(self) -> dict[str, str]:
        """Name and value of each input, in the lab's order, as a new dict."""
        return dict(self._values)

    def __getitem__(self, name: str) -> str:
        try:
            return self._values[name]
        except KeyError:
            raise KeyError(self._unknown(name)) from None

    def __getattr__(self, name: str) -> str:
        # Looking up our own slots here would never end while a copy is being made.
        if name.startswith("_"):
            raise AttributeError(name)
        try:
            return self._values[name]
        except KeyError:
            raise AttributeError(self._unknown(name)) from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"Inputs({self._values!r}, seed={self._seed!r}, lab_id={self._lab_id!r})"

    def _unknown(self, name: str) -> str:
        meant = nearest(str(name), self._values)
        return f"{self._lab_id} has no input {name}; " + (
            f"did you mean {meant}?" if meant else "it has none at all."
        )


def draw_inputs(lab: Lab, seed: int) -> Inputs:
    """The inputs of `lab` for `seed`.

    Two inputs that stand for names never get the same one, and two networks never overlap; an input that is
    to equal an earlier one says so by its name.
    """
    date = _date(lab.id, seed)
    values: dict[str, str] = {}
    for name, text in lab.inputs.items():
        template = parse_template(text, earlier=values)
        source = Source(_stream(lab.id, seed, f"input {name}"), date, values)
        value = template.fill(source)
        for _ in range(_TRIES):
            if not template.told_apart or not any(clash(value, other) for other in values.values()):
                break
            value = template.fill(source)
        values[name] = value
    return Inputs(values, seed=seed, lab_id=lab.id)


def default_seed(lab_id: str) -> int:
    """The seed of a lab when nobody chose one."""
    return _number("default seed", lab_id) % SEEDS


def seed_for(lab_id: str, base_seed: int, world: str) -> int:
    """The seed of a world of a lab: `base_seed` itself for `calm`, another one for each other world."""
    if world == "calm":
        return base_seed
    seed = _number("world", lab_id, str(base_seed), world) % SEEDS
    # A harsher world on the learner's own seed would forgive what is hard-coded.
    return seed if seed != base_seed else (seed + 1) % SEEDS


def _date(lab_id: str, seed: int) -> datetime.date:
    return _FIRST_DAY + datetime.timedelta(days=_stream(lab_id, seed, "date").randrange(_DAYS))


def _stream(lab_id: str, seed: int, name: str) -> random.Random:
    return random.Random(_number("stream", lab_id, str(seed), name))


def _number(*parts: str) -> int:
    text = "\0".join(parts).encode("utf-8", "surrogateescape")
    return int.from_bytes(hashlib.sha256(text).digest(), "big")
