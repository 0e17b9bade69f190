"""HTTP as the front handles it: a whole request, a whole response."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import unquote_to_bytes


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request, read whole."""

    method: str
    target: str
    """The request target as it was sent: raw path, and query after a `?`."""
    headers: tuple[tuple[str, str], ...]
    """Names as sent; values with surrounding white space removed."""
    body: bytes = b""
    lowered: dict[str, str] = field(init=False, compare=False, repr=False)
    """Headers by lower-cased name; repeated ones joined by commas."""

    def __post_init__(self) -> None:
        lowered: dict[str, str] = {}
        for name, value in self.headers:
            key = name.lower()
            lowered[key] = f"{lowered[key]},{value}" if key in lowered else value
        object.__setattr__(self, "lowered", lowered)

    @property
    def raw_path(self) -> str:
        """The path as sent, percent-encoding and all."""
        return self.target.partition("?")[0]

    @property
    def path(self) -> str:
        """The path with percent-encoding undone, as UTF-8."""
        return unquote_to_bytes(self.raw_path).decode("utf-8", "replace")

    @property
    def query(self) -> str:
        """The raw query string, without the `?`."""
        return self.target.partition("?")[2]

    def header(self, name: str, default: str = "") -> str:
        """A header's value by its lower-cased name."""
        return self.lowered.get(name, default)


@dataclass(frozen=True, slots=True)
class Response:
    """One HTTP response, held whole."""

    status: int
    reason: str
    headers: tuple[tuple[str, str], ...]
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Empty:
    """A long poll found nothing: its answer for now, and when there may be something."""

    response: Response
    wait_ms: int
    """How long the caller asked to wait."""
    retry_at_ms: int | None
    """When a hidden message becomes visible, milliseconds since 1970; None when none will."""
