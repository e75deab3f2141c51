"""jambonz, and the Cognigy Voice Gateway that is built on it."""

from __future__ import annotations

from siprecord.recording.dialects.dialect import WAYS, Dialect, HeaderId, HeaderWay, Mark

DIALECT = Dialect(
    vendor="jambonz",
    title="jambonz or Cognigy Voice Gateway",
    marks=(
        Mark("product", "jambonz"),
        Mark("product", "cognigy"),
        Mark("product", "drachtio"),
        Mark("header", "X-Jambonz-"),
        Mark("header", "X-Cognigy-"),
        Mark("header", "X-Call-Sid"),
    ),
    ids=(
        HeaderId("call-sid", "X-Call-Sid"),
        HeaderId("account-sid", "X-Account-Sid"),
        HeaderId("trace-id", "X-Trace-ID"),
        HeaderId("cognigy-session", "X-Cognigy-Session-ID"),
    ),
    ways=(HeaderWay("X-Jambonz-Direction", WAYS), HeaderWay("X-Direction", WAYS)),
    quirks={
        "Q11": "nothing to change: the answer is plain application/sdp",
        "Q51": "nothing to change: metadata without sessionrecordingassoc is taken",
    },
    basis={
        "X-Jambonz-": "unverified",
        "X-Cognigy-": "unverified",
        "X-Call-Sid": "seen",
        "X-Account-Sid": "seen",
        "X-Trace-ID": "unverified",
        "X-Cognigy-Session-ID": "unverified",
        "X-Jambonz-Direction": "unverified",
        "X-Direction": "unverified",
    },
)
