"""Genesys SIP Server and media control: UUIDs in headers of its own."""

from __future__ import annotations

from siprecord.recording.dialects.dialect import (
    WAYS,
    Dialect,
    ElementId,
    ElementWay,
    HeaderId,
    HeaderWay,
    Mark,
)
from siprecord.recording.dialects.values import uuid

DIALECT = Dialect(
    vendor="genesys",
    title="Genesys",
    marks=(Mark("product", "genesys"), Mark("header", "X-Genesys-"), Mark("namespace", "genesys")),
    ids=(
        HeaderId("genesys-uuid", "X-Genesys-CallUUID", uuid),
        HeaderId("gvp-session-id", "X-Genesys-GVP-Session-ID"),
        ElementId("genesys-uuid", "calluuid", uuid),
        ElementId("genesys-uuid", "genesysuuid", uuid),
    ),
    ways=(HeaderWay("X-Genesys-CallType", WAYS), ElementWay("calltype", WAYS)),
    quirks={"Q37": "point the ping at our SIP port: OPTIONS gets 503 when no call would be taken"},
    basis={
        "X-Genesys-": "seen",
        "genesys": "unverified",
        "X-Genesys-CallUUID": "seen",
        "X-Genesys-GVP-Session-ID": "unverified",
        "calluuid": "unverified",
        "genesysuuid": "documented",
        "X-Genesys-CallType": "unverified",
        "calltype": "unverified",
    },
)
