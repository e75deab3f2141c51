"""Cisco BroadWorks: a block of its own at the root of the metadata, with numbers on both sides."""

from __future__ import annotations

from collections.abc import Mapping

from siprecord.recording.dialects.dialect import Basis, Dialect, ElementId, Mark, PresenceWay
from siprecord.recording.dialects.evidence import Evidence
from siprecord.recording.dialects.findings import Party, Side

_NUMBERS: dict[str, Side] = {"callingpartynumber": "caller", "calledpartynumber": "callee"}

MARKS = (Mark("namespace", "broadsoft"), Mark("namespace", "broadworks"), Mark("product", "broadworks"))
IDS = (
    ElementId("tracking-id", "exttrackingid"),
    ElementId("broadworks-call-id", "callid"),
)
WAYS = (PresenceWay({"origcall": "outbound", "termcall": "inbound"}),)


def numbers(evidence: Evidence) -> list[Party]:
    """`callType` holds origCall or termCall, and these the numbers of both sides."""
    return [
        Party(aor=item.text, side=_NUMBERS[item.name], source=f"metadata {item.name}")
        for item in evidence.texts(*_NUMBERS)
    ]


QUIRKS = {
    "Q04": "nothing to change: part headers without a blank after the colon are read",
    "Q09": "nothing to change: the odd feature tag in the Contact is understood",
    "Q20": "nothing to change: hold by the address 0.0.0.0 is understood as hold",
}
BASIS: Mapping[str, Basis] = {
    "broadsoft": "seen",
    "broadworks": "seen",
    "exttrackingid": "seen",
    "callid": "seen",
    "origcall": "seen",
    "termcall": "seen",
}
DIALECT = Dialect(
    vendor="broadworks",
    title="Cisco BroadWorks",
    marks=MARKS,
    ids=IDS,
    ways=WAYS,
    more_parties=numbers,
    quirks=QUIRKS,
    basis=BASIS,
)
