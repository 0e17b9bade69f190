"""AWS services as botocore models them: who signs under which name, and how requests are routed and parsed.

moto's loader adds to botocore's models what AWS still accepts but no longer documents (SQS by the query
protocol, for example); its routers and parsers read requests by those models. A model is loaded when its
service is first called, and the index over all services is made only when a signing name does not name its
service.
"""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, cached_property
from pathlib import Path
from typing import Any, NamedTuple

import botocore
from botocore.exceptions import UnknownServiceError
from botocore.parsers import BaseCBORParser
from botocore.utils import parse_timestamp
from moto.core import utils as moto_models
from moto.core.parse import PROTOCOL_PARSERS, BaseJSONParser, JSONParser, RestJSONParser
from moto.core.routing import RestRouter
from werkzeug.exceptions import HTTPException

CBOR = "smithy-rpc-v2-cbor"
FORM_PROTOCOLS = ("query", "ec2")
REST_PROTOCOLS = ("rest-xml", "rest-json")

# moto looks through all of botocore's folders anew for every model, which takes as long as loading it.
moto_models.create_loader = cache(moto_models.create_loader)  # type: ignore[attr-defined]

_SERVICE_NAME = re.compile(r"[a-z0-9][a-z0-9.\-]{0,62}")

# Names that clients sign with and no model has: endpoints of S3, former names, IoT's device gateway.
_FURTHER_SIGNING_NAMES = {
    "eventbridge": ("events",),
    "iotdevicegateway": ("iot-data",),
    "s3-object-lambda": ("s3",),
    "s3-outposts": ("s3", "s3control", "s3outposts"),
    "s3express": ("s3",),
}


class Service:
    """One AWS service: its operations, and how its requests are routed and parsed."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.model = moto_models.get_service_model(name)
        metadata = self.model.metadata
        self.protocols: tuple[str, ...] = tuple(metadata.get("protocols") or (metadata["protocol"],))
        self.signing_name: str = metadata.get("signingName") or metadata["endpointPrefix"]
        self.target_prefix: str = metadata.get("targetPrefix", "")
        self.api_version: str = metadata.get("apiVersion", "")
        self.query_compatible = "awsQueryCompatible" in metadata
        self._names = frozenset(self.model.operation_names)
        self._parsers: dict[tuple[str, str], Any] = {}

    def __contains__(self, operation: str) -> bool:
        return operation in self._names

    def operation(self, name: str) -> Any:
        """The botocore model of an operation."""
        return self.model.operation_model(name)

    @cached_property
    def rest_protocol(self) -> str:
        """The REST protocol it speaks, or nothing."""
        return next((name for name in self.protocols if name in REST_PROTOCOLS), "")

    @cached_property
    def form_protocol(self) -> str:
        """`query`, `ec2` or nothing."""
        return next((name for name in self.protocols if name in FORM_PROTOCOLS), "")

    @cached_property
    def _router(self) -> RestRouter:
        return RestRouter(self.model)

    def route(self, request: Any) -> tuple[str, dict[str, Any]] | None:
        """The operation a REST request asks for, with its path's labels; None if there is no such route."""
        try:
            operation, labels = self._router.match(request)
        except HTTPException:  # no such route, or a host that is none
            return None
        return operation.name, labels

    def parse(self, operation: str, protocol: str, request: Any, labels: dict[str, Any]) -> dict[str, Any]:
        """A request's members by their API names.

        Raises whatever the parser meets in a body that is not of the operation's form.
        """
        parser = self._parsers.get((operation, protocol))
        if parser is None:
            kind = _PARSERS[protocol]
            parser = kind(self.operation(operation), timestamp_parser=_in_utc)
            self._parsers[operation, protocol] = parser
        parsed = parser.parse(
            {
                "method": request.method,
                "values": request.form if protocol in FORM_PROTOCOLS else request.args,
                "headers": request.headers,
                "body": request.body,
                "url_path": request.path,
                "url_params": labels,
            }
        )
        return self._without_absent(operation, parsed) if isinstance(parsed, dict) else {}

    def _without_absent(self, operation: str, parsed: dict[str, Any]) -> dict[str, Any]:
        """Without the empty maps and lists that moto's parsers make of headers and query fields not sent."""
        empty = [name for name, value in parsed.items() if value is None or value in ([], {})]
        if empty:
            members = self.operation(operation).input_shape.members
            for name in empty:
                if "location" in members[name].serialization:
                    del parsed[name]
        return parsed


def _in_utc(value: Any) -> datetime:
    parsed: datetime = parse_timestamp(value)
    return parsed.astimezone(UTC)


class _StrictJson(BaseJSONParser):
    """moto takes a body that is no JSON for one without members."""

    def _parse_body_as_json(self, body_contents: bytes) -> Any:
        return json.loads(body_contents) if body_contents else {}


