"""Who signed a request, asked with the keys of a small world."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from boto3_requests import ENDPOINT, Call
from boto3_requests import client as any_client
from boto3_requests import sent as sent_by_any

from cloudkata.emulator.naming import Unnamed, name_call
from cloudkata.emulator.refusals import Refusal
from cloudkata.emulator.signatures import Caller, Key, identify
from cloudkata.emulator.wire import Request

ACCOUNT = "123456789012"
USER = "arn:aws:iam::123456789012:user/ana"
SESSION = "arn:aws:sts::123456789012:assumed-role/reader/ana"
USER_KEY = "AKIAUSER000000000000"
SESSION_KEY = "ASIASESSION000000000"
INACTIVE_KEY = "AKIAINACTIVE00000000"
EXPIRES = dt.datetime(2100, 1, 1, tzinfo=dt.UTC)
KEYS = {
    USER_KEY: Key("secret/of+user", USER, ACCOUNT, None, None, active=True),
    INACTIVE_KEY: Key("secret", USER, ACCOUNT, None, None, active=False),
    SESSION_KEY: Key("session secret", SESSION, ACCOUNT, "the/token+==", EXPIRES, active=True),
}


def _credentials(key: str) -> dict[str, str | None]:
    return {
        "aws_access_key_id": key,
        "aws_secret_access_key": KEYS[key].secret,
        "aws_session_token": KEYS[key].session_token,
    }


def client(service: str, key: str = USER_KEY, endpoint: str | None = ENDPOINT, **config: Any) -> Any:
    """A client with a key of the world."""
    return any_client(service, endpoint, **_credentials(key), **config)


def sent(service: str, call: Call, key: str = USER_KEY, **config: Any) -> Request:
    """What boto3 sends for a call with a key of the world."""
    return sent_by_any(service, call, **_credentials(key), **config)


def who(request: Request, now: dt.datetime | None = None, keys: dict[str, Key] = KEYS) -> Caller:
    """Who signed a request; now, unless another time is given."""
    try:
        named = name_call(request)
    except Unnamed:
        named = None
    return identify(request, named, keys.get, now or dt.datetime.now(dt.UTC))


def refused(request: Request, now: dt.datetime | None = None, keys: dict[str, Key] = KEYS) -> Refusal:
    """What a request is refused with."""
    with pytest.raises(Refusal) as caught:
        who(request, now, keys)
    return caught.value
