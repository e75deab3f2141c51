"""What the transport asks of the application above it, and what it offers in return.

The transport owns sockets, the one `Endpoint` and the one timer. It knows nothing of recordings.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from siprecord.protocol import (
    Answer,
    DialogSnapshot,
    EndpointSettings,
    Event,
    InviteSpec,
    OutgoingRequest,
    OutOfDialogRequest,
    TransactionSnapshot,
    Transmit,
)


class Deadline(Protocol):
    """A wake-up that was asked for."""

    def cancel(self) -> None:
        """Forget it; harmless when it has passed already."""


class EndpointControl(Protocol):
    """The `Endpoint` as an application sees it, with the same signatures.

    May be called at any time on the loop's thread, from `handle` too: what it causes is sent, and told as
    events, after the running call returns. `now` is monotonic time, as `now()` gives it.
    """

    def now(self) -> float:
        """The clock that all `now` arguments are read from."""

    def respond(self, transaction: str, answer: Answer, now: float) -> None:
        """Answer a request that `RequestReceived` brought."""

    def dialog_of(self, transaction: str) -> str | None:
        """The dialog that answering `transaction` created, if it did."""

    def snapshot(self, dialog: str) -> DialogSnapshot | None:
        """What it takes to go on with a dialog after a restart; None when there is none."""

    def restore(self, snapshot: DialogSnapshot, now: float, *, moved: bool = False) -> str:
        """Go on with a dialog of an earlier life, or of another node if `moved`; returns its id."""

    def forget(self, dialog: str) -> None:
        """Let go of a dialog without a word to the peer."""

    def answered(self, transaction: str) -> TransactionSnapshot | None:
        """An answered request, whose repetitions another life could answer."""

    def resume(self, snapshot: TransactionSnapshot, now: float) -> None:
        """Answer the repetitions of a request that an earlier life has answered."""

    def invite(self, spec: InviteSpec, now: float) -> str:
        """Place a call; returns the transaction."""

    def request(self, dialog: str, outgoing: OutgoingRequest, now: float) -> str:
        """Send a request within `dialog`; returns the transaction."""

    def send(self, request: OutOfDialogRequest, now: float) -> str:
        """Send a request outside a dialog, such as an OPTIONS ping; returns the transaction."""

    def cancel(self, transaction: str, now: float) -> None:
        """Cancel an INVITE of ours that has no final response."""

    def set_deadline(self, at: float, callback: Callable[[float], None]) -> Deadline:
        """Call `callback(now)` once `at` has passed; the driver's one timer serves all of these."""


class SipApplication(Protocol):
    """What stands on top of a SIP server: the recording `Handler`, or a client."""

    def settings(self) -> EndpointSettings:
        """How the endpoint is to behave; asked once, before `start`."""

    async def start(self, control: EndpointControl) -> None:
        """Called once, before the first socket is bound. An exception here stops the server."""

    def handle(self, event: Event, now: float) -> None:
        """Take one event. Must not block; an exception ends the call it is about, never the server."""

    def transmitted(self, transmit: Transmit, now: float) -> None:
        """Told of each message handed to a socket, for the log."""

    def failed(self, event: Event, error: Exception, now: float) -> None:
        """`handle(event)` raised `error`: end the call it is about and keep what was recorded.

        A request that was still unanswered has been answered with 500.
        """

    async def stop(self) -> None:
        """Called once, after the last listener was cancelled and while the sockets still work."""
