"""Queues with their attributes, and messages."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from cloudkata.emulator.state import Resource

_COUNTED = ("ApproximateNumberOf", "LastModifiedTimestamp")
"""Attributes that follow from the messages or from the clock."""


def describe() -> Iterator[tuple[str, Resource]]:
    """`queue NAME` and `message QUEUE/ID`."""
    from moto.sqs.models import sqs_backends

    for _, regions in sorted(sqs_backends.items()):
        for region in sorted(regions):
            for name, queue in sorted(regions[region].queues.items()):
                attributes = {
                    key: str(value) for key, value in queue.attributes.items() if not key.startswith(_COUNTED)
                }
                yield (
                    f"queue {name}",
                    {**dict(sorted(attributes.items())), "Tags": dict(sorted(queue.tags.items()))},
                )
                for message in queue._messages:
                    yield f"message {name}/{message.id}", _message(message)


def _message(message: Any) -> Resource:
    return {"Body": message.body, "Received": message.approximate_receive_count}
