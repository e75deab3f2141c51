"""Runs one SIP endpoint for any number of calls that we place."""

from __future__ import annotations

import asyncio
import secrets
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType

from siprecord.client.target import Target, resolve
from siprecord.client.wires import Wires
from siprecord.protocol import (
    Answer,
    DialogEnded,
    Endpoint,
    EndpointSettings,
    Event,
    Flow,
    InviteSpec,
    OutgoingRequest,
    RequestReceived,
    RequestTimedOut,
    ResponseReceived,
    TimerSettings,
    Transmit,
)

SRC_METHODS = ("INVITE", "ACK", "CANCEL", "BYE", "OPTIONS", "UPDATE", "PRACK")
"""What a recording client handles."""
UDP_LIMIT = 1300
"""A longer request goes over TCP, unless UDP was asked for by name (RFC 3261 section 18.1.1)."""

Listener = Callable[[Event], None]
"""Told what happens to one call."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DriverSettings:
    """How calls are placed."""

    force_udp: bool = False
    """Send requests of any length over UDP when the target says UDP."""
    timers: TimerSettings = field(default_factory=TimerSettings)
    tls: ssl.SSLContext | None = None


class ClientDriver:
    """The endpoint, its sockets and its timer. An async context manager; all calls run on one event loop."""

    def __init__(self, settings: DriverSettings | None = None) -> None:
        settings = settings or DriverSettings()
        self._loop = asyncio.get_running_loop()
        self._endpoint = Endpoint(_endpoint_settings(settings), lambda: secrets.token_hex(12))
        self._wires = Wires(self._receive, self._lost, self._refused, settings.tls)
        self._listeners: dict[str, Listener] = {}
        self._timer: asyncio.Handle | None = None
        self._armed_at: float | None = None
        self._draining = False
        self._closed = False

    async def __aenter__(self) -> ClientDriver:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the sockets and forget all calls."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        self._wires.close()

    async def open(self, target: Target) -> Flow:
        """The way to a target; raises `CallError` if there is none."""
        return await self._wires.open(target.transport, await resolve(target), target.host)

    def now(self) -> float:
        """The clock of all calls."""
        return self._loop.time()

    def invite(self, spec: InviteSpec, listener: Listener) -> str:
        """Place a call; `listener` is told what happens to it. Returns the transaction."""
        transaction = self._endpoint.invite(spec, self.now())
        self._listeners[transaction] = listener
        self._drain()
        return transaction

    def cancel(self, transaction: str) -> None:
        """Give a call up that has no answer yet."""
        self._endpoint.cancel(transaction, self.now())
        self._drain()

    def request(self, dialog: str, outgoing: OutgoingRequest) -> None:
        """Send a request in a call; its response goes to the call's listener."""
        transaction = self._endpoint.request(dialog, outgoing, self.now())
        listener = self._listeners.get(dialog)
        if listener is not None and transaction:
            self._listeners[transaction] = listener
        self._drain()

    def _receive(self, data: bytes, flow: Flow) -> None:
        self._endpoint.receive(data, flow, self.now())
        self._drain()

    def _lost(self, flow: Flow) -> None:
        self._endpoint.connection_lost(flow, self.now())
        self._drain()

    def _refused(self, flow: Flow) -> None:
        self._endpoint.unreachable(flow, self.now())
        self._drain()

    def _expire(self) -> None:
        self._timer = None
        self._endpoint.expire(self.now())
        self._drain()

    def _drain(self) -> None:
        """Deliver what the endpoint has to say; what that causes comes in the same round."""
        if self._draining:
            return
        self._draining = True
        try:
            while (output := self._endpoint.poll()) is not None:
                if isinstance(output, Transmit):
                    self._wires.send(output)
                else:
                    self._tell(output)
        finally:
            self._draining = False
        self._arm()

    def _arm(self) -> None:
        at = None if self._closed else self._endpoint.deadline()
        if self._timer is not None:
            if self._armed_at == at:
                return
            self._timer.cancel()
        self._armed_at = at
        self._timer = None if at is None else self._loop.call_at(at, self._expire)

    def _tell(self, event: Event) -> None:
        match event:
            case RequestReceived():
                self._answer(event)
            case ResponseReceived(transaction=transaction, response=response, dialog=dialog):
                listener = self._listeners.get(transaction)
                if response.status >= 200:
                    self._listeners.pop(transaction, None)
                if listener is not None:
                    if dialog is not None and response.status < 300:
                        self._listeners.setdefault(dialog, listener)
                    listener(event)
            case RequestTimedOut(transaction=transaction):
                self._hand_over(transaction, event)
            case DialogEnded(dialog=dialog):
                self._hand_over(dialog, event)

    def _hand_over(self, key: str, event: Event) -> None:
        listener = self._listeners.pop(key, None)
        if listener is not None:
            listener(event)

    def _answer(self, event: RequestReceived) -> None:
        """A recorder may hang up, ping and refresh. An offer of its own is none that a client could use."""
        refused = event.request.method == "INVITE" or event.dialog is None
        status = 488 if refused and event.request.method != "OPTIONS" else 200
        self._endpoint.respond(event.transaction, Answer(status), self.now())


def _endpoint_settings(settings: DriverSettings) -> EndpointSettings:
    return EndpointSettings(
        timers=settings.timers,
        contact_user="src",
        contact_parameters="+sip.src",
        allow=SRC_METHODS,
        max_datagram_request=None if settings.force_udp else UDP_LIMIT,
    )
