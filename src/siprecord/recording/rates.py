"""How many requests may come: token buckets, kept as the moment at which they will be full again."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

FLOOD = 4
"""Beyond the rate a request is refused; beyond this many times the rate it is not even answered."""


class Level(Enum):
    """What a bucket says about one more request."""

    WITHIN = "within"
    OVER = "over"
    FLOOD = "flood"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """Requests a second, and how many may come at once. 0 a second: no limit; a burst of 0: two seconds'."""

    per_second: float = 0.0
    burst: int = 0

    @property
    def size(self) -> float:
        """How many may come at once."""
        return self.burst or max(1.0, 2 * self.per_second)


class Bucket:
    """Two buckets in one: of the rate itself, and of `FLOOD` times the rate. Costs two floats."""

    __slots__ = ("_allowed", "_full", "_full_of_flood", "_interval")

    def __init__(self, rate: Rate) -> None:
        self._interval = 1.0 / rate.per_second if rate.per_second else 0.0
        # Half a request more than the burst, so that rounding never costs one.
        self._allowed = self._interval * (rate.size + 0.5)
        self._full = self._full_of_flood = float("-inf")

    def take(self, now: float) -> Level:
        """Count one request, and say what becomes of it."""
        if not self._interval:
            return Level.WITHIN
        if not self.take_answer(now):
            return Level.FLOOD
        full = max(self._full, now) + self._interval
        if full - now > self._allowed:
            return Level.OVER
        self._full = full
        return Level.WITHIN

    def take_answer(self, now: float) -> bool:
        """Count something that only costs an answer; False: it gets none."""
        full = max(self._full_of_flood, now) + self._interval / FLOOD
        if full - now > self._allowed:
            return False
        self._full_of_flood = full
        return True

    def is_flooded(self, now: float) -> bool:
        """Whether the next request would get no answer. Counts nothing."""
        return self._full_of_flood + self._interval / FLOOD - now > self._allowed
