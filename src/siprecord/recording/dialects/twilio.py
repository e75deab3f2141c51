"""Twilio `<Siprec>`: call SIDs in headers, parameters of the verb in the metadata."""

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

DIALECT = Dialect(
    vendor="twilio",
    title="Twilio",
    marks=(Mark("product", "twilio"), Mark("header", "X-Twilio-"), Mark("namespace", "twilio")),
    ids=(
        HeaderId("call-sid", "X-Twilio-CallSid"),
        ElementId("call-sid", "callsid"),
        ElementId("account-sid", "accountsid"),
        HeaderId("account-sid", "X-Twilio-AccountSid"),
    ),
    ways=(HeaderWay("X-Twilio-Direction", WAYS), ElementWay("direction", WAYS)),
    quirks={"Q12": "nothing to change: sendonly is answered recvonly"},
    basis={
        "X-Twilio-": "seen",
        "twilio": "unverified",
        "X-Twilio-CallSid": "seen",
        "X-Twilio-AccountSid": "seen",
        "callsid": "unverified",
        "accountsid": "unverified",
        "X-Twilio-Direction": "unverified",
        "direction": "unverified",
    },
)
