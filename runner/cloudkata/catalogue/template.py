"""The templates of inputs: what stands in braces, how it is checked, and how it is drawn."""

from __future__ import annotations

import datetime
import ipaddress
import random
import re
import uuid
from collections.abc import Callable, Collection, Mapping
from typing import NamedTuple

from cloudkata.catalogue.errors import nearest
from cloudkata.catalogue.words import NAMES, WORDS

_PARTS = re.compile(r"(?P<double>\{\{|\}\})|\{(?P<placeholder>[^{}]*)\}|(?P<single>[{}])")
_INT = re.compile(r"(\d{1,18})-(\d{1,18})")

_REGIONS = (
    "ap-northeast-1",
    "ap-south-1",
    "ap-southeast-1",
    "ap-southeast-2",
    "ca-central-1",
    "eu-central-1",
    "eu-north-1",
    "eu-west-1",
    "eu-west-2",
    "sa-east-1",
    "us-east-1",
    "us-east-2",
    "us-west-2",
)
"""Regions that every account has without opting in."""

_EMULATED_ACCOUNT = "123456789012"
"""The account that programs live in; a drawn one is always somebody else's."""

_PRIVATE = [ipaddress.IPv4Network(block) for block in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")]
_AWS_OWN_USE = ipaddress.IPv4Network("172.17.0.0/16")
"""Some AWS services use this network themselves, so no VPC should."""

_TOLD_APART = frozenset({"word", "number", "digits", "hex", "name", "cidr", "region", "account", "uuid"})
"""What is drawn again when another input already has it: two of these are meant to be two things."""


class TemplateError(ValueError):
    """A template is wrong; the words follow the key's name in a sentence."""


class Source(NamedTuple):
    """What a template is filled from."""

    stream: random.Random
    date: datetime.date
    """The one date of the run."""
    earlier: Mapping[str, str]
    """The inputs drawn so far."""


Draw = Callable[[Source], str]


class Template(NamedTuple):
    """A checked template."""

    draws: list[Draw]
    told_apart: bool
    """Whether its value must differ from every earlier input's; a network must not overlap one either."""

    def fill(self, source: Source) -> str:
        """One value, drawn from `source`; drawn again from the same stream it is the next one."""
        return "".join(draw(source) for draw in self.draws)


def parse_template(text: str, earlier: Collection[str] = (), later: Collection[str] = ()) -> Template:
    """The template `text`, which may refer to the inputs named in `earlier`.

    `later` are inputs that it may not refer to, named for a better message. `{{` and `}}` stand for a brace.
    Raises `TemplateError`.
    """
    if "\0" in text:
        raise TemplateError("holds a NUL character, which no environment variable can hold; remove it")
    draws: list[Draw] = []
    told_apart = False
    end = 0
    for part in _PARTS.finditer(text):
        if part.start() > end:
            draws.append(_literal(text[end : part.start()]))
        end = part.end()
        if part["single"]:
            raise TemplateError(
                f'has a lone "{part[0]}"; close the placeholder, or write "{part[0] * 2}" for a brace'
            )
        if part["double"]:
            draws.append(_literal(part[0][0]))
            continue
        generator, colon, argument = part["placeholder"].partition(":")
        draws.append(_draw(generator, argument if colon else None, earlier, later))
        told_apart = told_apart or generator in _TOLD_APART
    if end < len(text):
        draws.append(_literal(text[end:]))
    return Template(draws, told_apart)


def clash(one: str, other: str) -> bool:
    """Whether two values are the same or, when both are networks, overlap."""
    if one == other:
        return True
    try:
        return ipaddress.IPv4Network(one).overlaps(ipaddress.IPv4Network(other))
    except ValueError:
        return False


def _literal(text: str) -> Draw:
    return lambda _: text


def _draw(generator: str, argument: str | None, earlier: Collection[str], later: Collection[str]) -> Draw:
    if argument is None:
        if generator in earlier:
            return lambda source: source.earlier[generator]
        if generator in _PLAIN:
            return _PLAIN[generator]
        if generator in later:
            raise TemplateError(f"refers to {generator}, which does not stand above it; move one of them")
        if generator in _EXAMPLES:
            raise TemplateError(
                f"has {{{generator}}} without what it needs; write it as in {_EXAMPLES[generator]}"
            )
    elif generator in _WITH_ARGUMENT:
        if draw := _WITH_ARGUMENT[generator](argument):
            return draw
        needs = f"{_NEEDS[generator]}, as in {_EXAMPLES[generator]}"
        raise TemplateError(f"has {{{generator}:{argument}}}, which cannot be drawn; {needs}")
    elif generator in _PLAIN or generator in earlier:
        raise TemplateError(
            f"has {{{generator}:{argument}}}, but {{{generator}}} takes nothing after its name"
        )
    meant = nearest(generator, [*earlier, *_PLAIN, *_WITH_ARGUMENT])
    raise TemplateError(f"has the unknown placeholder {{{generator}}}; the nearest known one is {{{meant}}}")


def _length(argument: str) -> int | None:
    return int(argument) if re.fullmatch(r"[1-9]\d?", argument) and int(argument) <= 64 else None


def _symbols(alphabet: str, length: int) -> Draw:
    return lambda source: "".join(source.stream.choices(alphabet, k=length))


def _digits(argument: str) -> Draw | None:
    length = _length(argument)
    return _symbols("0123456789", length) if length else None


def _hex(argument: str) -> Draw | None:
    length = _length(argument)
    return _symbols("0123456789abcdef", length) if length else None


def _int(argument: str) -> Draw | None:
    found = _INT.fullmatch(argument)
    if not found or int(found[1]) >= int(found[2]):
        return None
    low, high = int(found[1]), int(found[2])
    return lambda source: str(source.stream.randint(low, high))


def _choice(argument: str) -> Draw | None:
    choices = argument.split("|")
    if len(choices) < 2 or not all(choices):
        return None
    return lambda source: source.stream.choice(choices)


def _cidr(argument: str) -> Draw | None:
    if not re.fullmatch(r"1[6-9]|2[0-8]", argument):
        return None
    prefix = int(argument)

    def draw(source: Source) -> str:
        while True:
            block = source.stream.choice(_PRIVATE)
            number = source.stream.randrange(1 << (prefix - block.prefixlen))
            network = ipaddress.IPv4Network((int(block.network_address) + (number << (32 - prefix)), prefix))
            if not network.overlaps(_AWS_OWN_USE):
                return str(network)

    return draw


def _account(source: Source) -> str:
    while (number := str(source.stream.randrange(10**11, 10**12))) == _EMULATED_ACCOUNT:
        pass
    return number


_PLAIN: dict[str, Draw] = {
    "word": lambda source: source.stream.choice(WORDS),
    "number": lambda source: str(source.stream.randint(1000, 9999)),
    "hex": _symbols("0123456789abcdef", 8),
    "name": lambda source: source.stream.choice(NAMES),
    "year": lambda source: f"{source.date.year}",
    "month": lambda source: f"{source.date.month:02}",
    "day": lambda source: f"{source.date.day:02}",
    "quarter": lambda source: str((source.date.month + 2) // 3),
    "date": lambda source: source.date.isoformat(),
    "region": lambda source: source.stream.choice(_REGIONS),
    "account": _account,
    "uuid": lambda source: str(uuid.UUID(int=source.stream.getrandbits(128), version=4)),
}

_WITH_ARGUMENT: dict[str, Callable[[str], Draw | None]] = {
    "digits": _digits,
    "hex": _hex,
    "int": _int,
    "choice": _choice,
    "cidr": _cidr,
}
"""What takes an argument; None for an argument it cannot use."""

_EXAMPLES = {
    "digits": "{digits:6}",
    "hex": "{hex:12}",
    "int": "{int:5-20}",
    "choice": "{choice:red|green|blue}",
    "cidr": "{cidr:16}",
}

_NEEDS = {
    "digits": "name a length from 1 to 64",
    "hex": "name a length from 1 to 64",
    "int": "name a lowest and a higher highest number",
    "choice": "name two or more choices with a bar between them",
    "cidr": "name a prefix length from 16 to 28",
}
