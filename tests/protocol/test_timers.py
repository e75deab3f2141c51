from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from siprecord.protocol.timers import COMPACT_ABOVE, DeadlineQueue, TimerSettings


def test_the_defaults_are_those_of_rfc_3261_table_4() -> None:
    timers = TimerSettings()
    assert (timers.t1, timers.t2, timers.t4, timers.transaction) == (0.5, 4.0, 5.0, 32.0)


def test_due_items_come_in_the_order_of_their_deadlines_then_of_their_making() -> None:
    queue: DeadlineQueue[str] = DeadlineQueue()
    for at, name in ((2.0, "late"), (1.0, "first"), (1.0, "second")):
        queue.schedule(at, name)
    assert queue.next() == 1.0
    assert [item for _, item in queue.due(1.5)] == ["first", "second"]
    assert queue.next() == 2.0


def test_a_cancelled_deadline_is_never_due() -> None:
    queue: DeadlineQueue[str] = DeadlineQueue()
    doomed = queue.schedule(1.0, "doomed")
    queue.schedule(2.0, "kept")
    queue.cancel(doomed)
    queue.cancel(doomed)
    queue.cancel(None)
    assert len(queue) == 1
    assert queue.next() == 2.0
    assert list(queue.due(9.0)) == [(2.0, "kept")]


def test_a_deadline_that_has_passed_can_be_cancelled() -> None:
    queue: DeadlineQueue[str] = DeadlineQueue()
    deadline = queue.schedule(1.0, "gone")
    assert list(queue.due(1.0)) == [(1.0, "gone")]
    queue.cancel(deadline)
    assert len(queue) == 0
    assert queue.next() is None


def test_items_that_fall_due_may_schedule_others() -> None:
    queue: DeadlineQueue[int] = DeadlineQueue()
    queue.schedule(1.0, 1)
    seen = []
    for at, item in queue.due(3.0):
        seen.append(item)
        queue.schedule(at + 1.0, item + 1)
    assert seen == [1, 2, 3]


def test_cancelled_deadlines_do_not_pile_up() -> None:
    queue: DeadlineQueue[int] = DeadlineQueue()
    for number in range(50 * COMPACT_ABOVE):
        queue.cancel(queue.schedule(1000.0 + number, number))
    assert len(queue._heap) <= COMPACT_ABOVE + 1


@given(st.lists(st.tuples(st.floats(0, 100), st.booleans())))
def test_what_was_not_cancelled_falls_due_exactly_once(entries: list[tuple[float, bool]]) -> None:
    queue: DeadlineQueue[int] = DeadlineQueue()
    made = [queue.schedule(at, number) for number, (at, _) in enumerate(entries)]
    for deadline, (_, keep) in zip(made, entries, strict=True):
        if not keep:
            queue.cancel(deadline)
    due = [item for _, item in queue.due(math.inf)]
    assert sorted(due) == [number for number, (_, keep) in enumerate(entries) if keep]
    assert [entries[number][0] for number in due] == sorted(entries[number][0] for number in due)
