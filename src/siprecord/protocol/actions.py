"""What the transaction user asks of the endpoint."""

from __future__ import annotations

from siprecord.protocol.flow import Flow
from siprecord.syntax.quiet import Quiet

HeaderItems = tuple[tuple[str, str], ...]
"""Header rows as (name, value), in order."""


class Answer(Quiet, frozen=True):
    """A response, without what the endpoint adds: Via, From, To, Call-ID, CSeq, Contact, Record-Route, Allow,
    Supported, Server, Session-Expires, Content-Type, Content-Length.

    A header given here replaces the endpoint's own of that name. `reason` may stay empty.
    """

    status: int
    reason: str = ""
    headers: HeaderItems = ()
    content_type: str | None = None
    body: bytes = b""


class OutgoingRequest(Quiet, frozen=True):
    """A request within a dialog: BYE, UPDATE, INVITE, OPTIONS, INFO and the like. Never ACK, CANCEL."""

    method: str
    headers: HeaderItems = ()
    content_type: str | None = None
    body: bytes = b""
    acknowledge: bool = True
    """INVITE only: ACK a 2xx at once. False when the ACK must carry an answer: then call `Endpoint.ack`."""


class InviteSpec(Quiet, frozen=True, kw_only=True):
    """A call to place. `from_` and `to` are name-addrs without tag; `flow` says where the INVITE is sent.

    The endpoint adds Via, tags, Call-ID, CSeq, Contact, Max-Forwards, Allow,
    Supported. Names in `flow.remote` are the driver's to resolve.
    """

    request_uri: str
    from_: str
    to: str
    flow: Flow
    headers: HeaderItems = ()
    content_type: str | None = None
    body: bytes = b""
    route: tuple[str, ...] = ()
    """Preloaded Route values."""
    call_id: str = ""
    """Made by the endpoint when empty."""
    from_tag: str = ""
    """Made by the endpoint when empty. A retry with credentials repeats it, and the Call-ID."""
    sequence: int = 1
    """CSeq number. A retry with credentials is one higher."""
    contact: str = ""
    """Whole Contact value; the settings' one when empty."""
    acknowledge: bool = True
    """ACK a 2xx at once. False when the ACK must carry an answer: then call `Endpoint.ack`."""


class OutOfDialogRequest(Quiet, frozen=True, kw_only=True):
    """A request outside any dialog, such as an OPTIONS ping. The fields are those of `InviteSpec`."""

    method: str
    request_uri: str
    from_: str
    to: str
    flow: Flow
    headers: HeaderItems = ()
    content_type: str | None = None
    body: bytes = b""
    route: tuple[str, ...] = ()
    call_id: str = ""
    from_tag: str = ""
    sequence: int = 1
