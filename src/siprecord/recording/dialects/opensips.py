"""OpenSIPS: labels and streams depend on the media proxy behind it, and legs may be swapped."""

from __future__ import annotations

from siprecord.recording.dialects.dialect import Dialect, HeaderId, Mark

DIALECT = Dialect(
    vendor="opensips",
    title="OpenSIPS",
    marks=(Mark("product", "opensips"), Mark("product", "kamailio")),
    ids=(HeaderId("call-id", "X-Original-Call-ID"), HeaderId("call-id", "X-Call-ID")),
    quirks={
        "Q28": "nothing to change: a refresh that stays unanswered does not end the recording",
        "Q54": "if caller and callee are swapped, swap them for this trunk with a rule (swap_sides = true)",
        "Q56": "upgrade to 3.5 or later for metadata with streams; until then the SDP labels stand in",
    },
    basis={
        "X-Original-Call-ID": "unverified",
        "X-Call-ID": "unverified",
    },
)
