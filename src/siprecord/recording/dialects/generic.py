"""What any vendor may say: the common headers of RFC 7989, 7433, 3325, 5806, 7044 and 3326."""

from __future__ import annotations

from siprecord.recording.dialects.dialect import Dialect, HeaderId
from siprecord.recording.dialects.evidence import Evidence, plain, read_address
from siprecord.recording.dialects.findings import Fact, Party
from siprecord.recording.dialects.values import find_ucid, guid, same, session_uuids, ucid, uuid
from siprecord.syntax.sip import unquote

GENERIC = Dialect(
    vendor="generic",
    title="no vendor in particular",
    marks=(),
    ids=(
        HeaderId("guid", "Cisco-Guid", guid),
        HeaderId("ucid", "X-UCID", ucid),
        HeaderId("ucid", "X-Avaya-UCID", ucid),
        HeaderId("genesys-uuid", "X-Genesys-CallUUID", uuid),
        HeaderId("global-session-id", "Av-Global-Session-ID", uuid),
        HeaderId("call-sid", "X-Twilio-CallSid", same),
        HeaderId("call-sid", "X-Call-Sid", same),
        HeaderId("icid", "P-Charging-Vector", same, "icid-value"),
    ),
    basis={
        "Cisco-Guid": "seen",
        "X-UCID": "unverified",
        "X-Avaya-UCID": "unverified",
        "X-Genesys-CallUUID": "seen",
        "Av-Global-Session-ID": "seen",
        "X-Twilio-CallSid": "seen",
        "X-Call-Sid": "seen",
        "P-Charging-Vector": "documented",
    },
)
_DIVERSIONS = ("Diversion", "History-Info")


def common_ids(evidence: Evidence) -> list[Fact]:
    """Session-ID, user-to-user data and the sipSessionIDs of the metadata."""
    found = [
        Fact("session-id", each, "Session-ID") for each in session_uuids(evidence.header("Session-ID") or "")
    ]
    for row in evidence.request.headers.get_all("User-to-User")[:8]:
        found.extend(_user_to_user(row))
    for session in evidence.metadata.sessions if evidence.metadata else ():
        for written in session.sip_session_ids[:16]:
            found.extend(Fact("session-id", each, "metadata sipSessionID") for each in session_uuids(written))
    return found


def common_facts(evidence: Evidence) -> list[Fact]:
    """Where the call was sent on from, and why something ended."""
    found = [
        Fact("diversion", address.uri, name)
        for name in _DIVERSIONS
        for entry in evidence.entries(name)
        if (address := read_address(entry)).uri
    ]
    found.extend(Fact("reason", plain(entry), "Reason") for entry in evidence.entries("Reason"))
    return found


def asserted(evidence: Evidence) -> list[Party]:
    """Identities the SRC vouches for; on which side they stand is not told by the header alone."""
    addresses = (read_address(entry) for entry in evidence.entries("P-Asserted-Identity"))
    return [
        Party(aor=address.uri, name=address.display, source="P-Asserted-Identity")
        for address in addresses
        if address.uri
    ]


def _user_to_user(row: str) -> list[Fact]:
    """RFC 7433 section 4.1: data with purpose, content and encoding; a list of such in theory."""
    data, _, params = row.partition(";")
    text = unquote(data.strip())[:512]
    if not text:
        return []
    found = [Fact("uui", text, "User-to-User")]
    as_text = "encoding=hex" not in params.replace(" ", "").lower() and '"' in data
    if not as_text and (universal := find_ucid(text)) is not None:
        found.insert(0, Fact("ucid", universal, "User-to-User"))
    return found
