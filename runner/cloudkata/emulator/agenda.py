"""What is due later in a world, by its clock."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(slots=True)
class Entry:
    """One thing that will happen.

    `prompt` means AWS would do it at once (the first try of an asynchronous delivery), as against
    something that waits for its time (a retry, a schedule, the end of a visibility timeout).
    """

    due_ms: int
    label: str
    action: Callable[[], None]
    prompt: bool = False
    cancelled: bool = False


class Agenda:
    """Entries in order of (due, entered); entries due at the same instant fire in the order they came."""

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, Entry]] = []
        self._entered = 0

    def enter(self, due_ms: int, label: str, action: Callable[[], None], *, prompt: bool = False) -> Entry:
        """Put something down for `due_ms`, milliseconds since 1970."""
        entry = Entry(due_ms, label, action, prompt)
        self._entered += 1
        heapq.heappush(self._heap, (due_ms, self._entered, entry))
        return entry

    def cancel(self, entry: Entry | None) -> None:
        """Take an entry off; one that has fired, or None, is no matter."""
        if entry is not None:
            entry.cancelled = True

    def next_due(self) -> int | None:
        """When the earliest entry is due, or None when nothing is."""
        while self._heap and self._heap[0][2].cancelled:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def take_due(self, now_ms: int) -> Entry | None:
        """The earliest entry that is due by `now_ms`, taken off; None when nothing is."""
        due = self.next_due()
        if due is None or due > now_ms:
            return None
        return heapq.heappop(self._heap)[2]

    def has_prompt(self) -> bool:
        """Whether anything is left that AWS would do at once."""
        return any(entry.prompt and not entry.cancelled for _, _, entry in self._heap)

    def waiting(self) -> list[Entry]:
        """Everything that is still to happen, in order."""
        return [entry for _, _, entry in sorted(self._heap, key=lambda item: item[:2]) if not entry.cancelled]
