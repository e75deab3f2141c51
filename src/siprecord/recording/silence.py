"""Notices a session whose streams have all fallen silent, which is how a lost BYE shows."""

from __future__ import annotations

from collections.abc import Mapping

from siprecord.recording.events import StreamCount

CHECKS_PER_TIMEOUT = 4
"""Ours: silence is noticed at most a quarter of the timeout late."""


class SilenceWatch:
    """Compares packet counts over time. RTCP counts as life, and so do packets that a pause drops.

    `timeout` is in seconds; 0 turns the watch off.
    """

    def __init__(self, timeout: float) -> None:
        self.timeout = timeout
        self._heard: Mapping[int, int] = {}
        self._alive_at = 0.0
        self._next: float | None = None

    def start(self, now: float) -> None:
        """Begin, or begin again after a pause: what was silent until now is forgiven."""
        self._alive_at = now
        self._next = now + self.timeout / CHECKS_PER_TIMEOUT if self.timeout else None

    def stop(self) -> None:
        """No more checks."""
        self._next = None

    def deadline(self) -> float | None:
        """When the packets are to be counted next."""
        return self._next

    def due(self, now: float) -> bool:
        """Whether that time has come; if so, the next one is set."""
        if self._next is None or now < self._next:
            return False
        self._next = now + self.timeout / CHECKS_PER_TIMEOUT
        return True

    def silent(self, counts: Mapping[int, StreamCount], now: float) -> bool:
        """Take new counts. True when nothing has been heard on any stream for the whole timeout."""
        heard = {mline: count.heard for mline, count in counts.items()}
        if heard != self._heard:
            self._heard = heard
            self._alive_at = now
        return now - self._alive_at >= self.timeout
