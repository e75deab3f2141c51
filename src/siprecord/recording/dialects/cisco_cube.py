"""Cisco CUBE and its media proxy: GUIDs, GTD parts, calls that begin inactive, NBR without metadata."""

from __future__ import annotations

from siprecord.recording.dialects.dialect import Dialect, ElementId, HeaderId, Mark
from siprecord.recording.dialects.evidence import Evidence, plain, read_address
from siprecord.recording.dialects.findings import Party
from siprecord.recording.dialects.values import guid

RECORDING_PARTICIPANT = "X-Cisco-Recording-Participant"


def participants(evidence: Evidence) -> list[Party]:
    """Network-based recording names who sends on which m-line: `<sip:…>;media-index="0"`."""
    found = []
    for entry in evidence.entries(RECORDING_PARTICIPANT):
        address = read_address(entry)
        index = plain(address.params.get("media-index"))
        if address.uri:
            mline = int(index) if index.isdecimal() and len(index) < 4 else None
            found.append(
                Party(aor=address.uri, name=address.display, mline=mline, source=RECORDING_PARTICIPANT)
            )
    return found


DIALECT = Dialect(
    vendor="cisco-cube",
    title="Cisco CUBE",
    marks=(
        Mark("product", "cisco-sipgateway"),
        Mark("product", "cisco media proxy"),
        Mark("header", "Cisco-Guid"),
        Mark("header", RECORDING_PARTICIPANT),
        Mark("part", "application/gtd"),
    ),
    ids=(HeaderId("guid", "Cisco-Guid", guid), ElementId("guid", "guid", guid)),
    more_parties=participants,
    quirks={
        "Q07": "nothing to change: the GTD part is kept in the capture and not needed",
        "Q24": "nothing to change: the stream is recorded as soon as it is offered sendonly",
    },
    basis={
        "Cisco-Guid": "seen",
        "X-Cisco-Recording-Participant": "documented",
        "application/gtd": "field guide",
        "guid": "unverified",
    },
)
