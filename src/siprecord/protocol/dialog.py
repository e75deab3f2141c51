"""Dialogs: what two peers remember of one another (RFC 3261 section 12).

A dialog changes in these ways only:

1. The remote CSeq rises with each request that is let in, the local one with each we send.
2. The remote target follows the Contact of re-INVITE and UPDATE once they succeed, never of another request.
3. The route set never changes.
4. It ends once; `DialogEnd` says how.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from siprecord.errors import ParseError
from siprecord.protocol.actions import OutgoingRequest
from siprecord.protocol.events import DialogEnd
from siprecord.protocol.flow import Flow
from siprecord.protocol.incoming import Provisional, ServerTransaction
from siprecord.protocol.routing import is_address
from siprecord.protocol.session_id import peer_uuid
from siprecord.protocol.session_timer import Session
from siprecord.protocol.timers import Deadline, Wakeup
from siprecord.syntax.sip import NameAddr, Request, Response, SipUri, format_host_port

TARGET_REFRESH = frozenset({"INVITE", "UPDATE"})


@dataclass(slots=True)
class Waiting:
    """A request of ours that may not be sent yet."""

    transaction: str
    outgoing: OutgoingRequest


class Dialog:
    """One dialog. Plain data and its rules; it sends nothing."""

    __slots__ = (
        "accepted",
        "bye",
        "call_id",
        "caller",
        "closing",
        "contact",
        "early",
        "flow",
        "id",
        "invite_in",
        "invite_out",
        "local",
        "local_sequence",
        "offer_out",
        "provisional",
        "remote",
        "remote_sequence",
        "remote_updates",
        "route_set",
        "rseq",
        "sdp",
        "session",
        "session_id",
        "target",
        "unreachable_target",
        "update_in",
        "update_in_offers",
        "update_out",
        "waiting",
        "wakeup",
    )

    def __init__(self, id: str, call_id: str, flow: Flow) -> None:
        self.id = id
        self.call_id = call_id
        self.flow = flow
        """The way the peer's last request came, or the one our INVITE took."""
        self.early = False
        """A provisional response made it; the INVITE has no final answer yet (section 12.1)."""
        self.provisional: Provisional | None = None
        """Of the peer's last INVITE that got a reliable provisional response."""
        self.rseq = (0, 0)
        """CSeq of our INVITE and RSeq of the last reliable provisional response that came to it."""
        self.caller = False
        """True when the INVITE was ours, and so the Call-ID."""
        self.local = ""
        """From value of our requests, tag included."""
        self.remote = ""
        """To value of our requests, tag included."""
        self.contact = ""
        """Contact value of ours."""
        self.target = ""
        self.unreachable_target = ""
        """A target behind a NAT: while the peer names no other, requests go where its own come from."""
        self.route_set: tuple[str, ...] = ()
        self.local_sequence = 0
        self.remote_sequence: int | None = None
        self.remote_updates = False
        """The peer's Allow lists UPDATE."""
        self.accepted: dict[int, ServerTransaction] = {}
        """INVITEs of the peer whose 2xx waits for its ACK, by CSeq number."""
        self.invite_in: ServerTransaction | None = None
        """An INVITE of the peer without a final answer."""
        self.invite_out: str | None = None
        """An INVITE of ours without a final answer, or whose ACK is still to be sent."""
        self.update_in: ServerTransaction | None = None
        self.update_in_offers = False
        self.update_out: str | None = None
        self.offer_out = False
        """The UPDATE of ours that is open carries an offer."""
        self.waiting: deque[Waiting] = deque()
        self.closing: DialogEnd | None = None
        """A BYE is on its way."""
        self.bye: str | None = None
        """The transaction of the BYE the transaction user sent."""
        self.session_id = ""
        """The peer's UUID in Session-ID; empty when it sends none, and then we send none (RFC 7989)."""
        self.session: Session | None = None
        self.wakeup: Deadline[Wakeup] | None = None
        """Of the session timer."""
        self.sdp: tuple[str, bytes] | None = None
        """Our last session description, as type and body: a refresh by re-INVITE repeats it."""

    def next_sequence(self) -> int:
        """The CSeq number of our next request."""
        self.local_sequence += 1
        return self.local_sequence

    def refresh_target(self, message: Request | Response) -> None:
        """Follow the Contact of a successful target refresh. A peer that sends none stays where it is."""
        target = _contact_uri(message)
        if target:
            self.target = target

    def may_send(self, outgoing: OutgoingRequest) -> bool:
        """Whether a request may be sent now.

        A callee's BYE waits for the ACK and is never sent in an early dialog (RFC 3261 section 15). A
        re-INVITE waits for all other INVITEs (section 14.1), an offer for every other offer and an UPDATE for
        the one before it (RFC 3311 section 5.1).
        """
        if outgoing.method == "BYE":
            return not self.accepted and (self.caller or not self.early)
        if outgoing.method == "INVITE":
            return not (self._inviting() or self.update_out or self.update_in)
        if outgoing.method == "UPDATE":
            return not self.update_out and not (
                offers(outgoing.content_type, outgoing.body) and self._inviting()
            )
        return True

    @property
    def offered(self) -> bool:
        """Whether the peer's INVITE may hold an offer that is not answered (RFC 3311 section 5.2)."""
        invite = self.invite_in
        return invite is not None and not (invite.provisional is not None and invite.provisional.agreed)

    def confirm(self, message: Response) -> None:
        """The 2xx to our INVITE came: it says anew which way requests go (section 13.2.2.4)."""
        self.early = False
        self.route_set = tuple(reversed(message.headers.get_list("Record-Route")))
        self.remote = message.headers.get("To") or self.remote
        self.remote_updates = _allows_update(message)
        self.refresh_target(message)

    def _inviting(self) -> bool:
        return bool(self.invite_in or self.invite_out or self.accepted)


