"""Which requests reach the transaction user (RFC 3261 sections 8.2, 12.2.2, 14.2, 15; RFC 3311 section 5.2).

Outside a dialog: method, then merged requests, then extensions. Inside one the order of requests and the
rules against glare come on top. A request that is refused has changed nothing, except that its CSeq is used
up.
"""

from __future__ import annotations

from siprecord.protocol.core import Core
from siprecord.protocol.dialog import Dialog, offers
from siprecord.protocol.refusal import Refusal
from siprecord.syntax.sip import KNOWN_METHODS, Request

MAX_RETRY_AFTER = 10
"""Seconds; RFC 3261 section 14.2 asks for a random number between 0 and 10."""


def refuse_method(core: Core, request: Request) -> Refusal | None:
    """405 for a method that exists and is not handled here, 501 for one nobody knows (section 8.2.1)."""
    method = request.method
    if method in core.settings.allow:
        return None
    if method in KNOWN_METHODS:
        return Refusal(405, f"method {method} is not handled here")
    return Refusal(501, f"method {method[:40]!r} is unknown")


def refuse_extension(core: Core, request: Request) -> Refusal | None:
    """420 when Require names what is not supported (section 8.2.2.3); not to be asked of ACK and CANCEL."""
    required = request.headers.get_list("Require")
    if not required:
        return None
    known = {tag.lower() for tag in core.settings.supported}
    unknown = [tag for tag in required if tag.lower() not in known]
    if not unknown:
        return None
    tags = ", ".join(unknown)
    return Refusal(420, f"extensions {tags[:80]} are required", (("Unsupported", tags),))


def refuse_in_dialog(core: Core, dialog: Dialog, request: Request) -> Refusal | None:
    """Why this request can't be let into the dialog now."""
    number, last = request.cseq.number, dialog.remote_sequence
    if last is not None and number <= last:
        # An equal number is no retransmission, which its transaction would have answered.
        return Refusal(500, f"CSeq {number} after {last}: out of order")
    if dialog.closing is not None and request.method != "BYE":
        return Refusal(481, "the dialog is ending")
    if request.method == "INVITE":
        return _refuse_invite(core, dialog)
    if request.method == "UPDATE":
        return _refuse_update(core, dialog, request)
    return None


def _refuse_invite(core: Core, dialog: Dialog) -> Refusal | None:
    if dialog.invite_in is not None or dialog.update_in is not None:
        return _later(core, "another INVITE or UPDATE of the peer is not answered yet")
    if dialog.invite_out is not None or (dialog.update_out is not None and dialog.offer_out):
        return Refusal(491, "glare: a request of ours is open")
    return None


def _refuse_update(core: Core, dialog: Dialog, request: Request) -> Refusal | None:
    if dialog.update_in is not None:
        return _later(core, "another UPDATE of the peer is not answered yet")
    if not offers(request.headers.get("Content-Type"), request.body):
        return None
    if dialog.invite_out is not None or (dialog.update_out is not None and dialog.offer_out):
        return Refusal(491, "glare: an offer of ours is open")
    if dialog.offered:
        return _later(core, "an offer of the peer is not answered yet")
    return None


def _later(core: Core, text: str) -> Refusal:
    return Refusal(500, text, (("Retry-After", str(core.below(MAX_RETRY_AFTER + 1))),))
