"""Where a message goes: responses by their top Via, requests by route set and target. Resolves no names."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from ipaddress import ip_address

import msgspec

from siprecord.errors import ParseError
from siprecord.protocol.flow import Address, Flow, Transport
from siprecord.syntax.sip import NameAddr, SipUri, Via

DEFAULT_PORT: dict[str, int] = {"udp": 5060, "tcp": 5060, "tls": 5061}
_MAX_ADDRESS = 128
"""Characters; no address is longer, and what is asked about is remembered."""
_TRANSPORTS: dict[str, Transport] = {"udp": "udp", "tcp": "tcp", "tls": "tls"}


def stamp(via: Via, flow: Flow) -> Via:
    """The top Via with what the receiver adds: `received` and `rport` (RFC 3261 section 18.2.1, RFC 3581).

    A `received` that the peer wrote itself is never kept.
    """
    host, port = flow.remote
    if via.wants_rport:
        return via.with_params(received=host, rport=str(port))
    if via.host.lower() != host.lower() or "received" in via.params:
        return via.with_params(received=host)
    return via


def response_flow(via: Via, flow: Flow, *, connected: bool) -> Flow:
    """Where the response to a request goes that came on `flow` with this top Via (section 18.2.2, RFC 3581).

    `connected` is False when the stream connection it came on is gone.
    """
    port = via.port or DEFAULT_PORT[flow.transport]
    if flow.reliable:
        return flow if connected else replace(flow, remote=(flow.remote[0], port), connection=0)
    if via.wants_rport:
        return flow
    return replace(flow, remote=(via.maddr or flow.remote[0], port))


@dataclass(frozen=True, slots=True)
class Route:
    """What a route set makes of a request: its Request-URI, its Route values, and the URI it is sent to."""

    request_uri: str
    routes: tuple[str, ...]
    next_hop: str


def route_request(target: str, route_set: tuple[str, ...]) -> Route:
    """RFC 3261 section 12.2.1.1, with the rewriting that a strict router as first hop needs."""
    if not route_set:
        return Route(target, (), target)
    first = NameAddr.parse(route_set[0]).uri
    if "lr" in SipUri.parse(first).params:
        return Route(target, route_set, first)
    return Route(_without_headers(first), (*route_set[1:], f"<{target}>"), first)


def _without_headers(uri: str) -> str:
    """The URI as a Request-URI may be: neither headers nor a method parameter (section 19.1.1)."""
    parsed = SipUri.parse(uri)
    params = {name: value for name, value in parsed.params.items() if name != "method"}
    return str(msgspec.structs.replace(parsed, params=params, headers={}))


def request_flow(next_hop: str, known: Flow, *, connected: bool) -> Flow:
    """How to reach `next_hop`, from a peer that `known` has worked for.

    A stream connection that still stands is used again (RFC 5923). A UDP peer whose next hop is a name gets
    the request where its own came from, because names are not resolved here.
    """
    try:
        uri = SipUri.parse(next_hop)
    except ParseError:
        return known
    transport = _transport(uri, known)
    address: Address = (uri.host, uri.port or DEFAULT_PORT[transport])
    if transport == known.transport:
        if known.reliable and connected and known.connection:
            return known
        if not known.reliable and not is_address(uri.host):
            return known
        return replace(known, remote=address, connection=0)
    return Flow(transport, known.local, address)


def _transport(uri: SipUri, known: Flow) -> Transport:
    if uri.scheme == "sips":
        return "tls"
    return _TRANSPORTS.get(uri.transport or "", known.transport)


def is_address(host: str) -> bool:
    """Whether a host is an IP address, and no name."""
    return len(host) <= _MAX_ADDRESS and _is_address(host)


@lru_cache(maxsize=256)
def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
