"""Calls whose node has died, kept for a while: an SRC may come back with a new call for one of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from msgspec.structs import replace

from siprecord.recording.story import Key
from siprecord.recording.succession import (
    SILENT_S,
    Candidate,
    Continuation,
    Newcomer,
    find_predecessor,
    linking_keys,
    parties_of,
)
from siprecord.server.runner import CallRunner

REMEMBER_S = 600.0
"""For so long a new call may be the continuation of one that was lost."""
MAX_LOST = 20_000

Mark = Key | frozenset[str]
"""An id, or the people."""


@dataclass(frozen=True, slots=True)
class LostCall:
    """A call whose node has died, and the recording that goes on with it here.

    `seen` is the last sign of life of that node, in seconds since 1970.
    """

    candidate: Candidate
    node: str
    seen: float
    cause: str
    here: str

    @property
    def recording_id(self) -> str:
        """Of the node that has died."""
        return self.candidate.recording_id


class LostCalls:
    """By recording id, found by what joins conversations."""

    def __init__(self) -> None:
        self._calls: dict[str, LostCall] = {}
        self._by_mark: dict[Mark, dict[str, LostCall]] = {}

    def __len__(self) -> int:
        return len(self._calls)

    @property
    def here(self) -> frozenset[str]:
        """The recordings that go on with them here."""
        return frozenset(lost.here for lost in self._calls.values())

    def add(self, lost: LostCall, now: float) -> None:
        """Keep it; `now` is seconds since 1970. The oldest go when there are too many."""
        for recording_id in [each.recording_id for each in self._old(now)]:
            self.pop(recording_id)
        self._calls[lost.recording_id] = lost
        for mark in _marks(lost.candidate):
            self._by_mark.setdefault(mark, {})[lost.recording_id] = lost

    def pop(self, recording_id: str) -> LostCall | None:
        """Keep it no more."""
        lost = self._calls.pop(recording_id, None)
        if lost is not None:
            for mark in _marks(lost.candidate):
                same = self._by_mark[mark]
                same.pop(recording_id, None)
                if not same:
                    del self._by_mark[mark]
        return lost

    def over(self, here: str) -> None:
        """What went on in this recording of ours has come to its end."""
        for recording_id in [lost.recording_id for lost in self._calls.values() if lost.here == here]:
            self.pop(recording_id)

    def find(self, runner: CallRunner) -> tuple[LostCall, Continuation] | None:
        """The lost call that a new one goes on with, which is taken out."""
        own, began = candidate_of(runner.recording_id, runner), runner.started.timestamp()
        near: dict[str, LostCall] = {}
        for mark in _marks(own):
            near.update(self._by_mark.get(mark, {}))
        newcomer = Newcomer(trunk=own.trunk, client=own.client, keys=own.keys, parties=own.parties)
        # It is dead, so it is silent, however short the time.
        silent = (
            replace(one.candidate, silent_s=max(SILENT_S, began - one.seen))
            for one in near.values()
            if began - one.seen <= REMEMBER_S
        )
        found = find_predecessor(newcomer, silent)
        if not isinstance(found, Continuation):
            return None
        lost = self.pop(found.recording_id)
        return None if lost is None else (lost, found)

    def _old(self, now: float) -> list[LostCall]:
        beyond = max(0, len(self._calls) + 1 - MAX_LOST)
        every = enumerate(self._calls.values())
        return [each for number, each in every if number < beyond or now - each.seen > REMEMBER_S]


def candidate_of(recording_id: str, runner: CallRunner) -> Candidate:
    """What joins a call to others. Its own Call-ID does too: a proxy may have sent the INVITE on to us."""
    identity, knowledge = runner.session.identity, runner.session.knowledge
    assert identity is not None, "a call that was answered has an identity"
    client = identity.source.rpartition(":")[0]
    keys = linking_keys(knowledge.model, knowledge.findings, client)
    return Candidate(
        recording_id=recording_id,
        trunk=identity.trunk,
        client=client,
        keys=keys | {("call-id", identity.call_id)},
        parties=parties_of(knowledge.model),
    )


def _marks(candidate: Candidate) -> Iterable[Mark]:
    return (*candidate.keys, candidate.parties)
