"""Ribbon (Sonus) SBCs: a callData block that repeats the headers of the call, and ISUP parts."""

from __future__ import annotations

from siprecord.recording.dialects.dialect import Dialect, ElementId, Mark
from siprecord.recording.dialects.evidence import Evidence, read_address
from siprecord.recording.dialects.findings import Party, Side

_HEADERS: dict[str, Side | None] = {
    "fromhdr": "caller", "fromheader": "caller", "callingparty": "caller", "tohdr": "callee",
    "toheader": "callee", "calledparty": "callee", "paihdr": None, "paiheader": None,
}  # fmt: skip


def copied_headers(evidence: Evidence) -> list[Party]:
    """The addresses of the call itself, which the recording session's own From and To are not."""
    found = []
    for item in evidence.texts(*_HEADERS):
        address = read_address(item.text)
        if address.uri:
            found.append(
                Party(
                    aor=address.uri,
                    name=address.display,
                    side=_HEADERS[item.name],
                    source=f"metadata {item.name}",
                )
            )
    return found


DIALECT = Dialect(
    vendor="ribbon",
    title="Ribbon (Sonus) SBC",
    marks=(
        Mark("product", "sonus"),
        Mark("product", "ribbon"),
        Mark("namespace", "sonus"),
        Mark("namespace", "ribbon"),
        Mark("element", "calldata"),
        Mark("part", "application/isup"),
    ),
    ids=(ElementId("gcid", "gcid"), ElementId("call-id", "callid"), ElementId("ucid", "ucid")),
    more_parties=copied_headers,
    quirks={"Q07": "nothing to change: the ISUP part is kept in the capture and not needed"},
    basis={
        "sonus": "unverified",
        "ribbon": "unverified",
        "calldata": "documented",
        "application/isup": "field guide",
        "gcid": "documented",
        "callid": "seen",
        "ucid": "unverified",
    },
)
