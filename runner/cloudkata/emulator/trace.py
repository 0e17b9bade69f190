"""The recorded API calls of a run."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

from cloudkata.emulator.naming import NamedCall
from cloudkata.emulator.wire import Response
from cloudkata.grade import Call

LONGEST_TEXT = 1000
LONGEST_BINARY = 256
LONGEST_LIST = 100
DEEPEST = 12
"""How much of a parameter is kept; the rest is named by its length and digest."""

_ERROR_CODE = re.compile(rb'<Code>([^<]+)</Code>|"__type"\s*:\s*"([^"]+)"')


class Trace:
    """Calls in the order in which the world took them up."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.began_ms = 0

    def record(
        self,
        *,
        lane: str,
        at_ms: int,
        named: NamedCall,
        principal: str,
        response: Response,
        error: str | None,
        line: int | None,
        note: str | None,
    ) -> None:
        """Put down one call and its outcome; `at_ms` counts milliseconds since 1970."""
        parameters = readable(named.parameters)
        self.calls.append(
            Call(
                number=len(self.calls) + 1,
                lane=lane,
                at_ms=at_ms - self.began_ms,
                service=named.service,
                operation=named.operation,
                region=named.region,
                principal=principal,
                parameters=parameters,
                status=response.status,
                error=error,
                line=line,
                result=_plain_results(named, response),
                note=note,
            )
        )


def error_code(response: Response) -> str | None:
    """The AWS error code of a refusal as moto wrote it, None for a success."""
    if response.status < 400:
        return None
    header = next((value for name, value in response.headers if name.lower() == "x-amzn-errortype"), "")
    found = _ERROR_CODE.search(response.body[:4000])
    code = header or (next(filter(None, found.groups())).decode("utf-8", "replace") if found else "")
    return code.split(":")[0].rpartition("#")[2] or str(response.status)


def readable(value: Any, depth: int = 0) -> Any:
    """A parameter as JSON can hold it and a person can read it."""
    if isinstance(value, str):
        return value if len(value) <= LONGEST_TEXT else _named_by_digest(value.encode("utf-8", "replace"))
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, bytes | bytearray):
        return _binary(bytes(value))
    if isinstance(value, dt.datetime):
        return value.isoformat()
    if depth >= DEEPEST:
        return "..."
    if isinstance(value, Mapping):
        return {str(key): readable(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        kept = [readable(item, depth + 1) for item in list(value)[:LONGEST_LIST]]
        return kept if len(value) <= LONGEST_LIST else [*kept, f"... {len(value) - LONGEST_LIST} more"]
    if hasattr(value, "read"):
        return _binary(value.read())
    return str(value)


def _binary(data: bytes) -> str:
    if len(data) > LONGEST_BINARY:
        return _named_by_digest(data)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return base64.b64encode(data).decode("ascii")


def _named_by_digest(data: bytes) -> str:
    return f"<{len(data)} bytes, sha256 {hashlib.sha256(data).hexdigest()[:16]}>"


def _plain_results(named: NamedCall, response: Response) -> dict[str, Any]:
    """Numbers, flags and short texts at the top of a JSON answer: counts, ids, tokens' presence."""
    if named.protocol not in ("json", "rest-json") or response.status >= 400 or not response.body:
        return {}
    try:
        answer = json.loads(response.body)
    except ValueError:
        return {}
    if not isinstance(answer, dict):
        return {}
    return {
        key: value
        for key, value in answer.items()
        if isinstance(value, bool | int | float) or (isinstance(value, str) and len(value) <= 200)
    }
