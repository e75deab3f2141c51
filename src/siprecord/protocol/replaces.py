"""Which dialog an INVITE takes over, and when it may not (RFC 3891 section 3). Who may, others decide."""

from __future__ import annotations

from siprecord.errors import ParseError
from siprecord.protocol.core import Core
from siprecord.protocol.dialog import Dialog, dialog_id
from siprecord.protocol.refusal import Refusal
from siprecord.syntax.sip import Replaces, Request

OPTION_TAG = "replaces"
NULL_TAG = "0"
"""Stands for a peer of RFC 2543 that has no tag (section 6.1)."""


def refuse_misplaced(core: Core, request: Request) -> Refusal | None:
    """400 for a Replaces header in anything but an INVITE that opens a call."""
    if not _is_judged(core, request) or (request.method == "INVITE" and request.to.tag is None):
        return None
    return Refusal(400, f"Replaces in a {request.method} that opens no call")


def find_replaced(core: Core, request: Request) -> Dialog | Refusal | None:
    """The dialog that a new INVITE takes over; None for one that names none, or where it is not known."""
    if not _is_judged(core, request):
        return None
    rows = request.headers.get_all("Replaces")
    if len(rows) > 1 or "Join" in request.headers:
        return Refusal(400, "more than one Replaces or Join")
    try:
        wanted = Replaces.parse(rows[0])
    except ParseError as error:
        return Refusal(400, str(error))
    return _match(core, wanted)


def _is_judged(core: Core, request: Request) -> bool:
    return "Replaces" in request.headers and OPTION_TAG in core.settings.supported


def _match(core: Core, wanted: Replaces) -> Dialog | Refusal:
    ids = [dialog_id(wanted.call_id, wanted.to_tag, wanted.from_tag)]
    if wanted.from_tag == NULL_TAG:
        ids.append(dialog_id(wanted.call_id, wanted.to_tag, None))
    found = [core.dialogs[id] for id in ids if id in core.dialogs]
    if not found and any(id in core.ended for id in ids):
        return Refusal(603, "the dialog to be replaced is over")
    if len(found) != 1:
        return Refusal(481, "no such dialog to be replaced")
    (dialog,) = found
    if dialog.closing is not None:
        return Refusal(603, "the dialog to be replaced is ending")
    if dialog.early and not dialog.caller:
        return Refusal(481, "the dialog to be replaced is early, and was not made by us")
    if wanted.early_only and not dialog.early:
        return Refusal(486, "the dialog to be replaced is confirmed")
    return dialog
