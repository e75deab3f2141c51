"""What happened, as the transaction user sees it. All values are frozen; a request is never changed later."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from siprecord.protocol.flow import Flow
from siprecord.syntax.sip import Request, Response


class DialogEnd(StrEnum):
    """Why a dialog is over."""

    BYE_RECEIVED = "bye received"
    BYE_SENT = "bye sent"
    NO_ACK = "no ack"
    """The ACK of our 2xx never came; a BYE has been sent."""
    GONE = "gone"
    """The peer answered 481 or 408 to a request of ours, or not at all."""
    REFUSED = "refused"
    """The INVITE that had made it by a provisional response was refused, or answered elsewhere."""
    EXPIRED = "expired"
    """The session timer ran out; a BYE has been sent."""
    LEFT = "left"
    """It goes on elsewhere; nothing was sent."""


class RequestReceived(msgspec.Struct, frozen=True):
    """A request that waits for `Endpoint.respond(transaction, ...)`.

    `dialog` is None outside a dialog: for an INVITE that means a new call, for an OPTIONS a ping. Then
    `principal` is whose request the gate took it for, and `replaces` the dialog that a new call is to take
    over (RFC 3891): whoever accepts it hangs that one up.
    """

    transaction: str
    request: Request
    flow: Flow
    dialog: str | None
    principal: str = ""
    replaces: str | None = None


class AckReceived(msgspec.Struct, frozen=True):
    """The ACK of a 2xx we sent, told once for each INVITE. It may carry the answer to our offer."""

    dialog: str
    request: Request
    flow: Flow


class CancelReceived(msgspec.Struct, frozen=True):
    """The INVITE `transaction` has been answered with 487, because of `request`: a CANCEL, or a BYE."""

    transaction: str
    request: Request
    flow: Flow


class AnswerTimedOut(msgspec.Struct, frozen=True):
    """The request was not answered in time. An INVITE has been answered with `status`; others with nothing.

    487: the caller's own limit (Expires) passed. 500: ours did. 504: nobody acknowledged a reliable
    provisional response.
    """

    transaction: str
    status: int


class AckTimedOut(msgspec.Struct, frozen=True):
    """Nobody acknowledged our 2xx for 64*T1. A BYE has been sent; `DialogEnded` follows."""

    dialog: str
    transaction: str


class ResponseReceived(msgspec.Struct, frozen=True):
    """A response to a request of ours, but 100. `dialog` is the one it belongs to, or has created."""

    transaction: str
    response: Response
    dialog: str | None
    flow: Flow


class RequestTimedOut(msgspec.Struct, frozen=True):
    """A request of ours got no final response, or could not be sent. In a dialog, `DialogEnded` follows.

    `refused`: the host it went to said that nothing takes it there.
    """

    transaction: str
    dialog: str | None
    refused: bool = False


class SessionRefreshed(msgspec.Struct, frozen=True):
    """The session timer of `dialog` was restarted by either side."""

    dialog: str
    interval: int


class SessionExpired(msgspec.Struct, frozen=True):
    """The peer stopped refreshing the session. A BYE has been sent; `DialogEnded` follows."""

    dialog: str


class DialogEnded(msgspec.Struct, frozen=True):
    """The dialog is gone: no request can be sent in it any more. Told exactly once for each dialog."""

    dialog: str
    cause: DialogEnd


class MessageRejected(msgspec.Struct, frozen=True):
    """A message the endpoint refused by itself. `status` is what it answered; None: nothing."""

    flow: Flow
    status: int | None
    text: str
    call_id: str | None


Event = (
    RequestReceived
    | AckReceived
    | CancelReceived
    | AnswerTimedOut
    | AckTimedOut
    | ResponseReceived
    | RequestTimedOut
    | SessionRefreshed
    | SessionExpired
    | DialogEnded
    | MessageRejected
)
