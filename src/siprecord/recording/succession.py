"""Ties a new recording session to one whose recorder died: the client has come back for its conversation.

RFC 7866 has no word for it, so what joins them are the ids and the people that join recordings anyway, and
the Call-ID of the recording session itself: a proxy may have sent the same INVITE on to us.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from siprecord.recording.call_facts import call_fields
from siprecord.recording.joining import keys_of, parties_of
from siprecord.recording.session_data import SessionData
from siprecord.recording.snapshot import model_fields
from siprecord.recording.story import LINKING, NEARBY, WEAK_PARTIES, Key

SAME_CALL = "rs-call-id"
"""The kind of a Call-ID of the recording session. It joins before anything else."""
_ORDER = (SAME_CALL, *LINKING)


@dataclass(frozen=True, slots=True)
class Trace:
    """What is known of a recording session when it is looked for. `at`: seconds since 1970.

    Of one whose recorder died `at` is the last sign of life, of a new one its beginning.
    """

    recording_id: str
    at: float
    keys: tuple[Key, ...]
    parties: frozenset[str]


@dataclass(frozen=True, slots=True)
class Succession:
    """Which recording goes on, and what says so: the kind of an id and the id, or "parties and time"."""

    recording_id: str
    by: str
    value: str


def trace_of(recording_id: str, at: float, session: SessionData) -> Trace:
    """What joins this session to others."""
    identity, knowledge = session.identity, session.knowledge
    client = identity.source.rpartition(":")[0] if identity is not None else ""
    model = model_fields(knowledge.model)
    call = call_fields(knowledge.model, knowledge.findings, swap=knowledge.swap_sides)
    keys = keys_of(model, call, client)
    if identity is not None and identity.call_id:
        keys.insert(0, (SAME_CALL, identity.call_id))
    return Trace(recording_id, at, tuple(keys), parties_of(model))


def predecessor(new: Trace, lost: Iterable[Trace]) -> Succession | None:
    """The lost session that `new` goes on with; None when it is none of them.

    An id that both have decides, the strongest first; else the same people, if they are at least two and were
    heard of just before. Of several the one that was heard of last.
    """
    known = sorted(lost, key=lambda each: -each.at)
    for kind in _ORDER:
        own = {value for of, value in new.keys if of == kind}
        for one in known:
            if shared := sorted(own & {value for of, value in one.keys if of == kind}):
                return Succession(one.recording_id, kind, shared[0])
    for one in known:
        near = -NEARBY.total_seconds() <= new.at - one.at <= NEARBY.total_seconds()
        if near and len(new.parties) >= WEAK_PARTIES and new.parties == one.parties:
            return Succession(one.recording_id, "parties and time", ", ".join(sorted(new.parties)))
    return None
