"""Ties a new INVITE to a recording that is there already: it takes that one over, or it continues it.

An INVITE with Replaces (RFC 3891) names the dialog it takes over, and the recording goes on. One without is a
recording of its own; where the same client recorded the same session before and went silent, as one does
that crashed and calls again, the new recording says which one it continues.

Candidates may be of this node or of another. Nothing here asks who they are kept by.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import msgspec

from siprecord.recording import refusal
from siprecord.recording.addresses import address_key
from siprecord.recording.dialects import Findings
from siprecord.recording.model import RecordingModel
from siprecord.recording.refusal import Refusal
from siprecord.recording.story import LINKING, NEARBY, WEAK_PARTIES, Key, scoped_id

SILENT_S = 2.0
"""Ours: a client that still sends is recorded twice on purpose, and nothing is continued."""


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """A recording that is there. `client` is the host it is sent from, `dialog` the id of its dialog."""

    recording_id: str
    trunk: str
    client: str
    dialog: str = ""
    keys: frozenset[Key] = frozenset()
    parties: frozenset[str] = frozenset()
    """The people, as address keys; only asked where no id joins."""
    silent_s: float = 0.0
    """Seconds since anything came from its client; since its start, when nothing ever has."""


class Newcomer(msgspec.Struct, frozen=True, kw_only=True):
    """A new INVITE. `replaces` is the id of the dialog that it wants to take over."""

    trunk: str
    client: str
    replaces: str | None = None
    keys: frozenset[Key] = frozenset()
    parties: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Takeover:
    """The recording goes on in the new dialog."""

    recording_id: str


@dataclass(frozen=True, slots=True)
class Continuation:
    """The new recording continues another; `gap_s` is how long nothing was heard of it."""

    recording_id: str
    by: str
    value: str
    gap_s: float


def find_predecessor(
    newcomer: Newcomer, candidates: Iterable[Candidate]
) -> Takeover | Continuation | Refusal | None:
    """What a new INVITE has to do with the recordings there are; None: nothing. A Refusal turns it away."""
    if newcomer.replaces is not None:
        return _take_over(newcomer, candidates)
    silent = [
        each
        for each in candidates
        if (each.trunk, each.client) == (newcomer.trunk, newcomer.client) and each.silent_s >= SILENT_S
    ]
    found = [
        (LINKING.index(key[0]), each.silent_s, each.recording_id, key)
        for each in silent
        for key in each.keys & newcomer.keys
    ]
    if not found:
        return _same_people(newcomer, silent)
    _, silent_s, recording_id, (kind, value) = min(found)
    return Continuation(recording_id, kind, value, silent_s)


def _same_people(newcomer: Newcomer, silent: Iterable[Candidate]) -> Continuation | None:
    """As in `story`: the same people, at least two, who were heard of just before."""
    if len(newcomer.parties) < WEAK_PARTIES:
        return None
    near = [
        (each.silent_s, each.recording_id)
        for each in silent
        if each.parties == newcomer.parties and each.silent_s <= NEARBY.total_seconds()
    ]
    if not near:
        return None
    silent_s, recording_id = min(near)
    return Continuation(recording_id, "parties and time", ", ".join(sorted(newcomer.parties)), silent_s)


def _take_over(newcomer: Newcomer, candidates: Iterable[Candidate]) -> Takeover | Refusal:
    for each in candidates:
        if each.dialog == newcomer.replaces:
            return Takeover(each.recording_id) if each.trunk == newcomer.trunk else refusal.not_yours()
    return Refusal(481)


def linking_keys(model: RecordingModel, findings: Findings, client: str) -> frozenset[Key]:
    """The ids of a recording that join it to others."""
    told = [("group", id) for id in model.groups] + [("session", id) for id in model.sessions]
    keys = {(kind, scoped) for kind, id in told if (scoped := scoped_id(id, client))}
    return frozenset(keys | {(fact.kind, fact.value) for fact in findings.ids if fact.kind in LINKING})


def parties_of(model: RecordingModel) -> frozenset[str]:
    """The people of a recording, as address keys."""
    names = (name for participant in model.participants.values() for name in participant.names)
    return frozenset(address_key(name.aor or "") for name in names) - {""}
