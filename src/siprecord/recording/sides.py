"""Who called and who was called, decided by what was said of a participant, a stream or a label.

Never by order: the field has both orders (Q54). Where nothing tells, the sides stay open. A rule may swap the
sides of a trunk that is known to have them the wrong way round.
"""

from __future__ import annotations

import msgspec

from siprecord.recording.addresses import address_key, shown_name
from siprecord.recording.dialects import Findings, Party
from siprecord.recording.dialects.findings import Side
from siprecord.recording.model import Participant, RecordingModel

LABELS: dict[str, Side] = {
    "a_leg": "caller", "aleg": "caller", "caller": "caller", "calling": "caller",
    "b_leg": "callee", "bleg": "callee", "callee": "callee", "called": "callee",
}  # fmt: skip
"""Labels that speak. They are opaque to the protocol, but some clients mean something by them (Q14)."""


class SideOf(msgspec.Struct, frozen=True, kw_only=True):
    """One side. Without a `participant`, only an address was told."""

    participant: str | None
    aor: str | None
    name: str | None
    labels: tuple[str, ...]


class Sides(msgspec.Struct, frozen=True, kw_only=True):
    """Both sides, as far as they are known, and in words what they were decided from."""

    caller: SideOf | None
    callee: SideOf | None
    decided_from: str


def decide_sides(model: RecordingModel, findings: Findings, *, swap: bool = False) -> Sides | None:
    """The sides of the call; None while nothing tells them."""
    found, by = _by_parties(model, findings.parties)
    if not found:
        found, by = _by_labels(model)
    if not found:
        return None
    by += _by_elimination(model, found)
    caller, callee = found.get("caller"), found.get("callee")
    if swap:
        caller, callee, by = callee, caller, f"{by}; swapped by a rule"
    return Sides(caller=caller, callee=callee, decided_from=by)


def _by_parties(model: RecordingModel, parties: tuple[Party, ...]) -> tuple[dict[Side, SideOf], str]:
    if not any(party.side for party in parties):
        return {}, ""
    found: dict[Side, SideOf] = {}
    sources: list[str] = []
    by_key = {
        key: each.id
        for each in model.participants.values()
        for name in each.names
        if (key := address_key(name.aor))
    }
    for party in parties:
        if party.side is None or party.side in found:
            continue
        who = party.participant if party.participant in model.participants else None
        who = who or by_key.get(address_key(party.aor or ""))
        if who is not None:
            found[party.side] = _side(model, who)
        elif party.aor:
            found[party.side] = SideOf(participant=None, aor=party.aor, name=party.name, labels=())
        else:
            continue
        sources.append(party.source)
    return found, ", ".join(dict.fromkeys(sources))


def _by_labels(model: RecordingModel) -> tuple[dict[Side, SideOf], str]:
    found: dict[Side, SideOf] = {}
    for stream in model.streams.values():
        side = LABELS.get((stream.label or "").lower())
        if side is None:
            continue
        senders = model.senders(stream.id, ever=True)
        if len(senders) == 1:
            found.setdefault(side, _side(model, senders[0]))
    return found, "label" if found else ""


def _by_elimination(model: RecordingModel, found: dict[Side, SideOf]) -> str:
    """Of two people the one who did not call was called."""
    people = [each.id for each in model.participants.values() if not each.placeholder]
    if len(found) != 1 or len(people) != 2:
        return ""
    (side, known), *_ = found.items()
    if known.participant not in people:
        return ""
    other = next(each for each in people if each != known.participant)
    found["callee" if side == "caller" else "caller"] = _side(model, other)
    return "; the other side by elimination"


def _side(model: RecordingModel, who: str) -> SideOf:
    participant = model.participants.get(who) or Participant(id=who)
    first = participant.names[-1] if participant.source else next(iter(participant.names), None)
    labels = [
        stream.label
        for stream in model.streams.values()
        if stream.label is not None and who in model.senders(stream.id, ever=True)
    ]
    return SideOf(
        participant=who,
        aor=first.aor if first else None,
        name=shown_name(first.name) if first else None,
        labels=tuple(dict.fromkeys(labels)),
    )
