"""The Session-ID header (RFC 7989): a UUID of each side, by which all boxes on the way know one session."""

from __future__ import annotations

import re
from hashlib import blake2b

from siprecord.syntax.sip import Request, Response

_UUID = re.compile(r"\s*([0-9a-fA-F]{32})\s*(?:;|$)")


def peer_uuid(message: Request | Response) -> str | None:
    """The sender's own UUID in lower case; None when the header is missing, nil or malformed."""
    found = _UUID.match(message.headers.get("Session-ID") or "")
    uuid = found[1].lower() if found else ""
    return uuid if uuid.strip("0") else None


def own_uuid(call_id: str, local_tag: str) -> str:
    """Our UUID of a session: made from what lives as long as the dialog, so it survives a restart as well.

    The tag is random, and so is the UUID; it is marked as version 5, made from a name.
    """
    digest = blake2b(f"{call_id}\n{local_tag}".encode("utf-8", "surrogateescape"), digest_size=16).hexdigest()
    return f"{digest[:12]}5{digest[13:16]}{'89ab'[int(digest[16], 16) & 3]}{digest[17:]}"


def session_id_row(own: str, peer: str) -> tuple[str, str]:
    """The header row as we send it: our UUID first (section 5)."""
    return "Session-ID", f"{own};remote={peer}"
