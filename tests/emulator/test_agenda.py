from hypothesis import given
from hypothesis import strategies as st

from cloudkata.emulator.agenda import Agenda


def test_entries_fire_in_order_of_due_then_of_entry() -> None:
    agenda = Agenda()
    fired: list[str] = []
    for due, label in ((5, "late"), (1, "first"), (1, "second")):
        agenda.enter(due, label, lambda label=label: fired.append(label))
    while (entry := agenda.take_due(5)) is not None:
        entry.action()
    assert fired == ["first", "second", "late"]


def test_nothing_is_due_before_its_time() -> None:
    agenda = Agenda()
    agenda.enter(10, "later", lambda: None)
    assert agenda.take_due(9) is None
    assert agenda.next_due() == 10


def test_a_cancelled_entry_neither_fires_nor_counts_as_due() -> None:
    agenda = Agenda()
    agenda.cancel(agenda.enter(1, "gone", lambda: None, prompt=True))
    assert agenda.next_due() is None
    assert not agenda.has_prompt()
    assert agenda.waiting() == []


@given(st.lists(st.tuples(st.integers(0, 50), st.booleans())))
def test_what_is_left_comes_out_sorted_and_whole(wanted: list[tuple[int, bool]]) -> None:
    agenda = Agenda()
    entries = [agenda.enter(due, str(n), lambda: None) for n, (due, _) in enumerate(wanted)]
    for entry, (_, cancel) in zip(entries, wanted, strict=True):
        if cancel:
            agenda.cancel(entry)
    kept = [entry for entry, (_, cancel) in zip(entries, wanted, strict=True) if not cancel]
    taken = []
    while (entry := agenda.take_due(50)) is not None:
        taken.append(entry)
    assert taken == sorted(kept, key=lambda entry: entry.due_ms)
