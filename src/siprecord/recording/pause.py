"""A pause that ends by itself: whoever asked for it may have died meanwhile."""

from __future__ import annotations


class PauseLease:
    """How long a pause on our own wish may last; `longest` in seconds, 0 for ever."""

    def __init__(self, longest: float) -> None:
        self._longest = longest
        self._ends: float | None = None

    def begin(self, now: float, seconds: float | None) -> None:
        """Begin, or go on for as long again. Without `seconds` it lasts the longest time there is."""
        wanted = seconds or self._longest
        lasts = min(wanted, self._longest) if self._longest else wanted
        self._ends = now + lasts if lasts else None

    def end(self) -> None:
        """Somebody resumed, or the call is over."""
        self._ends = None

    def deadline(self) -> float | None:
        """When it ends by itself."""
        return self._ends

    def due(self, now: float) -> bool:
        """Whether it has just ended."""
        if self._ends is None or now < self._ends:
            return False
        self._ends = None
        return True
