"""A lab as its author wrote it: `lab.toml` and the files beside it, checked before anything runs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

import msgspec

from cloudkata.catalogue.errors import LabError, listed, shown
from cloudkata.catalogue.layout import LAB_FILES, Level
from cloudkata.catalogue.template import TemplateError, parse_template
from cloudkata.catalogue.toml_file import Key, TomlFile

__all__ = ["FORMAT", "Lab", "LabError", "World", "load_lab"]

FORMAT = 1
"""Version of lab.toml; another one is refused."""

World = Literal["calm", "renamed", "throttled", "flaky", "duplicated", "stale", "crashed", "crowded"]

_PATIENCE = re.compile(r"([1-9][0-9]{0,5})([smhd])")
_UNIT_MS = {"s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_SERVICE = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_QUESTION = re.compile(r"[a-z][a-z0-9]*(\.[A-Za-z0-9]+)+")
_CHANGE = re.compile(r"\S.*")
_ANY = re.compile(r".*")
_INPUT = re.compile(r"[A-Z][A-Z0-9_]*")
_TAKEN_PREFIX = re.compile(
    r"AWS_|BOTO_|PYTHON|LD_|DYLD_|LC_|KATA_|CLOUDKATA_|SSL_|(HTTP|HTTPS|ALL|NO)_PROXY$"
)
_RESERVED = (
    "PATH HOME USER LOGNAME SHELL PWD OLDPWD TMP TEMP TMPDIR LANG LANGUAGE TZ TERM COLUMNS LINES IFS ENV "
    "HOSTNAME DISPLAY NO_COLOR FORCE_COLOR REQUESTS_CA_BUNDLE CURL_CA_BUNDLE VIRTUAL_ENV"
)
_TAKEN = frozenset(_RESERVED.split())
"""Environment variables that already mean something to a program or to what runs it."""


class Lab(msgspec.Struct, frozen=True, kw_only=True):
    """One exercise, checked: what `lab.toml` says and where the files are."""

    id: str
    """Service and slug, such as `s3/share-one-report`."""
    folder: Path
    """Absolute path of the folder with lab.toml, task.md, setup.py, check.py and starter.py."""
    format: int
    title: str
    services: list[str]
    """botocore names of the services that the program may reach."""
    level: Level
    minutes: int
    """How long a learner may need, in real minutes."""
    questions: list[str]
    """Ids of the questions it answers, such as `d2.59`."""
    worlds: list[World]
    """The worlds a program must survive, in the order they are entered; the first is `calm`."""
    patience: str
    """World time a program may use, as the author wrote it: `15m`."""
    max_calls: int
    """API calls a program may make in one run."""
    inputs: dict[str, str]
    """Name and template of each input, in the author's order."""
    allowed_changes: list[str]
    """Patterns of what a program may create, alter or delete, such as `s3:bucket/*`."""

    @property
    def patience_ms(self) -> int:
        """World time a program may use, in milliseconds."""
        return _patience_ms(self.patience)


class _Changes(msgspec.Struct, forbid_unknown_fields=True):
    allowed: list[str] = []


class _LabFile(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """What lab.toml may hold."""

    format: int
    title: str
    services: list[str]
    level: Level
    minutes: int
    questions: list[str]
    worlds: list[World]
    patience: str = "15m"
    max_calls: int = 2500
    inputs: dict[str, str] = {}
    changes: _Changes = msgspec.field(default_factory=_Changes)


def load_lab(folder: Path) -> Lab:
    """The lab in `folder`.

    Raises `LabError` with one sentence naming file, line and key when anything in it is wrong.
    """
    folder = folder.resolve()
    for name in LAB_FILES:
        if not (folder / name).is_file():
            raise LabError(f"{shown(folder)} has no {name}; a lab holds {listed(LAB_FILES, 'and')}.")
    toml = TomlFile(folder / "lab.toml", LabError)
    version = toml.data.get("format")
    # Another format may have other keys, so it is refused before they are looked at.
    if type(version) is int and version != FORMAT:
        raise toml.refuse(("format",), f"must be {FORMAT}, which is what this cloudkata reads, not {version}")
    written = toml.convert(_LabFile)
    for key, must, item in _broken_rules(written):
        raise toml.refuse(key, must, item)
    return Lab(
        id=f"{folder.parent.name}/{folder.name}",
        folder=folder,
        format=written.format,
        title=written.title,
        services=written.services,
        level=written.level,
        minutes=written.minutes,
        questions=written.questions,
        worlds=written.worlds,
        patience=written.patience,
        max_calls=written.max_calls,
        inputs=written.inputs,
        allowed_changes=written.changes.allowed,
    )


_Refusal = tuple[Key, str, int | None]
"""A key, what it must be instead, and the item of its list, counted from 0, when it is one item's fault."""


def _broken_rules(written: _LabFile) -> Iterator[_Refusal]:
    """What types alone cannot say about a lab.toml."""
    if not written.title.strip() or not written.title.isprintable():
        yield ("title",), "must be one line of text", None
    for name in ("minutes", "max_calls"):
        if (number := getattr(written, name)) < 1:
            yield (name,), f"must be at least 1, not {number}", None
    if not _patience_ms(written.patience):
        must = f'must be a length of time such as "90s", "15m" or "2h", not "{written.patience}"'
        yield ("patience",), must, None
    if written.worlds[:1] != ["calm"]:
        yield ("worlds",), 'must begin with "calm", the world that a learner sees first', None
    yield from _broken_lists(written)
    for name in written.inputs:
        if wrong := _wrong_name(name):
            yield ("inputs", name), wrong, None
    yield from _broken_templates(written.inputs)


def _broken_lists(written: _LabFile) -> Iterator[_Refusal]:
    lists: list[tuple[Key, Sequence[str], re.Pattern[str], str]] = [
        (("services",), written.services, _SERVICE, 'must be a service as boto3 names it, such as "s3"'),
        (("questions",), written.questions, _QUESTION, 'must be the id of a question, such as "d2.59"'),
        (("worlds",), written.worlds, _ANY, ""),
        (("changes", "allowed"), written.changes.allowed, _CHANGE, 'must be a pattern such as "s3:bucket/*"'),
    ]
    for key, items, pattern, must in lists:
        for number, item in enumerate(items):
            if not pattern.fullmatch(item):
                yield key, f'{must}, not "{item}"', number
            if item in items[:number]:
                yield key, f'repeats "{item}"; name it once', number


def _wrong_name(name: str) -> str | None:
    if not _INPUT.fullmatch(name):
        return "must be named in upper-case letters, digits and underscores, as in REPORT_KEY"
    if name in _TAKEN or _TAKEN_PREFIX.match(name):
        return "has the name of an environment variable that already means something; choose another name"
    return None


def _broken_templates(inputs: dict[str, str]) -> Iterator[_Refusal]:
    names = list(inputs)
    for number, (name, template) in enumerate(inputs.items()):
        try:
            parse_template(template, earlier=names[:number], later=names[number:])
        except TemplateError as wrong:
            yield ("inputs", name), str(wrong), None


def _patience_ms(text: str) -> int:
    """The text in milliseconds; 0 when it is not a length of time."""
    found = _PATIENCE.fullmatch(text)
    return int(found[1]) * _UNIT_MS[found[2]] if found else 0