def dialog_id(call_id: str, local_tag: str, remote_tag: str | None) -> str:
    """The id under which a dialog is found. Our tag comes first: it can't hold a separator."""
    return f"{local_tag};{remote_tag or ''};{call_id}"


def request_dialog_id(request: Request) -> str:
    """The id of the dialog a request from the peer belongs to: tags and Call-ID alone count."""
    return dialog_id(request.call_id, request.to.tag or "", request.from_.tag)


def callee_dialog(request: Request, tag: str, flow: Flow, contact: str) -> Dialog:
    """The dialog that a 2xx of ours to this INVITE, with that Contact, creates (section 12.1.1)."""
    dialog = Dialog(dialog_id(request.call_id, tag, request.from_.tag), request.call_id, flow)
    headers = request.headers
    dialog.local = f"{headers.get('To')};tag={tag}"
    dialog.remote = headers.get("From") or ""
    dialog.remote_sequence = request.cseq.number
    dialog.route_set = tuple(headers.get_list("Record-Route"))
    dialog.target = _contact_uri(request) or _uri_of(flow)
    if _is_behind_nat(request, dialog, flow):
        dialog.unreachable_target = dialog.target
    dialog.remote_updates = _allows_update(request)
    dialog.session_id = peer_uuid(request) or ""
    dialog.contact = contact
    return dialog


def caller_dialog(request: Request, response: Response, flow: Flow) -> Dialog:
    """The dialog that a 2xx to our INVITE creates (section 12.1.2)."""
    tag = request.from_.tag or ""
    dialog = Dialog(dialog_id(request.call_id, tag, response.to.tag), request.call_id, flow)
    dialog.caller = True
    dialog.local = request.headers.get("From") or ""
    dialog.remote = response.headers.get("To") or ""
    dialog.local_sequence = request.cseq.number
    dialog.route_set = tuple(reversed(response.headers.get_list("Record-Route")))
    dialog.target = _contact_uri(response) or request.uri
    dialog.remote_updates = _allows_update(response)
    dialog.contact = request.headers.get("Contact") or ""
    return dialog


def offers(content_type: str | None, body: bytes) -> bool:
    """Whether a body carries a session description."""
    if not body or content_type is None:
        return False
    kind = content_type.lower()
    return kind.startswith("application/sdp") or (
        kind.startswith("multipart/") and b"application/sdp" in body.lower()
    )


def _contact_uri(message: Request | Response) -> str:
    try:
        value: NameAddr | None = message.contact
    except ParseError:
        return ""
    return "" if value is None or value.uri == "*" else value.uri


def _is_behind_nat(request: Request, dialog: Dialog, flow: Flow) -> bool:
    """A peer without proxies whose own address is not the one its packets come from (RFC 3581's case)."""
    if dialog.route_set or len(request.headers.get_list("Via")) > 1:
        return False
    try:
        host = SipUri.parse(dialog.target).host
    except ParseError:
        return False
    return host == request.top_via.host and host != flow.remote[0] and is_address(host)


def _uri_of(flow: Flow) -> str:
    parameter = f";transport={flow.transport}" if flow.reliable else ""
    return f"sip:{format_host_port(*flow.remote)}{parameter}"


def _allows_update(message: Request | Response) -> bool:
    return "UPDATE" in message.headers.get_list("Allow")


def wants_secure_contact(request: Request) -> bool:
    """Section 12.1.1: a SIPS Request-URI, or SIPS as the topmost hop, asks for a SIPS Contact."""
    hops = request.headers.get_list("Record-Route") or request.headers.get_list("Contact")
    return request.uri.lower().startswith("sips:") or "<sips:" in (hops[0].lower() if hops else "")
