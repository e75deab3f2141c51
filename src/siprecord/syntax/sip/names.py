"""Header names: one spelling for each, compact forms expanded (RFC 3261 section 7.3.3, IANA registry)."""

from __future__ import annotations

from siprecord.syntax.sip.grammar import WHITESPACE, is_token

COMPACT_FORMS = {
    "a": "Accept-Contact",
    "b": "Referred-By",
    "c": "Content-Type",
    "d": "Request-Disposition",
    "e": "Content-Encoding",
    "f": "From",
    "i": "Call-ID",
    "j": "Reject-Contact",
    "k": "Supported",
    "l": "Content-Length",
    "m": "Contact",
    "n": "Identity-Info",
    "o": "Event",
    "r": "Refer-To",
    "s": "Subject",
    "t": "To",
    "u": "Allow-Events",
    "v": "Via",
    "x": "Session-Expires",
    "y": "Identity",
}

_SPELLED_OUT = (
    "Accept", "Accept-Contact", "Accept-Encoding", "Accept-Language", "Alert-Info", "Allow",
    "Allow-Events", "Authentication-Info", "Authorization", "Call-ID", "Call-Info", "Contact",
    "Content-Disposition", "Content-Encoding", "Content-ID", "Content-Language", "Content-Length",
    "Content-Type", "CSeq", "Date", "Diversion", "Error-Info", "Event", "Expires", "From", "Geolocation",
    "History-Info", "Identity", "Identity-Info", "Info-Package", "In-Reply-To", "Join", "Max-Breadth",
    "Max-Forwards", "MIME-Version", "Min-Expires", "Min-SE", "Organization", "P-Access-Network-Info",
    "P-Asserted-Identity", "P-Charging-Vector", "P-Preferred-Identity", "Path", "Priority", "Privacy",
    "Proxy-Authenticate", "Proxy-Authorization", "Proxy-Require", "RAck", "Reason", "Record-Route",
    "Recv-Info", "Refer-To", "Referred-By", "Reject-Contact", "Remote-Party-ID", "Replaces", "Reply-To",
    "Request-Disposition", "Require", "Retry-After", "Route", "RSeq", "Server", "Service-Route",
    "Session-Expires", "Session-ID", "SIP-ETag", "SIP-If-Match", "Subject", "Subscription-State",
    "Supported", "Target-Dialog", "Timestamp", "To", "Unsupported", "User-Agent", "User-to-User", "Via",
    "Warning", "WWW-Authenticate",
)  # fmt: skip

# Read on every header of every message, so the spellings seen in the field are all keys.
_CANONICAL = {name.lower(): name for name in _SPELLED_OUT} | COMPACT_FORMS
CANONICAL = (
    _CANONICAL | {name: name for name in _SPELLED_OUT} | {k.upper(): v for k, v in COMPACT_FORMS.items()}
)
KEYS = {spelling: name.lower() for spelling, name in CANONICAL.items()}


def canonical_name(name: str) -> str | None:
    """The usual spelling of a header name; an unknown one keeps its own, one that is no token gives None."""
    stripped = name.strip(WHITESPACE)
    known = _CANONICAL.get(stripped.lower())
    if known is not None:
        return known
    return stripped if is_token(stripped) else None


def header_key(name: str) -> str:
    """What two names of one header have in common: lower case, compact form expanded."""
    key = KEYS.get(name)
    if key is not None:
        return key
    lower = name.lower()
    return KEYS.get(lower, lower)
