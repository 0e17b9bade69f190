"""Tables with their settings, and items."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from cloudkata.emulator.state import Resource

_COUNTED = ("ItemCount", "TableSizeBytes")


def describe() -> Iterator[tuple[str, Resource]]:
    """`table NAME` and `item TABLE/KEY`."""
    from moto.dynamodb.models import dynamodb_backends

    for _, regions in sorted(dynamodb_backends.items()):
        for region in sorted(regions):
            for name, table in sorted(regions[region].tables.items()):
                settings = table.describe("Table")["Table"]
                yield (
                    f"table {name}",
                    {key: _plain(value) for key, value in sorted(settings.items()) if key not in _COUNTED}
                    | {"TimeToLive": _plain(table.ttl)},
                )
                for item in table.all_items():
                    attributes = item.to_json()["Attributes"]
                    key = {part["AttributeName"]: attributes[part["AttributeName"]] for part in table.schema}
                    text = "/".join(str(next(iter(value.values()))) for value in key.values())
                    yield f"item {name}/{text}", attributes


def _plain(value: Any) -> Any:
    return json.loads(json.dumps(value, default=str))
