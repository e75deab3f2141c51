"""What a message must have before anybody acts on it (RFC 3261 sections 8.1.1, 8.2 and 20).

Only what routing, matching and answering need is judged. Headers nobody reads may be malformed
(section 8.2.2), Max-Forwards may be absent, zero or absurd, and From may lack its tag.
"""

from __future__ import annotations

from siprecord.errors import ParseError
from siprecord.syntax.sip.grammar import shown
from siprecord.syntax.sip.message import KNOWN_METHODS, Message, Request, Response
from siprecord.syntax.sip.uri import SipUri, uri_scheme

_MANDATORY = {name.lower(): name for name in ("Via", "From", "To", "Call-ID", "CSeq")}
_SINGLE = {name.lower(): name for name in ("From", "To", "Call-ID", "CSeq", "Max-Forwards", "Content-Type")}

# Their Contact is where our requests go (RFC 3261 section 12.2, RFC 3311, RFC 6665, RFC 3515).
_TARGET_METHODS = frozenset({"INVITE", "UPDATE", "SUBSCRIBE", "NOTIFY", "REFER"})

_SIP_SCHEMES = ("sip", "sips")


def validate_request(request: Request) -> None:
    """Raises ParseError with the status to answer: 400, 416 (URI scheme) or 501 (unknown method)."""
    _check_headers(request)
    _check_cseq(request)
    _check_request_uri(request.uri)
    if request.method in _TARGET_METHODS:
        _check_contact(request)


def validate_response(response: Response) -> None:
    """Raises ParseError when a response is to be dropped (RFC 3261 section 8.1.3)."""
    _check_headers(response)
    _ = response.cseq


def _check_headers(message: Message) -> None:
    present = message.headers.keys()
    for key, name in _MANDATORY.items():
        if key not in present:
            raise ParseError(f"{name} header missing")
    for key in message.headers.repeated():
        if key in _SINGLE:
            raise ParseError(f"{_SINGLE[key]} header more than once")
    _ = message.vias, message.from_, message.to, message.call_id


def _check_cseq(request: Request) -> None:
    cseq = request.cseq
    if cseq.method == request.method:
        return
    if request.method not in KNOWN_METHODS:
        raise ParseError(f"method {shown(request.method)} is not known", status=501)
    raise ParseError(f"CSeq {shown(str(cseq))}: method of the request ({request.method}) expected")


def _check_request_uri(uri: str) -> None:
    scheme = uri_scheme(uri)
    if scheme in _SIP_SCHEMES:
        SipUri.parse(uri)
    elif scheme != "tel":
        raise ParseError(f"URI {shown(uri)}: scheme {scheme!r} is not supported", status=416)


def _check_contact(request: Request) -> None:
    contact = request.contact
    if contact is not None and uri_scheme(contact.uri) in _SIP_SCHEMES:
        SipUri.parse(contact.uri)
