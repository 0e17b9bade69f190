"""moto behind boto3, with a look at what was sent and answered."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from cloudkata import sdk
from cloudkata.emulator.backends import Backends
from cloudkata.emulator.naming import name_call
from cloudkata.emulator.refusals import Refusal, render
from cloudkata.emulator.wire import Request, Response

SCOPE = (
    "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20260102/{}/{}/aws4_request, "
    "SignedHeaders=host, Signature=0"
)


class World:
    """One moto; all of them in a process share its state."""

    def __init__(self) -> None:
        self.backends = Backends()
        self.account: str | None = None
        self.change: Callable[[Request], Request] = lambda request: request
        self.answers: list[Response] = []
        self.boto = sdk.session(self.carry, endpoint=None)

    def carry(self, method: str, target: str, headers: list[tuple[str, str]], body: bytes) -> sdk.Carried:
        request = self.change(Request(method, target, tuple(headers), body))
        named = name_call(request)
        try:
            answer = self.backends.call(request, named, self.account)
        except Refusal as refusal:
            answer = render(refusal, named, "id")
        self.answers.append(answer)
        return sdk.Carried(answer.status, answer.reason, list(answer.headers), answer.body)

    def client(self, name: str, region: str = "us-east-1", **config: Any) -> Any:
        return self.boto.client(name, region_name=region, config=Config(**config))

    @contextmanager
    def changing(self, change: Callable[[Request], Request]) -> Iterator[None]:
        self.change = change
        try:
            yield
        finally:
            self.change = lambda request: request

    def ask(self, request: Request) -> Response:
        return self.backends.call(request, name_call(request))


def code_of(call: Callable[[], object]) -> str:
    """The code of the error that a call fails with."""
    with pytest.raises(ClientError) as caught:
        call()
    return str(caught.value.response["Error"]["Code"])
