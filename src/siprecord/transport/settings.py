"""Bounds of sockets and connections, and what is counted about them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

from siprecord.protocol import Address
from siprecord.protocol.flow import Transport

UDP_RECEIVE_BUFFER = 4 * 1024 * 1024
"""Ours: some 1,500 large INVITEs, so that a busy loop loses none. The kernel caps it at net.core.rmem_max."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TransportSettings:
    """What peers may cost us. All times are seconds; 0 switches an idle limit off."""

    max_connections: int = 4096
    max_connections_per_source: int = 1024
    idle_timeout: float = 3600.0
    """A connection without traffic is closed after this. Calls last hours: far above 64*T1 (RFC 3261 18)."""
    max_age: float = 0.0
    """A connection is closed at its first quiet moment after this, however busy it is; 0: never.

    Off by default: a client behind a NAT can't be reached before it connects again.
    """
    first_message_timeout: float = 60.0
    """A connection that never brought a message or a ping is closed after this."""
    message_timeout: float = 20.0
    """A message must be complete this long after its first byte."""
    connect_timeout: float = 10.0
    handshake_timeout: float = 10.0
    close_timeout: float = 5.0
    """How long a connection that is being closed may take to send what is left."""
    max_unsent: int = 1024 * 1024
    """Bytes a peer that does not read may make us hold; then it is cut off."""
    max_partial: int = 64 * 1024 * 1024
    """Bytes of messages that are not whole yet, on all connections; above it the largest are refused."""
    udp_receive_buffer: int = UDP_RECEIVE_BUFFER
    floating: frozenset[str] = frozenset()
    """Addresses to listen on that this machine may get later."""


@dataclass(slots=True)
class TransportCounters:
    """What happened on the sockets since the start."""

    datagrams_received: int = 0
    datagrams_sent: int = 0
    datagrams_ignored: int = 0
    """Keep-alives, STUN and the like on the SIP port."""
    send_failures: int = 0
    socket_errors: int = 0
    """ICMP errors and such, told by the kernel."""
    connections_opened: int = 0
    connections_refused: int = 0
    """Above a limit."""
    connections_timed_out: int = 0
    connections_cut_off: int = 0
    """Peers that did not read what they were sent."""
    partials_refused: int = 0
    """Messages given up half received, since all of them together were too large."""
    connect_failures: int = 0
    handshake_failures: int = 0
    framing_errors: int = 0
    failures_contained: int = 0
    """Bugs of ours that ended one message or call, not the server. Should stay 0."""
    by_transport: Counter[tuple[str, str]] = field(default_factory=Counter)
    """What happened to connections, by transport and name; the fields above are the sums."""

    def count(self, event: str, transport: Transport) -> None:
        """Count one event of a connection; `event` is the name of a field."""
        setattr(self, event, getattr(self, event) + 1)
        self.by_transport[transport, event] += 1


class Advertised(NamedTuple):
    """How the peers of a listener reach us; an empty host or port 0 leaves that part as it is."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class ListenerInfo:
    """A socket that is being listened on, with the port it really has."""

    transport: Transport
    host: str
    port: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionInfo:
    """One stream connection, for people. Times are those of the driver's clock."""

    number: int
    transport: Transport
    local: Address
    remote: Address
    outgoing: bool
    opened: float
    last_active: float
    messages: int
    identity: tuple[str, ...] = ()
    """The names its certificate proves (RFC 5922)."""
    state: str = "open"
    """`opening` (or in the TLS handshake), `open`, `receiving` (half a message is there), `closing`."""
    received_bytes: int = 0
    sent_bytes: int = 0
    unsent_bytes: int = 0
    """What the peer has not taken yet."""
