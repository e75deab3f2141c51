"""Avaya SBCE: placeholders first, the parties by UPDATE, the UCID in user-to-user data."""

from __future__ import annotations

from siprecord.recording.dialects.dialect import WAYS, Dialect, ElementId, ElementWay, HeaderId, Mark
from siprecord.recording.dialects.values import ucid, uuid

DIALECT = Dialect(
    vendor="avaya",
    title="Avaya SBCE",
    marks=(
        Mark("product", "avaya"),
        Mark("header", "Av-Global-Session-ID"),
        Mark("header", "AV-Correlation-ID"),
        Mark("namespace", "avaya"),
    ),
    ids=(
        HeaderId("global-session-id", "Av-Global-Session-ID", uuid),
        HeaderId("correlation-id", "AV-Correlation-ID"),
        ElementId("ucid", "ucid", ucid),
        ElementId("ucid", "avayaucid", ucid),
    ),
    ways=(ElementWay("direction", WAYS),),
    quirks={
        "Q18": "nothing to change: every m-line is answered and recorded",
        "Q47": "nothing to change: placeholders are replaced when the UPDATE comes",
    },
    basis={
        "Av-Global-Session-ID": "seen",
        "AV-Correlation-ID": "unverified",
        "avaya": "unverified",
        "ucid": "field guide",
        "avayaucid": "documented",
        "direction": "unverified",
    },
)
