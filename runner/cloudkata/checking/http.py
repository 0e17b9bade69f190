"""Plain HTTP into the world, as somebody without credentials."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from cloudkata import sdk
from cloudkata.checking.world import World

HOST = urlsplit(sdk.ENDPOINT).netloc


@dataclass(frozen=True)
class Reply:
    """An answer over plain HTTP."""

    status: int
    reason: str
    headers: dict[str, str]
    """By lower-cased name."""
    body: bytes

    @property
    def text(self) -> str:
        """The body as UTF-8."""
        return self.body.decode("utf-8", "replace")


class Http:
    """Requests without credentials, to this world only."""

    def __init__(self, world: World) -> None:
        self._world = world

    def get(self, url: str, headers: dict[str, str] | None = None) -> Reply:
        """GET a URL."""
        return self.request("GET", url, headers=headers)

    def put(self, url: str, body: bytes, headers: dict[str, str] | None = None) -> Reply:
        """PUT a body to a URL."""
        return self.request("PUT", url, body, headers)

    def request(
        self, method: str, url: str, body: bytes = b"", headers: dict[str, str] | None = None
    ) -> Reply:
        """Any request. Fails the check when the URL leads elsewhere than into this world."""
        parts = urlsplit(url)
        what = f"{url[:200]!r} is not a link: it should begin with http:// and lead to the emulated AWS."
        assert parts.scheme in ("http", "https"), what
        assert parts.netloc, what
        assert parts.netloc == HOST, f"The link leads to {parts.netloc!r}, not to the emulated AWS at {HOST}."
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        given = [*(headers or {}).items(), ("host", HOST), ("content-length", str(len(body)))]
        answer = self._world.carry(method, target, given, body, public=True)
        lowered = {name.lower(): value for name, value in answer.headers}
        return Reply(answer.status, answer.reason, lowered, answer.body)
