"""SIP on one TCP or TLS connection, whichever side made it."""

from __future__ import annotations

import asyncio
import logging
from typing import Protocol, cast

from siprecord.protocol import Flow
from siprecord.syntax.limits import Limits
from siprecord.syntax.sip import FramingError, Keepalive, StreamFramer
from siprecord.transport.refusal import refusal
from siprecord.transport.settings import ConnectionInfo, TransportCounters, TransportSettings

PONG = b"\r\n"
"""The answer to a double CRLF (RFC 5626 section 3.5.1)."""
HIGH_WATER = 256 * 1024
MOST_DISCARDED = 1024 * 1024
"""Bytes that a peer may still send after a last answer before it is cut off; ours."""

_log = logging.getLogger("siprecord.transport")


class Hub(Protocol):
    """What a connection needs of the server around it."""

    settings: TransportSettings
    counters: TransportCounters
    limits: Limits

    def now(self) -> float:
        """The driver's clock."""

    def receive(self, data: bytes, flow: Flow) -> None:
        """One whole message."""

    def unreachable(self, flow: Flow) -> None:
        """A datagram found nobody."""

    def holds(self, change: int) -> None:
        """So many bytes more of messages that are not whole yet; fewer, when negative."""

    def opened(self, connection: StreamConnection, transport: asyncio.BaseTransport) -> None:
        """The connection can be used; its flow is known."""

    def closed(self, connection: StreamConnection) -> None:
        """The connection is gone."""


