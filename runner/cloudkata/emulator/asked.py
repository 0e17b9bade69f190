"""A request as moto's routers and parsers read it: fields of query and form, headers by any spelling."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from typing import Any
from urllib.parse import parse_qsl

from werkzeug.datastructures import MultiDict

from cloudkata.emulator.wire import Request

_FORM = "application/x-www-form-urlencoded"


LARGEST = 16 << 20
"""Bytes a compressed body may unfold to; no service takes more in a request that SDKs compress."""


def inflated(request: Request) -> bytes:
    """The body of a request to any service but S3, without the compression that SDKs give large ones.

    It stays as it is where it is not compressed, or unfolds to more than `LARGEST` bytes: nothing can read
    it then.
    """
    if request.header("content-encoding") != "gzip":
        return request.body
    unfolding = zlib.decompressobj(wbits=31)
    try:
        body = unfolding.decompress(request.body, LARGEST)
    except zlib.error:
        return request.body
    return body if unfolding.eof else request.body


class _Headers:
    """Headers as moto's routers and parsers look them up."""

    __slots__ = ("_lowered", "_sent")

    def __init__(self, request: Request) -> None:
        self._lowered = request.lowered
        self._sent = request.headers

    def __contains__(self, name: str) -> bool:
        return name.lower() in self._lowered

    def __getitem__(self, name: str) -> str:
        return self._lowered[name.lower()]

    def get(self, name: str, default: Any = None) -> Any:
        return self._lowered.get(name.lower(), default)

    def keys(self) -> Iterable[str]:
        return [name for name, _ in self._sent]


class Asked:
    """A request as moto's routers and parsers read it."""

    def __init__(self, request: Request, scope: str) -> None:
        self.request = request
        self.scope = scope
        self.method = request.method
        self.raw_path = request.raw_path or "/"
        self.host = request.header("host")
        self.body = request.body if scope.startswith("s3") else inflated(request)
        self.headers = _Headers(request)
        self.target = request.header("x-amz-target")
        pairs = parse_qsl(request.query, keep_blank_values=True) if request.query else []
        self.args: MultiDict[str, str] = MultiDict(pairs)
        pairs += self._pairs_of_form()
        self.form = dict(pairs)
        """All fields of query and form: what the protocols with an Action read."""
        self.repeats_itself = len(self.form) != len(pairs)

    @property
    def path(self) -> str:
        """The path with percent-encoding undone."""
        return self.request.path

    def _pairs_of_form(self) -> list[tuple[str, str]]:
        # SDKs say what the body is; curl users and old clients leave it out.
        content_type = self.request.header("content-type", _FORM)
        if not self.body or self.target or not content_type.startswith(_FORM):
            return []
        try:
            return parse_qsl(self.body.decode("ascii"), keep_blank_values=True)
        except ValueError:
            return []
