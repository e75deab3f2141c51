"""Which call this is: what an INVITE says about the two ends of a recording session."""

from __future__ import annotations

import msgspec

from siprecord.errors import ParseError
from siprecord.protocol import Flow
from siprecord.syntax.sip import Request


class CallIdentity(msgspec.Struct, frozen=True, kw_only=True):
    """The ends of a call. `source` is host:port of the peer as seen on the network, never what headers
    claim.
    """

    call_id: str
    from_uri: str
    to_uri: str
    request_uri: str
    transport: str
    source: str
    trunk: str = ""
    """The trunk it came in by; "" when none are configured."""
    date: str | None = None
    """The Date header: the SRC's own clock (RFC 7865 section 6.1.1)."""
    allows_update: bool = False
    accepts: tuple[str, ...] = ()


def identify(request: Request, flow: Flow, trunk: str = "") -> CallIdentity:
    """Read the identity of a new call. Never raises: what can't be read is kept as it stands."""
    host, port = flow.remote
    shown_host = f"[{host}]" if ":" in host else host
    allowed = (method.strip().upper() for method in request.headers.get_list("Allow"))
    accepts = (accept.partition(";")[0].strip().lower() for accept in request.headers.get_list("Accept"))
    return CallIdentity(
        call_id=request.headers.get("Call-ID") or "",
        from_uri=_uri(request, "From"),
        to_uri=_uri(request, "To"),
        request_uri=request.uri,
        transport=flow.transport,
        source=f"{shown_host}:{port}",
        trunk=trunk,
        date=request.headers.get("Date"),
        allows_update="UPDATE" in allowed,
        accepts=tuple(accepts),
    )


def _uri(request: Request, header: str) -> str:
    try:
        return (request.from_ if header == "From" else request.to).uri
    except ParseError:
        return request.headers.get(header) or ""