class StreamConnection(asyncio.Protocol):
    """One connection. `flow` holds once it is made; an outgoing one keeps what is written until then."""

    def __init__(self, hub: Hub, flow: Flow, *, outgoing: bool) -> None:
        self._hub = hub
        self.flow = flow
        self.outgoing = outgoing
        self.aliases: set[Flow] = set()
        """Other flows whose messages went this way; they are lost with it."""
        self._transport: asyncio.Transport | None = None
        self._framer = StreamFramer(hub.limits)
        self._waiting: list[bytes] = []
        self._opened = self._last_active = hub.now()
        self._half_since: float | None = None
        self._held = 0
        self.proven = False
        """A whole message came by it, in this life or an earlier one."""
        self._closing_since: float | None = None
        self._messages = 0
        self._received = 0
        self._sent = 0
        self._heard = False
        self._discarded = 0

    @property
    def usable(self) -> bool:
        """False once it is being closed."""
        return self._closing_since is None

    @property
    def pending(self) -> int:
        """Bytes of a message that is not whole yet."""
        return self._framer.pending

    def info(self) -> ConnectionInfo:
        """What people want to know of it."""
        return ConnectionInfo(
            number=self.flow.connection,
            transport=self.flow.transport,
            local=self.flow.local,
            remote=self.flow.remote,
            outgoing=self.outgoing,
            opened=self._opened,
            last_active=self._last_active,
            messages=self._messages,
            identity=self.flow.identity,
            state=self._state(),
            received_bytes=self._received,
            sent_bytes=self._sent,
            unsent_bytes=self._unsent(),
        )

    # From the loop

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection, its TLS handshake included, is up."""
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=HIGH_WATER)
        if not self.usable:  # given up while it was being made
            self._transport.abort()
            return
        self._count("connections_opened")
        self._hub.opened(self, transport)
        for data in self._waiting:
            self._transport.write(data)
        self._waiting.clear()

    def data_received(self, data: bytes) -> None:
        """Bytes arrived; whole messages go on to the endpoint."""
        if not self.usable:
            self._discard(len(data))
            return
        self._last_active = self._hub.now()
        self._received += len(data)
        complete = False
        for frame in self._framer.feed(data):
            complete = True
            self._take(frame)
            if not self.usable:
                return
        if not self._framer.pending:
            self._half_since = None
        elif complete or self._half_since is None:
            self._half_since = self._last_active
        self._count_held()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone, by either side."""
        if self._closing_since is None:
            self._closing_since = self._hub.now()
        # We and the transport hold each other, and half a message can be long: don't wait for the collector.
        self._framer = StreamFramer(self._hub.limits)
        self._transport = None
        self._count_held()
        self._hub.closed(self)

    # From the server

    def write(self, data: bytes) -> None:
        """Send; a peer that does not read what it gets is cut off."""
        if not self.usable:
            return
        self._last_active = self._hub.now()
        self._sent += len(data)
        if self._transport is None:
            self._waiting.append(data)
        else:
            self._transport.write(data)
        if self._unsent() > self._hub.settings.max_unsent:
            self._count("connections_cut_off")
            _log.warning("%s does not read what it is sent: connection cut off", self.flow.remote)
            self.abort()

    def check(self, now: float) -> None:
        """Close the connection if one of its time limits has passed."""
        if self._closing_since is not None:
            if now - self._closing_since > self._hub.settings.close_timeout:
                self.abort()
        elif (reason := self._overdue(now)) is not None:
            self._count("connections_timed_out")
            _log.info("connection from %s closed: %s", self.flow.remote, reason)
            self.close()

    def refuse(self) -> None:
        """Give up the message that is not whole yet, since all of them together are too large."""
        self._count("partials_refused")
        self._take(self._framer.refuse(503, "Too much is half received"))
        self._count_held()

    def close(self) -> None:
        """Close after what is left to send has been sent."""
        if self._closing_since is None:
            self._closing_since = self._hub.now()
            if self._transport is not None:
                self._transport.close()

    def hang_up(self) -> None:
        """Close after the last answer, as soon as the peer does, within bounds.

        To close before the peer's bytes are read makes a reset of it, which may overtake the answer (RFC 1122
        section 4.2.2.13). TLS says by itself that it ends, and reads on until then.
        """
        if not self.usable or self._transport is None or not self._transport.can_write_eof():
            self.close()
            return
        self._closing_since = self._hub.now()
        self._transport.write_eof()

    def abort(self) -> None:
        """Close at once."""
        if self._closing_since is None:
            self._closing_since = self._hub.now()
        if self._transport is not None:
            self._transport.abort()

    # Within

    def _take(self, frame: bytes | Keepalive | FramingError) -> None:
        self._heard = True
        if isinstance(frame, FramingError):
            self._count("framing_errors")
            if (answer := refusal(frame, self._hub.limits)) is not None:
                self.write(answer)
            self.hang_up() if self._sent else self.close()
        elif isinstance(frame, Keepalive):
            self.write(PONG)
        else:
            self._messages += 1
            self.proven = True
            self._hub.receive(frame, self.flow)

    def _discard(self, count: int) -> None:
        self._discarded += count
        if self._discarded > MOST_DISCARDED:
            self.abort()

    def _count_held(self) -> None:
        change, self._held = self._framer.pending - self._held, self._framer.pending
        if change:
            self._hub.holds(change)

    def _overdue(self, now: float) -> str | None:
        limits = self._hub.settings
        if self._half_since is not None and now - self._half_since > limits.message_timeout:
            return f"a message was not complete after {limits.message_timeout:g} s"
        if not self.outgoing and not self._heard and now - self._opened > limits.first_message_timeout:
            return f"no message came within {limits.first_message_timeout:g} s"
        if limits.idle_timeout and now - self._last_active > limits.idle_timeout:
            return f"idle for {limits.idle_timeout:g} s"
        if limits.max_age and now - self._opened > limits.max_age and self._half_since is None:
            return f"open for {limits.max_age:g} s"
        return None

    def _state(self) -> str:
        if not self.usable:
            return "closing"
        if self._transport is None:
            return "opening"
        return "open" if self._half_since is None else "receiving"

    def _unsent(self) -> int:
        """Bytes that wait for the connection, or for the peer."""
        if self._transport is None:
            return sum(map(len, self._waiting))
        return self._transport.get_write_buffer_size()

    def _count(self, event: str) -> None:
        self._hub.counters.count(event, self.flow.transport)
