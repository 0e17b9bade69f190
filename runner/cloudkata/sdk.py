"""boto3 sessions whose calls are carried by a function instead of a network.

`setup.py` and the checks write ordinary boto3; what carries their requests is the emulator itself, or
the link to it.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import boto3
import botocore.config
import botocore.session
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.compat import HTTPHeaders

REGION = "us-east-1"
"""Where a lab's world lies, unless it says otherwise."""

ENDPOINT = "http://127.0.0.1:4566"
"""The one address of the emulated AWS, in every process of every run."""

ADMINISTRATOR_KEY = "AKIACLOUDKATA0000000"
ADMINISTRATOR_SECRET = "administrator"


@dataclass(frozen=True, slots=True)
class Carried:
    """The answer to a carried request."""

    status: int
    reason: str
    headers: list[tuple[str, str]]
    body: bytes


Carry = Callable[[str, str, list[tuple[str, str]], bytes], Carried]
"""Takes method, target (path and query), headers and body."""


class _WorldSession(boto3.Session):  # type: ignore[misc]
    """A session whose clients and resources know one endpoint, whatever the environment says."""

    endpoint: str | None = None

    def client(self, service_name: str, **options: Any) -> Any:
        """A client of the world's service."""
        return super().client(service_name, **{"endpoint_url": self.endpoint, **options})

    def resource(self, service_name: str, **options: Any) -> Any:
        """A resource of the world's service."""
        return super().resource(service_name, **{"endpoint_url": self.endpoint, **options})


def session(carry: Carry, endpoint: str | None = ENDPOINT) -> boto3.Session:
    """A boto3 session as the world's administrator.

    Without an endpoint its requests are written as for AWS's own hosts, and carried all the same.
    """
    made = _WorldSession(
        aws_access_key_id=ADMINISTRATOR_KEY, aws_secret_access_key=ADMINISTRATOR_SECRET, region_name=REGION
    )
    made.endpoint = endpoint
    inner: botocore.session.Session = made._session
    # A refusal is an answer to look at, not something to try again.
    inner.set_default_client_config(botocore.config.Config(retries={"total_max_attempts": 1}))

    def send(request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        url = urlsplit(request.url)
        target = url.path + (f"?{url.query}" if url.query else "")
        headers = [(name, _text(value)) for name, value in request.headers.items()]
        headers.append(("host", url.netloc))
        answer = carry(request.method, target or "/", headers, _bytes(request.body))
        received = HTTPHeaders()
        for name, value in answer.headers:
            received[name] = value
        return AWSResponse(request.url, answer.status, received, _Body(answer.body))

    made.events.register_first("before-send", send)
    return made


class _Body(io.BytesIO):
    """A body as urllib3 hands it to botocore."""

    def stream(self, **_: Any) -> Iterator[bytes]:
        """The rest of the body, in one piece."""
        if rest := self.read():
            yield rest


def _text(value: str | bytes) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value


def _bytes(body: Any) -> bytes:
    if body is None:
        return b""
    if isinstance(body, str):
        return body.encode()
    if hasattr(body, "read"):
        read: bytes = body.read()
        return read
    return bytes(body)
