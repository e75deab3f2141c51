"""How late live audio is."""

from __future__ import annotations

from bisect import bisect_left

BOUNDS = (0.05, 0.1, 0.15, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds of the buckets in seconds; a last one has no bound."""


class Delays:
    """Counts delays in buckets, as Prometheus wants them."""

    def __init__(self) -> None:
        self._counts = [0] * (len(BOUNDS) + 1)
        self.total = 0.0
        """The sum of all, in seconds."""

    def note(self, seconds: float) -> None:
        """Count one; clocks that disagree never make it negative."""
        seconds = max(0.0, seconds)
        self._counts[bisect_left(BOUNDS, seconds)] += 1
        self.total += seconds

    def buckets(self) -> list[tuple[str, float]]:
        """How many were at most so late, by upper bound; the last one, `+Inf`, has all."""
        names = [*map(str, BOUNDS), "+Inf"]
        sums = [float(sum(self._counts[: at + 1])) for at in range(len(names))]
        return list(zip(names, sums, strict=True))
