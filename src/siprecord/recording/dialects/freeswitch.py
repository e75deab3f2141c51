"""FreeSWITCH (mod_siprec and its kin)."""

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
    vendor="freeswitch",
    title="FreeSWITCH",
    marks=(Mark("product", "freeswitch"), Mark("product", "mod_siprec"), Mark("header", "X-FS-")),
    ids=(
        HeaderId("channel-uuid", "X-FS-Call-UUID", uuid),
        HeaderId("channel-uuid", "X-Channel-UUID", uuid),
        ElementId("channel-uuid", "uuid", uuid),
    ),
    ways=(HeaderWay("X-FS-Direction", WAYS), ElementWay("direction", WAYS)),
    quirks={"Q17": "record unmixed (one m-line for each leg), if the channels are to be told apart"},
    basis={
        "X-FS-": "unverified",
        "X-FS-Call-UUID": "unverified",
        "X-Channel-UUID": "unverified",
        "uuid": "unverified",
        "X-FS-Direction": "unverified",
        "direction": "unverified",
    },
)
