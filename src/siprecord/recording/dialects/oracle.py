"""Oracle (ACME Packet) session border controllers: extension data under the apkt prefix."""

from __future__ import annotations

from siprecord.recording.dialects.dialect import Dialect, ElementId, Mark
from siprecord.recording.dialects.evidence import Evidence
from siprecord.recording.dialects.findings import Party
from siprecord.recording.dialects.values import ucid


def calling_parties(evidence: Evidence) -> list[Party]:
    """`callingParty` stands within a participant and says true for the caller, false for the callee."""
    return [
        Party(
            participant=item.parent,
            side="caller" if item.text.lower() == "true" else "callee",
            source="metadata callingParty",
        )
        for item in evidence.texts("callingparty")
        if item.parent and item.text.lower() in ("true", "false")
    ]


DIALECT = Dialect(
    vendor="oracle",
    title="Oracle SBC (ACME Packet)",
    marks=(Mark("product", "oracle"), Mark("product", "acme"), Mark("namespace", "acmepacket")),
    ids=(ElementId("ucid", "ucid", ucid), ElementId("gucid", "gucid")),
    more_parties=calling_parties,
    quirks={
        "Q05": "nothing to change: blanks after the boundary are allowed by RFC 2046",
        "Q33": "leave the codec list of the session-recording-server empty, or our answer limits the call",
    },
    basis={
        "acmepacket": "seen",
        "ucid": "seen",
        "gucid": "unverified",
    },
)
