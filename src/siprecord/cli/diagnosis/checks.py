"""What a recorder takes without a word, and what still goes wrong in the field: checks of one offer."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from siprecord.cli.diagnosis.finding import Finding
from siprecord.cli.diagnosis.text import Text
from siprecord.errors import ParseError
from siprecord.syntax.sdp import Direction, MediaDescription, SessionDescription
from siprecord.syntax.sip import Request

PRIVATE = tuple(
    map(
        ip_network,
        ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "127.0.0.0/8",
         "169.254.0.0/16", "fc00::/7", "fe80::/10", "::1/128"),
    )
)  # fmt: skip
"""Networks that no other network can reach. Those of documentation are taken for public ones."""
KEYS = frozenset({"crypto", "fingerprint", "key-mgmt"})
SECURE = "SAVP"


def checks(request: Request, offer: SessionDescription, text: Text) -> Iterator[Finding]:
    """Findings about an offer of the client."""
    for number, media in enumerate(offer.media):
        if media.port:
            yield from _direction(number, media, text)
            yield from _keys(number, media, offer, text)
    yield from _private(request, offer, text)


def _direction(number: int, media: MediaDescription, text: Text) -> Iterator[Finding]:
    if media.direction is Direction.SENDRECV:
        written = any(each.name == "sendrecv" for each in media.attributes)
        how = "offered sendrecv" if written else "offered without a direction, which means sendrecv"
        yield Finding(
            fault=f"m-line {number + 1} is {how}; we answer recvonly and never send anything.",
            line=text.media(number, r"a=sendrecv"),
            reference="RFC 7866 section 7.1.1",
            rule="The client does not expect media from a recorder, so it offers each stream sendonly.",
            change="offer a=sendonly; some SBCs take sendrecv for a call of two ways and time it out when "
            "nothing comes back",
        )


def _keys(number: int, media: MediaDescription, offer: SessionDescription, text: Text) -> Iterator[Finding]:
    secure = SECURE in media.protocol.upper()
    named = {each.name for each in (*offer.attributes, *media.attributes)}
    if secure and named.isdisjoint(KEYS):
        yield Finding(
            fault=f"m-line {number + 1} asks for {media.protocol} but brings no key, so nothing of it could "
            "be decrypted.",
            line=text.media(number),
            reference="RFC 4568 section 7.1.1",
            rule="An offer of SRTP carries its keys: a=crypto in each m-line, or a=fingerprint for DTLS.",
            change="send a=crypto with the suite and an inline key, over TLS; or offer RTP/AVP",
        )


def _private(request: Request, offer: SessionDescription, text: Text) -> Iterator[Finding]:
    try:
        sent_by = request.top_via.host
    except ParseError:
        return
    if _is_private(sent_by) is not False:
        return
    seen: set[str] = set()
    for number, media in enumerate(offer.media):
        connection = offer.connection_of(media)
        host = connection.host if connection is not None and media.port else ""
        if host in seen or not _is_private(host):
            continue
        seen.add(host)
        yield Finding(
            fault=f"The SDP says that media comes from {host}, a private address, while the SIP messages "
            f"come from {sent_by}: the SDP was not translated on its way.",
            line=text.connection(number),
            reference="RFC 3264 section 5.1",
            rule="The address in c= is where the offerer is reached. Our RTCP reports go there, and packets "
            "from elsewhere look like those of a stranger until they prove steady.",
            change="let the SBC put its public media address into c=, or switch off the NAT helper (ALG) "
            "that translates only half of the message",
        )


def _is_private(host: str) -> bool | None:
    """None for a name, which tells nothing."""
    try:
        address: IPv4Address | IPv6Address = ip_address(host.strip("[]"))
    except ValueError:
        return None
    return any(address in network for network in PRIVATE)