class _JsonParser(_StrictJson, JSONParser):
    pass


class _RestJsonParser(RestJSONParser, _StrictJson):
    pass


class _CborParser(BaseJSONParser):
    """Reads the bodies of Smithy RPC v2 CBOR, which carry bytes and times as such.

    https://smithy.io/2.0/additional-specs/protocols/smithy-rpc-v2.html
    """

    _reader = BaseCBORParser()

    def _do_parse(self, request_dict: dict[str, Any], shape: Any) -> dict[str, Any]:
        if not request_dict["body"]:
            return {}
        stream = self._reader.get_peekable_stream_from_bytes(request_dict["body"])
        read = self._reader.parse_data_item(stream)
        parsed = self._parse_shape(shape, read)  # type: ignore[no-untyped-call]
        return parsed if isinstance(parsed, dict) else {}

    def _parse_blob(self, _shape: Any, value: bytes) -> bytes:
        return value

    def _parse_timestamp(self, _shape: Any, value: datetime) -> datetime:
        return value.astimezone(UTC)


_PARSERS: dict[str, Any] = {
    **PROTOCOL_PARSERS,
    "json": _JsonParser,
    "rest-json": _RestJsonParser,
    CBOR: _CborParser,
}


@cache
def _loaded(name: str) -> Service | None:
    try:
        return Service(name)
    except UnknownServiceError:
        return None


def service(name: str) -> Service | None:
    """A service by botocore's name for it, or None; its model is loaded the first time."""
    # The name may come from a stranger's request and becomes part of a path in botocore's loader.
    return _loaded(name) if _SERVICE_NAME.fullmatch(name) else None


@cache
def _regions() -> frozenset[str]:
    partitions = moto_models.create_loader().load_data("partitions")["partitions"]  # type: ignore[attr-defined]
    return frozenset(name for partition in partitions for name in partition["regions"])


def is_region(name: str) -> bool:
    """Whether AWS has a region of this name, in any partition; `aws-global` and its like count."""
    return name in _regions()


class Listing(NamedTuple):
    """What the index keeps of a service without loading its model."""

    name: str
    signing_name: str
    endpoint_prefix: str
    target_prefix: str
    api_version: str
    protocols: tuple[str, ...]


@dataclass(frozen=True)
class _Index:
    by_signing_name: dict[str, tuple[Listing, ...]]
    by_target_prefix: dict[str, tuple[Listing, ...]]
    by_version: dict[str, tuple[Listing, ...]]
    by_endpoint_prefix: dict[str, tuple[Listing, ...]]


def _metadata(path: Path) -> dict[str, Any]:
    """The metadata of a model from the head of its file: reading all models whole takes seconds."""
    with path.open("rb") as file:
        head = zlib.decompressobj(wbits=31).decompress(file.read(4096), 16384).decode(errors="replace")
    start = head.index("{", head.index('"metadata"'))
    metadata: dict[str, Any] = json.JSONDecoder().raw_decode(head, start)[0]
    return metadata


def _listings() -> Iterator[Listing]:
    for folder in sorted((Path(botocore.__file__).parent / "data").iterdir()):
        newest = max(folder.glob("*/service-2.json.gz"), default=None)
        if newest is None:
            continue
        found = _metadata(newest)
        prefix = found["endpointPrefix"]
        yield Listing(
            name=folder.name,
            signing_name=found.get("signingName") or prefix,
            endpoint_prefix=prefix,
            target_prefix=found.get("targetPrefix", ""),
            api_version=found["apiVersion"],
            protocols=tuple(found.get("protocols") or (found["protocol"],)),
        )


@cache
def index() -> _Index:
    """All services of the installed botocore, by what a request can show of them."""
    listings = tuple(_listings())

    def grouped(key: str) -> dict[str, tuple[Listing, ...]]:
        groups: dict[str, list[Listing]] = {}
        for listing in listings:
            if name := getattr(listing, key):
                groups.setdefault(name, []).append(listing)
        return {name: tuple(group) for name, group in groups.items()}

    return _Index(
        grouped("signing_name"), grouped("target_prefix"), grouped("api_version"), grouped("endpoint_prefix")
    )


def services_signing_as(signing_name: str) -> Iterator[Service]:
    """The services whose requests are signed with a name: its namesake first, then those that share it."""
    namesake = service(signing_name)
    if namesake is not None and namesake.signing_name == signing_name:
        yield namesake
    names = _FURTHER_SIGNING_NAMES.get(signing_name, ())
    for name in (*names, *(listing.name for listing in index().by_signing_name.get(signing_name, ()))):
        candidate = service(name)
        if candidate is not None and candidate is not namesake:
            yield candidate
