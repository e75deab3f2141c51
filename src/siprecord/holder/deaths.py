"""How often the recorder has died of late, and what follows from that. Knows no clock and no process."""

from __future__ import annotations

import signal
from collections import deque
from dataclasses import dataclass

from siprecord.holder.lives import UNKNOWN

OUTSIDE = frozenset({-signal.SIGKILL, -signal.SIGTERM, -signal.SIGINT, -signal.SIGHUP, UNKNOWN})
"""Exit codes of a recorder that somebody has killed. What it was handed is seldom the reason; it may be
when the kernel kills, since memory has run out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HolderSettings:
    """How patient the holder is. Times are in seconds."""

    delays: tuple[float, ...] = (0.0, 0.0, 0.1, 0.2, 0.5, 1.0)
    """Before each start, by the number of deaths within `within`; the last one repeats."""
    most_deaths: int = 40
    """So many within `within`, and the holder gives up: it costs more than it records."""
    most_unready: int = 10
    """So many in a row before it could serve, and the holder gives up."""
    within: float = 60.0
    steady: float = 2.0
    """A life that served for so long wipes out the deaths before it: better start again than give up."""
    fresh_after: int = 3
    """So many by its own fault, after it was handed what we keep and before it could serve: the next one is
    told to leave old calls alone."""
    fresh_after_any: int = 8
    """The same for those of any kind."""
    spare_after: float = 3.0
    """So long after the recorder serves, a second one is loaded, which waits to take over. -1: never."""
    watchdog: float = 60.0
    """A recorder that says nothing for so long, once ready, is killed. 0: never."""
    start: float = 120.0
    """So long one may take until it is ready; then it is killed. 0: for ever."""
    find: float = 10.0
    """How long a recorder that runs without us may take to let itself be taken on."""


class Deaths:
    """Those that count. Moments are in seconds of any steady clock, `_ns` in nanoseconds since 1970."""

    def __init__(self, settings: HolderSettings) -> None:
        self.first_ns = 0
        """When nobody served any more: the death of the last one that did. 0: none has died."""
        self._settings = settings
        self._moments: deque[float] = deque()
        self._unready = 0
        """Deaths in a row before it could serve; how many of them may come from what it was handed, and how
        many of those were its own fault."""
        self._handed = 0
        self._faults = 0

    def __len__(self) -> int:
        return len(self._moments)

    def ended(self, *, served: bool, time_ns: int) -> None:
        """A recorder is no more, whatever the reason."""
        if served or not self.first_ns:
            self.first_ns = time_ns

    def add(self, *, fault: bool, handed: bool, ready: float, now: float) -> None:
        """It has died, by its own fault or not, and was `handed` what we keep or not. `ready`: since when it
        served; 0: it never did.
        """
        settings = self._settings
        if ready and now - ready >= settings.steady:
            self._moments.clear()
        self._moments.append(now)
        while now - self._moments[0] > settings.within:
            self._moments.popleft()
        if ready:
            self._unready = self._handed = self._faults = 0
        else:
            self._unready += 1
            self._handed += handed
            self._faults += handed and fault

    @property
    def too_many(self) -> bool:
        """Another start would be of no use."""
        return len(self) >= self._settings.most_deaths or self._unready >= self._settings.most_unready

    @property
    def fresh(self) -> bool:
        """What it is handed may be what kills it."""
        return self._faults >= self._settings.fresh_after or self._handed >= self._settings.fresh_after_any

    @property
    def delay(self) -> float:
        """How long to wait before the next start."""
        delays = self._settings.delays
        return delays[min(len(self), len(delays)) - 1]
