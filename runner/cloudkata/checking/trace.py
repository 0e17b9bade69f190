"""The trace, as a check reads it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cloudkata.grade import Call


class Trace(Sequence[Call]):
    """Recorded calls, oldest first."""

    def __init__(self, calls: Sequence[Call]) -> None:
        self._calls = list(calls)

    def __len__(self) -> int:
        return len(self._calls)

    def __getitem__(self, index):  # type: ignore[no-untyped-def]
        return self._calls[index]

    def __iter__(self) -> Iterator[Call]:
        return iter(self._calls)

    def of(self, *operations: str, lane: str | None = None) -> Trace:
        """The calls of these operations, such as `trace.of("Scan", "Query")`; of one lane, if named."""
        return Trace(
            [
                call
                for call in self._calls
                if (not operations or call.operation in operations) and (lane is None or call.lane == lane)
            ]
        )

    def since(self, number: int) -> Trace:
        """The calls after the one with this number."""
        return Trace([call for call in self._calls if call.number > number])

    @property
    def last_number(self) -> int:
        """Number of the last call, 0 when there is none."""
        return self._calls[-1].number if self._calls else 0
