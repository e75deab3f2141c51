"""Cisco built-in bridge and CUCM network recording: two calls for one conversation, and no metadata.

The phone's own voice and the far end come as calls of their own. Which is which, and which two belong
together, stands in parameters of the From URI.
"""

from __future__ import annotations

from siprecord.recording.dialects.dialect import Dialect, FromId, Mark
from siprecord.recording.dialects.evidence import Evidence, plain
from siprecord.recording.dialects.findings import Party


def ends(evidence: Evidence) -> list[Party]:
    """This call's own voice is on its first m-line; the other end is heard in the other call.

    The user of From is the near end in both of them.
    """
    params = evidence.from_params
    near, far = plain(params.get("x-nearendaddr")) or evidence.from_user, plain(params.get("x-farendaddr"))
    own_is_far = "x-farend" in params
    found = []
    for aor, is_far, source in ((near, False, "From;x-nearendaddr"), (far, True, "From;x-farendaddr")):
        if aor:
            found.append(Party(aor=aor, mline=0 if is_far == own_is_far else None, source=source))
    return found


DIALECT = Dialect(
    vendor="cisco-phone",
    title="Cisco phone (built-in bridge) or CUCM",
    marks=(
        Mark("product", "cisco-cucm"),
        Mark("from", "x-nearend"),
        Mark("from", "x-farend"),
        Mark("from", "x-refci"),
    ),
    ids=(
        FromId("cisco-refci", "x-refci"),
        FromId("cisco-refci", "x-nearendrefci"),
        FromId("cisco-refci", "x-farendrefci"),
        FromId("cisco-farend-guid", "x-farendguid"),
    ),
    more_parties=ends,
    quirks={
        "Q16": "nothing can be changed: the phone sends no metadata; its From parameters are used",
        "Q19": "turn on Early Offer on the SIP trunk to the recorder, so that the phone makes the offer",
    },
    basis={
        "x-nearend": "documented",
        "x-farend": "documented",
        "x-refci": "documented",
        "x-nearendrefci": "unverified",
        "x-farendrefci": "documented",
        "x-farendguid": "unverified",
    },
)
