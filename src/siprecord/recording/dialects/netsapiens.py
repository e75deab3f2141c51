"""NetSapiens: labels must come back, and participant ids have become Call-IDs."""

from __future__ import annotations

from siprecord.recording.dialects.dialect import Dialect, HeaderId, Mark
from siprecord.recording.dialects.evidence import Evidence
from siprecord.recording.dialects.findings import Party


def nobody(evidence: Evidence) -> list[Party]:
    """Participant ids name call legs here, not people (Q49): nothing is taken from them."""
    return []


DIALECT = Dialect(
    vendor="netsapiens",
    title="NetSapiens",
    marks=(Mark("product", "netsapiens"), Mark("product", "ns-core"), Mark("header", "X-NS-")),
    ids=(HeaderId("call-id", "X-NS-Orig-Call-ID"), HeaderId("call-id", "X-NS-Term-Call-ID")),
    more_parties=nobody,
    quirks={
        "Q13": "nothing to change: labels are echoed",
        "Q49": "nothing to change: participant ids are not used to know people again",
    },
    basis={
        "X-NS-": "unverified",
        "X-NS-Orig-Call-ID": "unverified",
        "X-NS-Term-Call-ID": "unverified",
    },
)
