"""Requests of ours: in a dialog, outside one, and the ACK and CANCEL that belong to an INVITE."""

from __future__ import annotations

from msgspec.structs import replace

from siprecord.protocol.actions import HeaderItems, InviteSpec, OutgoingRequest, OutOfDialogRequest
from siprecord.protocol.core import Core
from siprecord.protocol.dialog import TARGET_REFRESH, Dialog
from siprecord.protocol.flow import Flow
from siprecord.protocol.responses import Rows
from siprecord.protocol.routing import request_flow, route_request
from siprecord.protocol.session_id import own_uuid, session_id_row
from siprecord.protocol.session_timer import request_headers
from siprecord.syntax.sip import Headers, Request, Response, format_host_port

MAX_FORWARDS = ("Max-Forwards", "70")


def via_value(core: Core, flow: Flow, branch: str) -> str:
    """Our Via on that flow."""
    sent_by = format_host_port(*core.sent_by(flow))
    return f"SIP/2.0/{flow.transport.upper()} {sent_by};branch={branch};rport"


def new_branch(core: Core) -> str:
    """A branch that nobody used before (RFC 3261 section 8.1.1.7)."""
    return f"z9hG4bK{core.token()}"


def dialog_flow(core: Core, dialog: Dialog) -> Flow:
    """The way our next request in that dialog goes."""
    if dialog.target == dialog.unreachable_target:
        return dialog.flow
    hop = route_request(dialog.target, dialog.route_set).next_hop
    return request_flow(hop, dialog.flow, connected=not core.is_lost(dialog.flow))


def in_dialog(core: Core, dialog: Dialog, outgoing: OutgoingRequest, sequence: int) -> Request:
    """A request within a dialog, without its Via (section 12.2.1.1)."""
    route = route_request(dialog.target, dialog.route_set)
    rows: Rows = [("Route", value) for value in route.routes]
    rows += [
        MAX_FORWARDS,
        ("From", dialog.local),
        ("To", dialog.remote),
        ("Call-ID", dialog.call_id),
        ("CSeq", f"{sequence} {outgoing.method}"),
    ]
    own: Rows = []
    if dialog.session_id:
        own.append(session_id_row(own_uuid(dialog.call_id, dialog.id.partition(";")[0]), dialog.session_id))
    if outgoing.method in TARGET_REFRESH:
        own.append(("Contact", dialog.contact))
        own += request_headers(dialog.session, core.settings.session_timer)
    return _finished(core, Request(outgoing.method, route.request_uri, Headers.received(rows)), outgoing, own)


def outside(core: Core, spec: InviteSpec | OutOfDialogRequest) -> Request:
    """A request outside any dialog, without its Via (section 8.1.1)."""
    method = "INVITE" if isinstance(spec, InviteSpec) else spec.method
    rows: Rows = [("Route", value) for value in spec.route]
    rows += [
        MAX_FORWARDS,
        ("From", f"{spec.from_};tag={spec.from_tag or core.token()}"),
        ("To", spec.to),
        ("Call-ID", spec.call_id or core.token()),
        ("CSeq", f"{spec.sequence} {method}"),
    ]
    own: Rows = []
    if isinstance(spec, InviteSpec):
        own.append(("Contact", spec.contact or core.contact(spec.flow)))
        own += request_headers(None, core.settings.session_timer)
    # Checked, because the transaction user wrote these values: a line break in them would inject headers.
    return _finished(core, Request(method, spec.request_uri, Headers(rows)), spec, own)


def _finished(
    core: Core, request: Request, given: InviteSpec | OutOfDialogRequest | OutgoingRequest, own: Rows
) -> Request:
    """Add what the transaction user gave, and what of our own rows it did not replace."""
    settings = core.settings
    if request.method not in ("BYE", "ACK"):
        own += [("Allow", ", ".join(settings.allow)), ("Supported", ", ".join(settings.supported))]
    if settings.product:
        own.append(("User-Agent", settings.product))
    rows = list(Headers(given.headers).items())
    if given.content_type is not None:
        rows.append(("Content-Type", given.content_type))
    names = {name.lower() for name, _ in rows}
    rows += [row for row in own if row[0].lower() not in names]
    request.headers = Headers([*request.headers.items(), *rows])
    request.body = given.body
    return request


def failure_ack(request: Request, response: Response) -> bytes:
    """The ACK of a response that is no 2xx: its To, the INVITE's branch and Route (section 17.1.1.3)."""
    return _sibling("ACK", request, response.headers.get("To") or "").to_bytes()


def cancel(request: Request) -> Request:
    """The CANCEL of an INVITE: everything the INVITE had (section 9.1)."""
    return _sibling("CANCEL", request, request.headers.get("To") or "")


def _sibling(method: str, request: Request, to: str) -> Request:
    headers = request.headers
    rows: Rows = [("Via", headers.get_list("Via")[0])]
    rows += [("Route", value) for value in headers.get_all("Route")]
    rows += [
        MAX_FORWARDS,
        ("From", headers.get("From") or ""),
        ("To", to),
        ("Call-ID", request.call_id),
        ("CSeq", f"{request.cseq.number} {method}"),
    ]
    return Request(method, request.uri, Headers.received(rows))


def success_ack(core: Core, dialog: Dialog, sequence: int, answer: OutgoingRequest) -> tuple[bytes, Flow]:
    """The ACK of a 2xx: a request of the dialog with the CSeq number of the INVITE (section 13.2.2.4)."""
    flow = dialog_flow(core, dialog)
    ack = in_dialog(core, dialog, replace(answer, method="ACK"), sequence)
    headers: HeaderItems = (("Via", via_value(core, flow, new_branch(core))), *ack.headers.items())
    return Request("ACK", ack.uri, Headers(headers), ack.body).to_bytes(), flow


def with_via(core: Core, request: Request, flow: Flow, branch: str) -> Request:
    """The request as it goes out on that flow."""
    rows = [("Via", via_value(core, flow, branch))]
    rows += [row for row in request.headers.items() if row[0] != "Via"]
    return Request(request.method, request.uri, Headers.received(rows), request.body)
