"""Calls whose node has died, kept for a while: an SRC may come back with a new call for one of them."""

from __future__ import annotations

from dataclasses import dataclass

from siprecord.recording.story import Key
from siprecord.recording.succession import Succession, Trace, predecessor

REMEMBER_S = 600.0
"""For so long a new call may be the continuation of one that was lost."""
MAX_LOST = 20_000


@dataclass(frozen=True, slots=True)
class LostCall:
    """A call whose node has died, and the recording that goes on with it here."""

    trace: Trace
    node: str
    cause: str
    here: str

    @property
    def recording_id(self) -> str:
        """Of the node that has died."""
        return self.trace.recording_id


class LostCalls:
    """By recording id, found by what joins conversations."""

    def __init__(self) -> None:
        self._calls: dict[str, LostCall] = {}
        self._by_key: dict[Key | frozenset[str], dict[str, LostCall]] = {}

    def __len__(self) -> int:
        return len(self._calls)

    def add(self, lost: LostCall, now: float) -> None:
        """Keep it; `now` is seconds since 1970. The oldest go when there are too many."""
        for recording_id in [each.recording_id for each in self._old(now)]:
            self.pop(recording_id)
        self._calls[lost.recording_id] = lost
        for key in _marks(lost.trace):
            self._by_key.setdefault(key, {})[lost.recording_id] = lost

    def pop(self, recording_id: str) -> LostCall | None:
        """Keep it no more."""
        lost = self._calls.pop(recording_id, None)
        if lost is not None:
            for key in _marks(lost.trace):
                same = self._by_key[key]
                same.pop(recording_id, None)
                if not same:
                    del self._by_key[key]
        return lost

    def find(self, new: Trace) -> tuple[LostCall, Succession] | None:
        """The lost call that a new one goes on with, which is taken out."""
        near: dict[str, LostCall] = {}
        for key in _marks(new):
            near.update(self._by_key.get(key, {}))
        recent = (one.trace for one in near.values() if new.at - one.trace.at <= REMEMBER_S)
        found = predecessor(new, recent)
        if found is None:
            return None
        lost = self.pop(found.recording_id)
        assert lost is not None, "it was found just now"
        return lost, found

    def _old(self, now: float) -> list[LostCall]:
        beyond = max(0, len(self._calls) + 1 - MAX_LOST)
        every = list(self._calls.values())
        return [each for n, each in enumerate(every) if n < beyond or now - each.trace.at > REMEMBER_S]


def _marks(trace: Trace) -> list[Key | frozenset[str]]:
    """All that may join it to another."""
    return [*dict.fromkeys(trace.keys), trace.parties]
