"""The pump: bytes into the endpoint; bytes, events and the next deadline out of it.

One driver serves all listeners. It owns the one `Endpoint` and the one timer, and everything in it runs on
the loop's thread, never nested: what a call from within `handle` causes is drained after `handle` returned.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from functools import partial
from typing import Protocol

from siprecord.protocol import (
    Answer,
    DialogSnapshot,
    Endpoint,
    Event,
    Flow,
    HeaderItems,
    InviteSpec,
    OutgoingRequest,
    OutOfDialogRequest,
    RequestReceived,
    TransactionSnapshot,
    Transmit,
)
from siprecord.protocol.timers import Deadline as QueueEntry
from siprecord.protocol.timers import DeadlineQueue
from siprecord.transport.application import SipApplication
from siprecord.transport.settings import TransportCounters
from siprecord.transport.tally import Tally

PAUSE_AFTER_FAILURE = 0.5
"""A timer that fails must not fire again in the same turn of the loop, for ever."""

_log = logging.getLogger("siprecord.transport")
Callback = Callable[[float], None]


class Sender(Protocol):
    """Puts a message on the socket it belongs to."""

    def send(self, transmit: Transmit) -> None:
        """Never blocks, and never raises for what the network does."""


class _Deadline:
    """A wake-up the application asked for."""

    def __init__(self, queue: DeadlineQueue[Callback], entry: QueueEntry[Callback]) -> None:
        self._queue = queue
        self._entry = entry

    def cancel(self) -> None:
        self._queue.cancel(self._entry)


class Driver:
    """Runs one endpoint for one application; it is the `EndpointControl` the application gets."""

    def __init__(self, application: SipApplication, endpoint: Endpoint, counters: TransportCounters) -> None:
        self.counters = counters
        self.received = Tally()
        self.sent = Tally()
        self._application = application
        self._loop = asyncio.get_running_loop()
        self._endpoint = endpoint
        self._deadlines: DeadlineQueue[Callback] = DeadlineQueue()
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at: float | None = None
        self._sender: Sender | None = None
        self._draining = False
        self._stopped = False

    @property
    def endpoint(self) -> Endpoint:
        """For its counters, and for what its listeners advertise."""
        return self._endpoint

    def attach(self, sender: Sender) -> None:
        """Say who puts messages on sockets; once, before anything is sent."""
        self._sender = sender

    def stop(self) -> None:
        """Fire no more timers."""
        self._stopped = True
        if self._timer is not None:
            self._timer.cancel()

    def flush(self) -> None:
        """Send what has waited for a socket, such as what restored dialogs have to say."""
        self._drain()

    # From the sockets

    def receive(self, data: bytes, flow: Flow) -> None:
        """One whole message has arrived."""
        self.received.add(data, flow.transport)
        self._guarded(lambda: self._endpoint.receive(data, flow, self.now()), f"a message from {flow.remote}")
        self._drain()

    def connection_lost(self, flow: Flow) -> None:
        """A stream connection is gone, or could not be made."""
        self._guarded(lambda: self._endpoint.connection_lost(flow, self.now()), f"the loss of {flow}")
        self._drain()

    def unreachable(self, flow: Flow) -> None:
        """A datagram came back."""
        self._guarded(lambda: self._endpoint.unreachable(flow, self.now()), f"what {flow.remote} refused")
        self._drain()

    # EndpointControl

    def now(self) -> float:
        """The loop's monotonic clock."""
        return self._loop.time()

    def respond(self, transaction: str, answer: Answer, now: float) -> None:
        """Answer a request."""
        self._endpoint.respond(transaction, answer, now)
        self._drain()

    def dialog_of(self, transaction: str) -> str | None:
        """The dialog that answering `transaction` created, if it did."""
        return self._endpoint.dialog_of(transaction)

    def snapshot(self, dialog: str) -> DialogSnapshot | None:
        """What it takes to go on with a dialog after a restart."""
        return self._endpoint.snapshot(dialog)

    def restore(self, snapshot: DialogSnapshot, now: float, *, moved: bool = False) -> str:
        """Go on with a dialog of an earlier life. What it has to send leaves when the sockets are open."""
        return self._endpoint.restore(snapshot, now, moved=moved)

    def forget(self, dialog: str) -> None:
        """Let go of a dialog."""
        self._endpoint.forget(dialog)
        self._drain()

    def answered(self, transaction: str) -> TransactionSnapshot | None:
        """An answered request."""
        return self._endpoint.answered(transaction)

    def resume(self, snapshot: TransactionSnapshot, now: float) -> None:
        """Answer the repetitions of a request that an earlier life has answered."""
        self._endpoint.resume(snapshot, now)

    def invite(self, spec: InviteSpec, now: float) -> str:
        """Place a call."""
        transaction = self._endpoint.invite(spec, now)
        self._drain()
        return transaction

    def request(self, dialog: str, outgoing: OutgoingRequest, now: float) -> str:
        """Send a request within `dialog`."""
        transaction = self._endpoint.request(dialog, outgoing, now)
        self._drain()
        return transaction

    def send(self, request: OutOfDialogRequest, now: float) -> str:
        """Send a request outside a dialog."""
        transaction = self._endpoint.send(request, now)
        self._drain()
        return transaction

    def cancel(self, transaction: str, now: float) -> None:
        """Cancel an INVITE of ours."""
        self._endpoint.cancel(transaction, now)
        self._drain()

    def ack(
        self,
        transaction: str,
        now: float,
        *,
        headers: HeaderItems = (),
        content_type: str | None = None,
        body: bytes = b"",
    ) -> None:
        """Acknowledge a 2xx that `acknowledge=False` left to us."""
        self._endpoint.ack(transaction, now, headers=headers, content_type=content_type, body=body)
        self._drain()

    def set_deadline(self, at: float, callback: Callback) -> _Deadline:
        """Call `callback(now)` once `at` has passed."""
        deadline = _Deadline(self._deadlines, self._deadlines.schedule(at, callback))
        self._arm()
        return deadline

    # The pump itself

    def _drain(self) -> None:
        """Deliver what the endpoint has to say, until it is silent; inner calls leave that to the outer."""
        if self._draining:
            return
        self._draining = True
        try:
            while self._guarded(self._deliver_next, "the endpoint's output"):
                pass
        finally:
            self._draining = False
        self._arm()

    def _deliver_next(self) -> bool:
        output = self._endpoint.poll()
        if isinstance(output, Transmit):
            self._transmit(output)
        elif output is not None:
            self._guarded(lambda: self._handle(output), _about(output), output)
        return output is not None

    def _transmit(self, transmit: Transmit) -> None:
        if self._sender is not None:
            self.sent.add(transmit.data, transmit.flow.transport)
            self._sender.send(transmit)
        told = f"what was sent for call {transmit.call_id}"
        self._guarded(lambda: self._application.transmitted(transmit, self.now()), told)

    def _handle(self, event: Event) -> None:
        self._application.handle(event, self.now())

    def _arm(self) -> None:
        """Set the one timer to the earliest deadline."""
        if self._draining or self._stopped:
            return
        due = [at for at in (self._endpoint.deadline(), self._deadlines.next()) if at is not None]
        self._wake(min(due) if due else None)

    def _wake(self, at: float | None) -> None:
        if self._timer is not None:
            if self._timer_at == at:
                return
            self._timer.cancel()
        self._timer = None if at is None else self._loop.call_at(at, self._expire)
        self._timer_at = at

    def _expire(self) -> None:
        self._timer = None
        now = self.now()
        failures = self.counters.failures_contained
        self._guarded(lambda: self._endpoint.expire(now), "a SIP timer")
        self._drain()
        for _, callback in self._deadlines.due(now):
            self._guarded(partial(callback, now), "a timer of the application")
        self._drain()
        if self.counters.failures_contained > failures and not self._stopped:
            self._wake(now + PAUSE_AFTER_FAILURE)

    def _guarded(self, work: Callable[[], object], what: str, event: Event | None = None) -> bool:
        """Do `work`; a bug in it is logged and ends what it was about, not the server. True: go on."""
        try:
            return bool(work())
        except Exception as error:  # noqa: BLE001  (the one blind except of this driver)
            self.counters.failures_contained += 1
            _log.error("%s could not be handled", what, exc_info=error)
            if event is not None:
                failed = error
                self._guarded(lambda: self._answer_500(event), f"a 500 for {what}")
                self._guarded(
                    lambda: self._application.failed(event, failed, self.now()), f"the end of {what}"
                )
            return False

    def _answer_500(self, event: Event) -> None:
        if isinstance(event, RequestReceived):
            self._endpoint.respond(event.transaction, Answer(500), self.now())


def _about(event: Event) -> str:
    """Which call an event is about, for the log."""
    request = getattr(event, "request", None)
    call_id = request.headers.get("Call-ID") if request is not None else None
    known = call_id or getattr(event, "dialog", None) or getattr(event, "call_id", None) or "unknown"
    return f"{type(event).__name__} of call {known}"
