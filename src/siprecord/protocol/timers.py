"""The timers of RFC 3261 and the queue that says when the next one is due."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")

Wakeup = Callable[[float], None]
"""Called with the time the wake-up was due."""

COMPACT_ABOVE = 256
"""Cancelled entries below this number are not worth the work of taking them out of the heap."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TimerSettings:
    """The base values of RFC 3261 section 17, table 4, and our own bounds, all in seconds."""

    t1: float = 0.5
    """Estimate of the round trip."""
    t2: float = 4.0
    """Longest gap between retransmissions, but for an INVITE."""
    t4: float = 5.0
    """How long a message may stay in the network."""
    trying: float = 0.2
    """How long an INVITE may stay unanswered before a 100 is sent (section 17.2.1)."""
    news: float = 60.0
    """How long an INVITE may wait without a provisional response but 100 (section 13.3.1.1)."""
    patience: float = 180.0
    """How long an INVITE may wait for its final answer, ours or theirs: timer C's three minutes."""

    @property
    def transaction(self) -> float:
        """64*T1: timers B, F, H, J, L and M, and the wait for the ACK of a 2xx."""
        return 64 * self.t1


class Deadline(Generic[T]):
    """One entry of a `DeadlineQueue`; keep it to cancel it."""

    __slots__ = ("at", "item")

    def __init__(self, at: float, item: T) -> None:
        self.at = at
        self.item: T | None = item


class DeadlineQueue(Generic[T]):
    """A heap of deadlines. Cancelling only marks the entry; they never outnumber the others for long."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Deadline[T]]] = []
        self._order = 0
        self._cancelled = 0

    def __len__(self) -> int:
        return len(self._heap) - self._cancelled

    def schedule(self, at: float, item: T) -> Deadline[T]:
        """`item` is due at `at`; equal deadlines fall due in the order they were scheduled."""
        deadline = Deadline(at, item)
        self._order += 1
        heapq.heappush(self._heap, (at, self._order, deadline))
        return deadline

    def cancel(self, deadline: Deadline[T] | None) -> None:
        """Forget `deadline`; harmless when it has passed, or is None."""
        if deadline is None or deadline.item is None:
            return
        deadline.item = None
        self._cancelled += 1
        if self._cancelled > COMPACT_ABOVE and self._cancelled * 2 > len(self._heap):
            self._heap = [entry for entry in self._heap if entry[2].item is not None]
            heapq.heapify(self._heap)
            self._cancelled = 0

    def next(self) -> float | None:
        """When the earliest deadline is due."""
        while self._heap and self._heap[0][2].item is None:
            heapq.heappop(self._heap)
            self._cancelled -= 1
        return self._heap[0][0] if self._heap else None

    def due(self, now: float) -> Iterator[tuple[float, T]]:
        """Take out what is due, earliest first: when it was due, and the item. Items may schedule others."""
        while (at := self.next()) is not None and at <= now:
            deadline = heapq.heappop(self._heap)[2]
            if (item := deadline.item) is not None:
                deadline.item = None
                yield at, item
