"""From a SIP URI to the address that is called."""

from __future__ import annotations

import asyncio
import socket
from dataclasses import dataclass
from typing import cast

from siprecord.client.report import CallError
from siprecord.errors import ParseError
from siprecord.protocol import Address, Transport
from siprecord.syntax.sip import SipUri

TRANSPORTS = ("udp", "tcp", "tls")


@dataclass(frozen=True, slots=True)
class Target:
    """Where a call goes. `named` says that the URI itself chose the transport."""

    uri: str
    host: str
    port: int
    transport: Transport
    named: bool


def read_target(text: str) -> Target:
    """Read `sip:user@host:port;transport=tcp`; the scheme may be left out. Raises `CallError`."""
    uri = text if ":" in text and text.partition(":")[0] in ("sip", "sips") else f"sip:{text}"
    try:
        parsed = SipUri.parse(uri)
    except ParseError as error:
        raise CallError(f"{text} is not a SIP URI: {error}") from None
    transport = "tls" if parsed.scheme == "sips" else parsed.transport or "udp"
    if transport not in TRANSPORTS:
        raise CallError(f"{text}: the transport {transport} is not known; there are {', '.join(TRANSPORTS)}")
    port = parsed.port or (5061 if transport == "tls" else 5060)
    return Target(uri, parsed.host, port, cast(Transport, transport), parsed.transport is not None)


async def resolve(target: Target) -> Address:
    """The IP address of the target; raises `CallError` if its name is not known."""
    kind = socket.SOCK_DGRAM if target.transport == "udp" else socket.SOCK_STREAM
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(target.host, target.port, type=kind)
    except (OSError, UnicodeError):
        raise CallError(f"the name {target.host} is not known") from None
    return str(found[0][4][0]), target.port


def local_host_towards(remote: Address) -> str:
    """The address of ours that packets to `remote` come from; raises `CallError` if there is no way."""
    family = socket.AF_INET6 if ":" in remote[0] else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(remote)
        except OSError as error:
            raise CallError(f"there is no way to {remote[0]}: {error.strerror}") from None
        return str(probe.getsockname()[0])
