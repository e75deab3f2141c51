"""Webex Calling: BroadWorks underneath, with internal user ids where numbers should be."""

from __future__ import annotations

from dataclasses import replace

from siprecord.recording.dialects import broadworks
from siprecord.recording.dialects.dialect import HeaderId, Mark
from siprecord.recording.dialects.values import same

DIALECT = replace(
    broadworks.DIALECT,
    vendor="webex",
    title="Webex Calling",
    marks=(
        *broadworks.MARKS,
        Mark("product", "webex"),
        Mark("header", "X-Cisco-Webex"),
        Mark("namespace", "webex"),
    ),
    ids=(*broadworks.IDS, HeaderId("tracking-id", "TrackingID", same)),
    quirks={
        **broadworks.QUIRKS,
        "Q59": "nothing can be changed: the numbers are taken from the vendor's block instead",
        "Q65": "nothing to change: all codecs that can be stored are answered in the order offered",
    },
    basis={
        **broadworks.BASIS,
        "X-Cisco-Webex": "unverified",
        "webex": "unverified",
        "TrackingID": "unverified",
    },
)
