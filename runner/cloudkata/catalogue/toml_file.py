"""TOML files that people write: read strictly, refused with the line to look at."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar, get_args, get_type_hints

import msgspec

from cloudkata.catalogue.errors import listed, nearest, reason, shown

T = TypeVar("T")
Key = tuple[str, ...]

_POSITION = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)$")
_UNKNOWN = re.compile(r"Object contains unknown field `(.+?)`(?: - at `\$\.(.+)`)?$")
_MISSING = re.compile(r"Object missing required field `(.+?)`(?: - at `\$\.(.+)`)?$")
_CHOICE = re.compile(r"Invalid enum value .* - at `\$\.([^\[]+)(?:\[(\d+)\])?`$", re.DOTALL)
_TYPE = re.compile(r"Expected `(.+?)`, got `.+?` - at `\$\.([^\[]+)(?:\[(\d+|\.\.\.)\])?`$")

_TYPES: dict[str, tuple[type, str]] = {
    "int": (int, "a whole number"),
    "str": (str, "text in quotes"),
    "array": (list, "a list in square brackets"),
    "object": (dict, "a table"),
}

_SYNTAX = {
    "Invalid value": "the value cannot be read; text stands in double quotes",
    "Cannot overwrite a value": "this key stands here for the second time; keep one of the two",
    "Illegal character '\\n'": "a text does not end on its line; close it with a double quote",
}
"""What the commonest complaints of the parser mean."""


class TomlFile:
    """One TOML file, parsed. Raises `error` with one sentence when it cannot be read or is not TOML.

    `advice`, when given, ends every sentence with what the reader can do about the whole file.
    """

    def __init__(self, path: Path, error: type[ValueError], advice: str = "") -> None:
        self.path = path
        self._error = error
        self._advice = f"; {advice}" if advice else ""
        try:
            self.text = path.read_bytes().decode("utf-8-sig").replace("\r\n", "\n")
        except OSError as refused:
            raise self._refusal(f"{shown(path)} cannot be read: {reason(refused)}") from None
        except UnicodeDecodeError as undecodable:
            line = undecodable.object.count(b"\n", 0, undecodable.start) + 1
            raise self._refusal(f"{shown(path)}, line {line}: this is not UTF-8; save it as UTF-8") from None
        try:
            self.data: dict[str, Any] = tomllib.loads(self.text)
        except (ValueError, RecursionError) as broken:
            raise self._syntax(str(broken)) from None

    def line(self, key: Key) -> int | None:
        """The line, from 1, where `key` stands in the text; None when it does not."""
        return key_lines(self.text).get(key)

    def refuse(self, key: Key, must: str, item: int | None = None) -> ValueError:
        """The error that `key`, or its item counted from 0, breaks a rule: `must` follows the key's name."""
        table = f" in [{'.'.join(key[:-1])}]" if key[:-1] else ""
        of_item = f"item {item + 1} of " if item is not None else ""
        return self._refusal(f'{self._place(key)}: {of_item}key "{key[-1]}"{table} {must}')

    def convert(self, kind: type[T]) -> T:
        """The file as a `kind`, a msgspec Struct; types are strict, unknown keys are refused."""
        try:
            return msgspec.convert(self.data, kind)
        except msgspec.ValidationError as broken:
            raise self._mismatch(str(broken), kind) from None

    def _mismatch(self, complaint: str, kind: type[Any]) -> ValueError:
        if found := _UNKNOWN.match(complaint):
            key = _key(found[2], found[1])
            meant = nearest(found[1], _fields(kind, key[:-1]))
            return self.refuse(key, f'is not known; the nearest known key is "{meant}"')
        if found := _MISSING.match(complaint):
            key = _key(found[2], found[1])
            return self.refuse(key, "is missing; add it")
        if found := _CHOICE.match(complaint):
            key, item = _key(found[1]), int(found[2]) if found[2] else None
            choices = listed(f'"{choice}"' for choice in _choices(_hint(kind, key)))
            return self.refuse(key, f"must be {choices}, not {_told(self._value(key, item))}", item)
        if found := _TYPE.match(complaint):
            key, item = _key(found[2]), int(found[3]) if found[3] not in (None, "...") else None
            expected, words = _TYPES.get(found[1], (object, f"of type {found[1]}"))
            if found[3] == "...":
                # msgspec does not say which entry of a free table it means
                key += (next(k for k, v in self._value(key).items() if not isinstance(v, expected)),)
            return self.refuse(key, f"must be {words}, not {_told(self._value(key, item))}", item)
        return self._refusal(f"{shown(self.path)}: {complaint}")

    def _value(self, key: Key, item: int | None = None) -> Any:
        value: Any = self.data
        for part in key:
            value = value[part]
        return value if item is None else value[item]

    def _place(self, key: Key) -> str:
        lines = key_lines(self.text)
        # A missing key has no line; its table's may have one.
        line = lines.get(key) or lines.get(key[:-1])
        return f"{shown(self.path)}, line {line}" if line else shown(self.path)

    def _syntax(self, complaint: str) -> ValueError:
        position = _POSITION.search(complaint)
        line = int(position[1]) if position and position[1] else self.text.rstrip("\n").count("\n") + 1
        what = complaint[: position.start()] if position else complaint
        what = _SYNTAX.get(what, f"this is not TOML: {what[:1].lower()}{what[1:]}")
        return self._refusal(f"{shown(self.path)}, line {line}: {what}")

    def _refusal(self, sentence: str) -> ValueError:
        return self._error(f"{sentence}{self._advice}.")


def key_lines(text: str) -> dict[Key, int]:
    """Where each key and table of valid TOML `text` begins: its path to its line, from 1.

    The text is cut into statements by the parser itself: one is whole as soon as it parses alone.
    """
    lines: dict[Key, int] = {}
    table: Key = ()
    statement, start = "", 1
    for number, line in enumerate(text.split("\n"), 1):
        statement += line + "\n"
        try:
            parsed = tomllib.loads(statement)
        except tomllib.TOMLDecodeError:
            continue
        paths = list(_paths(parsed))
        if statement.lstrip().startswith("["):
            table = max(paths, key=len)
        else:
            paths = [table + path for path in paths]
        for path in paths:
            lines.setdefault(path, start)
        statement, start = "", number + 1
    return lines


def _paths(table: dict[str, Any], above: Key = ()) -> Iterator[Key]:
    for name, value in table.items():
        yield (*above, name)
        if isinstance(value, dict):
            yield from _paths(value, (*above, name))


def _key(*parts: str | None) -> Key:
    return tuple(name for part in parts if part for name in part.split("."))


def _hint(kind: Any, key: Key) -> Any:
    for part in key:
        kind = get_type_hints(kind)[part]
    return kind


def _fields(kind: Any, table: Key) -> list[str]:
    return list(get_type_hints(_hint(kind, table)))


def _choices(hint: Any) -> tuple[str, ...]:
    arguments = get_args(hint)
    return _choices(arguments[0]) if get_args(arguments[0]) else arguments


def _told(value: Any) -> str:
    match value:
        case bool():
            return str(value).lower()
        case str():
            return f'text "{value}"'
        case int() | float():
            return f"the number {value}"
        case list():
            return "a list"
        case dict():
            return "a table"
        case _:
            return "a date or time"
