"""AudioCodes Mediant: no Require, numbers as ids, Avaya and Genesys ids passed through."""

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
from siprecord.recording.dialects.values import ucid, uuid

DIALECT = Dialect(
    vendor="audiocodes",
    title="AudioCodes Mediant",
    marks=(
        Mark("product", "audiocodes"),
        Mark("product", "mediant"),
        Mark("namespace", "audiocodes"),
        Mark("header", "X-AC-"),
        Mark("header", "AC-Session-ID"),
        Mark("element", "avayaucid"),
        Mark("element", "genesysuuid"),
    ),
    ids=(
        HeaderId("ac-session-id", "AC-Session-ID"),
        ElementId("ucid", "avayaucid", ucid),
        ElementId("genesys-uuid", "genesysuuid", uuid),
        ElementId("genesys-uuid", "genesyscalluuid", uuid),
    ),
    ways=(ElementWay("direction", WAYS), HeaderWay("X-AC-Direction", WAYS)),
    quirks={
        "Q10": "nothing to change: Require: siprec is not demanded",
        "Q41": "set BrokenConnectionMode to Ignore in the IP profile of the recorder",
        "Q48": "set SIPRec Metadata Format to RFC 7865 (SIPRecMetadataFormat), if the release has it",
    },
    basis={
        "X-AC-": "field guide",
        "AC-Session-ID": "documented",
        "audiocodes": "unverified",
        "avayaucid": "documented",
        "genesysuuid": "documented",
        "genesyscalluuid": "unverified",
        "direction": "unverified",
        "X-AC-Direction": "unverified",
    },
)
