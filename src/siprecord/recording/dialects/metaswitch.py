"""Metaswitch Perimeta: the schema of an early draft, one mixed line, and a Contact without an end."""

from __future__ import annotations

from siprecord.recording.dialects.dialect import Dialect, ElementId, ElementParty, HeaderId, Mark

DIALECT = Dialect(
    vendor="metaswitch",
    title="Metaswitch Perimeta",
    marks=(
        Mark("product", "perimeta"),
        Mark("product", "metaswitch"),
        Mark("namespace", "urn:ietf:params:xml:ns:siprec"),
        Mark("namespace", "metaswitch"),
        Mark("header", "X-MSW"),
    ),
    ids=(
        HeaderId("correlation-id", "X-MSW-Correlation-ID"),
        ElementId("correlation-id", "correlationid"),
        ElementId("correlation-id", "callcorrelator"),
    ),
    parties=(ElementParty("caller", "callingparty"), ElementParty("callee", "calledparty")),
    quirks={
        "Q09": "nothing to change: the Contact is read although its angle bracket is not closed",
        "Q17": "configure one stream for each party, if the channels are to be told apart",
    },
    basis={
        "urn:ietf:params:xml:ns:siprec": "field guide",
        "metaswitch": "unverified",
        "X-MSW": "unverified",
        "X-MSW-Correlation-ID": "unverified",
        "correlationid": "unverified",
        "callcorrelator": "unverified",
        "callingparty": "unverified",
        "calledparty": "unverified",
    },
)
