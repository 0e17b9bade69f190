"""What boto3 would send for a call, caught before it leaves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.config import Config

from cloudkata import sdk
from cloudkata.emulator.wire import Request

ENDPOINT = "http://127.0.0.1:4566"
HOST = ("Host", "127.0.0.1:4566")

Call = Callable[[Any], object]


class Sent(Exception):
    """Carries a request out of boto3."""


def _carry(method: str, target: str, headers: list[tuple[str, str]], body: bytes) -> sdk.Carried:
    raise Sent(Request(method, target, tuple(headers), body))


SESSION = sdk.session(_carry, endpoint=None)
_clients: dict[str, Any] = {}


def client(service: str, endpoint: str | None = ENDPOINT, **options: Any) -> Any:
    """A client in eu-west-1; options that are not credentials are its configuration."""
    name = repr((service, endpoint, options))
    if name not in _clients:
        credentials = {option: options.pop(option) for option in list(options) if option.startswith("aws_")}
        _clients[name] = SESSION.client(
            service, endpoint_url=endpoint, region_name="eu-west-1", config=Config(**options), **credentials
        )
    return _clients[name]


def sent(service: str, call: Call, endpoint: str | None = ENDPOINT, **options: Any) -> Request:
    """The request of a call."""
    with pytest.raises(Sent) as caught:
        call(client(service, endpoint, **options))
    request: Request = caught.value.args[0]
    return request


def fetched(url: str, method: str = "GET", *headers: tuple[str, str], body: bytes = b"") -> Request:
    """The request of somebody who opens a URL."""
    parts = urlsplit(url)
    return Request(method, f"{parts.path}?{parts.query}", (("Host", parts.netloc), *headers), body)
