"""How an endpoint behaves."""

from __future__ import annotations

from dataclasses import dataclass, field

from siprecord.protocol.actions import HeaderItems
from siprecord.protocol.gate import Gate, OpenGate
from siprecord.protocol.timers import TimerSettings
from siprecord.syntax.limits import DEFAULT_LIMITS, Limits

SRS_METHODS = ("INVITE", "ACK", "CANCEL", "BYE", "OPTIONS", "UPDATE", "PRACK", "INFO")
"""What a recording server handles, and so what its Allow header lists."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionTimerSettings:
    """RFC 4028, in seconds. `interval` is what we ask for when the peer names none; 0: do not ask."""

    interval: int = 0
    minimum: int = 90
    """Our Min-SE: a shorter interval is refused with 422. Never below 90 (section 5)."""
    refuse_short: bool = True
    """Answer 422 to a shorter interval; else it is taken as it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointSettings:
    """Everything an `Endpoint` can be told beforehand. The defaults are those of a recording server."""

    timers: TimerSettings = field(default_factory=TimerSettings)
    session_timer: SessionTimerSettings = field(default_factory=SessionTimerSettings)
    limits: Limits = DEFAULT_LIMITS
    product: str = "siprecord"
    """Server and User-Agent header; empty: neither is sent."""
    advertised_host: str = ""
    """Host of Via and Contact; empty: the local address of the flow. `Endpoint.advertise` goes before it."""
    contact_user: str = "siprecord"
    """User part of the Contact URI; may be empty."""
    contact_parameters: str = "+sip.srs"
    """Contact header parameters without the leading semicolon; a client uses `+sip.src`."""
    tag_mark: str = ""
    """The end of each To tag of ours, a token: others know by it whose dialog a request belongs to."""
    allow: tuple[str, ...] = SRS_METHODS
    """Methods that reach the transaction user, and the Allow header."""
    supported: tuple[str, ...] = ("siprec", "timer", "100rel")
    """Option tags: the Supported header, and what a Require may ask for.

    With `replaces` the Replaces header of an INVITE is judged (RFC 3891), and `RequestReceived` tells which
    dialog it takes over; without, the header is ignored.
    """
    accept: tuple[str, ...] = ("application/sdp", "application/rs-metadata+xml", "multipart/mixed")
    """The Accept header of answers to OPTIONS and of a 415."""
    response_headers: HeaderItems = ()
    """Added to every response but 100."""
    retry_after: int = 10
    """Seconds, in the Retry-After of a 503 that the endpoint sends because it is full."""
    max_transactions: int = 50_000
    """Server transactions for requests outside dialogs; in-dialog requests may take it to twice as many."""
    max_dialogs: int = 20_000
    """Dialogs, and calls that wait for their answer."""
    max_datagram_request: int | None = 1300
    """A longer request goes over TCP although its flow is UDP (RFC 3261 section 18.1.1); None: never."""
    gate: Gate = field(default_factory=OpenGate)
    """Decides who gets in."""
