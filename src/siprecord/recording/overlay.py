"""Fills the holes of the metadata with what headers and vendor blocks tell.

The metadata itself is never changed: this makes a view of it. What it adds says where it comes from
(`source`), and it is not shown any more once the metadata knows better. Sides are never invented: who sends
a stream is added only where a header says so, or where one line carries everybody.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import msgspec
from msgspec.structs import replace

from siprecord.recording.addresses import address_key, is_internal
from siprecord.recording.dialects import Findings, Party
from siprecord.recording.model import (
    Binding,
    Interval,
    Intervals,
    Name,
    Participant,
    RecordingModel,
    Role,
    Stream,
)


class Lines(msgspec.Struct, frozen=True, kw_only=True):
    """The m-lines that carry media, with their labels, and since when."""

    labels: Mapping[int, str | None]
    since: datetime


def overlay(told: RecordingModel, findings: Findings, lines: Lines) -> RecordingModel:
    """The model with what else is known. The same object when there is nothing to add."""
    participants = _participants(told, findings)
    if not participants:
        return told
    streams = dict(told.streams) or _streams(lines)
    flows = _flows(told, participants, streams, findings, lines)
    if (participants, streams, flows) == (told.participants, told.streams, told.flows):
        return told
    return replace(told, participants=participants, streams=streams, flows=flows)


def has_address(participant: Participant) -> bool:
    """Whether a participant has an address that means something outside."""
    return any(address_key(name.aor) and not is_internal(name.aor) for name in participant.names)


def _participants(told: RecordingModel, findings: Findings) -> dict[str, Participant]:
    known = {key: _named(each, findings.parties) for key, each in told.participants.items()}
    nameless = [each for each in known.values() if each.ended is None and not has_address(each)]
    if len(nameless) == 1 and len(known) > 1:
        known[nameless[0].id] = _numbered(nameless[0], known, findings)
    if any(each.names and any(name.aor for name in each.names) for each in known.values()):
        return known
    for party in findings.parties:
        if party.aor and party.participant is None:
            key = f"header:{address_key(party.aor) or party.aor}"
            known.setdefault(
                key, Participant(id=key, names=(Name(aor=party.aor, name=party.name),), source=party.source)
            )
    return known


def _named(participant: Participant, parties: tuple[Party, ...]) -> Participant:
    """Give a display name to an address that has none."""
    if not participant.names or participant.names[0].name:
        return participant
    first = participant.names[0]
    key = address_key(first.aor)
    name = next((party.name for party in parties if party.name and key == address_key(party.aor or "")), None)
    if not key or name is None:
        return participant
    return replace(participant, names=(replace(first, name=name), *participant.names[1:]))


def _numbered(nobody: Participant, known: Mapping[str, Participant], findings: Findings) -> Participant:
    """The one party without a number gets the one number that no party has (Q59)."""
    taken = {address_key(name.aor) for each in known.values() for name in each.names}
    free = {
        address_key(party.aor): party
        for party in findings.parties
        if party.aor and party.side and address_key(party.aor) not in taken
    }
    if len(free) != 1:
        return nobody
    (party,) = free.values()
    return replace(
        nobody, names=(*nobody.names, Name(aor=party.aor or "", name=party.name)), source=party.source
    )


def _streams(lines: Lines) -> dict[str, Stream]:
    """Q56: without stream elements, each m-line is a stream."""
    made = {}
    for mline, label in lines.labels.items():
        key = f"sdp:{label}" if label is not None else f"sdp:mline-{mline}"
        binding = Binding(label=label, mline=mline, since=lines.since)
        made[key] = Stream(id=key, label=label, bindings=(binding,))
    return made


def _flows(
    told: RecordingModel,
    participants: Mapping[str, Participant],
    streams: Mapping[str, Stream],
    findings: Findings,
    lines: Lines,
) -> dict[tuple[str, str, Role], Intervals]:
    flows = dict(told.flows)
    if any(role == "send" for _, _, role in flows):
        return flows
    for participant, stream in _senders(participants, streams, findings, lines):
        flows[participant, stream, "send"] = (Interval(start=None, seen=lines.since),)
    return flows


def _senders(
    participants: Mapping[str, Participant],
    streams: Mapping[str, Stream],
    findings: Findings,
    lines: Lines,
) -> list[tuple[str, str]]:
    live = [stream for stream in streams.values() if stream.ended is None and stream.mline is not None]
    by_line = {stream.mline: stream.id for stream in live}
    by_address = {address_key(name.aor): each.id for each in participants.values() for name in each.names}
    told = [
        (by_address[key], by_line[party.mline])
        for party in findings.parties
        if party.mline in by_line and (key := address_key(party.aor or "")) in by_address
    ]
    present = [each.id for each in participants.values() if each.ended is None]
    if told or len(live) != 1 or len(lines.labels) != 1 or len(present) < 2:
        return told
    return [(each, live[0].id) for each in present]
