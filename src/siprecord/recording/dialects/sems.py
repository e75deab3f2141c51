"""Connectel and Procomm, which are built on SEMS: the old media type, and 0.0.0.0 for an address."""

from __future__ import annotations

from siprecord.recording.dialects.dialect import Dialect, HeaderId, Mark

DIALECT = Dialect(
    vendor="sems",
    title="Connectel or Procomm (SEMS)",
    marks=(
        Mark("product", "sems"),
        Mark("product", "connectel"),
        Mark("product", "procomm"),
        Mark("product", "sip express media server"),
    ),
    ids=(HeaderId("call-id", "P-App-Call-ID"), HeaderId("call-id", "X-Orig-Call-ID")),
    quirks={
        "Q08": "nothing to change: application/rs-metadata is taken too",
        "Q40": "set a media address on the SBC, if RTCP reports should reach it",
    },
    basis={
        "P-App-Call-ID": "unverified",
        "X-Orig-Call-ID": "unverified",
    },
)
