"""What differs from the start state."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from cloudkata.checking.world import State

LONGEST_VALUE = 120


@dataclass(frozen=True)
class Change:
    """One resource that is not as it was."""

    service: str
    resource: str
    """Such as `bucket reports-7`, `queue orders`, `item shop/customer-1`."""
    kind: str
    """`created`, `altered` or `deleted`."""
    attributes: tuple[str, ...] = ()
    """For an altered one: which attributes."""
    detail: str = ""

    def __str__(self) -> str:
        altered = f": {self.detail}" if self.detail else ""
        return f"{self.service} {self.resource} {self.kind}{altered}"


class Changes:
    """Created, altered, deleted resources since the start state, in order of service and name."""

    def __init__(self, before: State, after: State) -> None:
        self.all = tuple(_compare(before, after))

    def __iter__(self) -> Iterator[Change]:
        return iter(self.all)

    def __len__(self) -> int:
        return len(self.all)

    def besides(self, *allowed: str) -> list[str]:
        """Changes that match none of the patterns, as sentences.

        A pattern is matched against `SERVICE RESOURCE KIND`, for an altered resource also against
        `SERVICE RESOURCE ATTRIBUTE` for every attribute: `s3 object reports-*/tmp/* deleted`.
        """
        return [str(change) for change in self.all if not _allowed(change, allowed)]

    def of(self, pattern: str) -> list[Change]:
        """Changes whose `SERVICE RESOURCE KIND` matches the pattern."""
        return [c for c in self.all if fnmatchcase(f"{c.service} {c.resource} {c.kind}", pattern)]


def _allowed(change: Change, patterns: tuple[str, ...]) -> bool:
    name = f"{change.service} {change.resource}"
    if any(fnmatchcase(f"{name} {change.kind}", pattern) for pattern in patterns):
        return True
    return bool(change.attributes) and all(
        any(fnmatchcase(f"{name} {attribute}", pattern) for pattern in patterns)
        for attribute in change.attributes
    )


def _compare(before: State, after: State) -> Iterator[Change]:
    for service in sorted({*before, *after}):
        old, new = before.get(service, {}), after.get(service, {})
        for resource in sorted({*old, *new}):
            if resource not in old:
                yield Change(service, resource, "created")
            elif resource not in new:
                yield Change(service, resource, "deleted")
            elif old[resource] != new[resource]:
                yield _altered(service, resource, old[resource], new[resource])


def _altered(service: str, resource: str, old: dict[str, Any], new: dict[str, Any]) -> Change:
    names = tuple(name for name in sorted({*old, *new}) if old.get(name) != new.get(name))
    detail = ", ".join(f"{name} was {_short(old.get(name))}, is {_short(new.get(name))}" for name in names)
    return Change(service, resource, "altered", names, detail)


def _short(value: Any) -> str:
    text = repr(value) if value is not None else "not set"
    return text if len(text) <= LONGEST_VALUE else text[: LONGEST_VALUE - 3] + "..."
