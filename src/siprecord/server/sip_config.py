"""The section `sip`: where SIP is spoken, and within which bounds."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator

from siprecord.server.section import Host, Port, Positive, Seconds, Section, ip_address, written


class ListenerConfig(Section):
    """One SIP socket of several."""

    transport: Literal["udp", "tcp", "tls"] = Field(description="What is spoken on it.")
    host: Host = Field(default="0.0.0.0", description="Address to listen on.")
    port: Port = Field(default=5060, description="Port to listen on.")
    advertised_host: Host | None = Field(
        default=None, description="Where peers of this listener reach us; default: sip.advertised_host."
    )
    advertised_port: Port | None = Field(
        default=None, description="The port they reach us on; default: the port of the listener."
    )
    media_address: str | None = Field(
        default=None,
        description="Address in the SDP of its calls; default: media.advertised_address.",
    )

    @field_validator("media_address")
    @classmethod
    def _numeric(cls, value: str | None) -> str | None:
        return ip_address(value)


class SipConfig(Section):
    """Where SIP is spoken, and within which bounds."""

    host: Host = Field(
        default="0.0.0.0",
        description="Address to listen on; 0.0.0.0 is every IPv4 address, :: every IPv6 one.",
    )
    port: Port = Field(default=5060, description="Port for UDP and TCP.")
    udp: bool = Field(default=True, description="Listen on UDP.")
    tcp: bool = Field(default=True, description="Listen on TCP.")
    tls_port: Port = Field(default=5061, description="Port for TLS; used when tls.certificate is set.")
    listeners: tuple[ListenerConfig, ...] = Field(
        default=(),
        description="Several sockets, each with its own advertised address, instead of host, port, udp, tcp "
        'and tls_port: { transport = "udp", host = "10.0.0.1", port = 5060, advertised_host = "sip.test" }',
    )
    advertised_host: Host | None = Field(
        default=None,
        description="Where peers reach us, when it is not the address we listen on (NAT, floating address).",
    )
    user_agent: str = Field(
        default="",
        max_length=200,
        description="What we call ourselves in SIP; empty means siprecord/VERSION.",
    )
    t1_ms: int = Field(
        default=500,
        ge=50,
        le=5000,
        description="SIP timer T1, the round-trip estimate (RFC 3261 section 17).",
    )
    t2_ms: int = Field(
        default=4000, ge=500, le=30000, description="SIP timer T2, the longest retransmission interval."
    )
    t4_ms: int = Field(
        default=5000, ge=500, le=60000, description="SIP timer T4, how long a message stays in the network."
    )
    session_expires_s: int = Field(
        default=1800,
        ge=90,
        le=86400,
        description="Session interval we ask for when the peer names none (RFC 4028).",
    )
    min_session_expires_s: int = Field(
        default=90, ge=90, le=86400, description="Shortest session interval we accept (RFC 4028)."
    )
    max_message_bytes: int = Field(default=2 * 1024 * 1024, ge=4096, description="Largest SIP message read.")
    max_head_bytes: int = Field(
        default=64 * 1024, ge=1024, description="Largest start line and headers of a SIP message."
    )
    max_headers: int = Field(default=256, ge=32, description="Most header rows of a SIP message.")
    max_transactions: Positive = Field(
        default=20_000, description="SIP transactions alive at a time; more are refused by 503."
    )
    max_requests_per_second: float = Field(
        default=1000,
        ge=0,
        le=1e6,
        allow_inf_nan=False,
        description="Requests outside dialogs from one address (in IPv6: one /64); more get 503, beyond four "
        "times as many no answer. Calls that run are never hindered. 0: no limit.",
    )
    request_burst: int = Field(
        default=0, ge=0, le=10**6, description="How many of them may come at once; 0: two seconds' worth."
    )
    unknown_sources: Literal["refuse", "ignore"] = Field(
        default="refuse",
        description="What requests that belong to no trunk get: 403, or no answer at all.",
    )
    realm: Annotated[str, written(r"[\x20-\x7e]+", "a realm has signs of ASCII only")] = Field(
        default="siprecord",
        min_length=1,
        max_length=200,
        description="Realm of digest authentication; passwords of clients are bound to it.",
    )
    nonce_lifetime_s: float = Field(
        default=300, ge=5, le=86400, description="How long a digest challenge can be answered."
    )
    max_connections: Positive = Field(default=4096, description="TCP and TLS connections open at a time.")
    max_connections_per_source: Positive = Field(
        default=1024, description="TCP and TLS connections open from one address."
    )
    idle_timeout_s: Seconds = Field(
        default=3600, description="A TCP or TLS connection without traffic is closed after this; 0 never."
    )
    max_connection_age_s: Seconds = Field(
        default=0,
        description="A TCP or TLS connection is closed after this however busy it is; 0 never. Clients "
        "behind a NAT can't be reached until they connect again.",
    )
    first_message_timeout_s: Seconds = Field(
        default=60, description="A connection that brought no message or ping is closed after this."
    )
    message_timeout_s: Seconds = Field(
        default=20, description="A message begun on a TCP or TLS connection must be complete after this."
    )
    handshake_timeout_s: float = Field(
        default=10, ge=0.1, le=300, description="A TLS handshake must be complete after this."
    )
    connect_timeout_s: float = Field(
        default=10, ge=0.1, le=300, description="A connection of our own must be up after this."
    )
    close_timeout_s: Seconds = Field(
        default=5, description="What is left to send on a connection that ends may take this long."
    )
    max_unsent_bytes: int = Field(
        default=1024 * 1024,
        ge=64 * 1024,
        description="A peer that lets so much of what we send wait is cut off.",
    )
    max_partial_bytes: int = Field(
        default=64 * 1024 * 1024,
        ge=1024 * 1024,
        description="All TCP and TLS connections together may hold so much of messages that are not whole "
        "yet (never less than one message of max_message_bytes); above it the largest are refused by 503.",
    )
    udp_receive_buffer: int = Field(
        default=4 * 1024 * 1024,
        ge=64 * 1024,
        description="Kernel buffer of each UDP socket for SIP, in bytes; the kernel caps it at "
        "net.core.rmem_max.",
    )

    def sockets(self, *, tls: bool) -> tuple[ListenerConfig, ...]:
        """What to listen on: `listeners`, or else what host, port and their like say."""
        if self.listeners:
            return self.listeners
        wanted: list[tuple[Literal["udp", "tcp", "tls"], bool, int]] = [
            ("udp", self.udp, self.port),
            ("tcp", self.tcp, self.port),
            ("tls", tls, self.tls_port),
        ]
        return tuple(
            ListenerConfig(transport=transport, host=self.host, port=port)
            for transport, on, port in wanted
            if on
        )
