"""Dialogs and answered requests as values that survive the process: elsewhere, or later, the call goes on."""

from __future__ import annotations

import msgspec

from siprecord.protocol.core import Core
from siprecord.protocol.dialog import Dialog
from siprecord.protocol.flow import Flow
from siprecord.protocol.incoming import ServerTransaction
from siprecord.protocol.lifespan import Lifespan
from siprecord.protocol.server_machine import ServerState
from siprecord.protocol.session_timer import Session
from siprecord.syntax.quiet import Quiet
from siprecord.syntax.sip import Via

SEQUENCE_GAP = 1000
"""Added to our CSeq: requests may have been sent after the snapshot, and gaps are allowed."""


class TransactionSnapshot(Quiet, frozen=True, kw_only=True):
    """A request that has its final answer: its repetitions get the same, and a 2xx waits for its ACK."""

    id: str
    method: str
    number: int
    call_id: str
    to_tag: str
    via: str
    flow: Flow
    dialog: str | None
    merge_key: str | None
    response: bytes
    acknowledged: bool
    """Of an INVITE: the ACK has come."""


class DialogSnapshot(msgspec.Struct, frozen=True, kw_only=True):
    """All that is kept of a dialog, in types that msgspec writes and reads. Without unanswered requests."""

    id: str
    call_id: str
    caller: bool
    local: str
    remote: str
    contact: str
    target: str
    unreachable_target: str
    route_set: tuple[str, ...]
    local_sequence: int
    remote_sequence: int | None
    remote_updates: bool
    flow: Flow
    session: Session | None
    sdp: tuple[str, bytes] | None
    session_id: str = ""
    due: float | None = None
    """When the session timer fires, on this machine's monotonic clock; on another one leave it out."""
    accepted: tuple[TransactionSnapshot, ...] = ()
    """INVITEs whose 2xx waits for its ACK."""


def take_transaction(transaction: ServerTransaction) -> TransactionSnapshot | None:
    """An answered request as it is now; None while it has no final answer."""
    if transaction.open:
        return None
    acknowledged = transaction.state is ServerState.ACKNOWLEDGED
    return TransactionSnapshot(
        id=transaction.id,
        method=transaction.method,
        number=transaction.number,
        call_id=transaction.call_id,
        to_tag=transaction.to_tag,
        via=str(transaction.via),
        flow=transaction.flow,
        dialog=transaction.dialog,
        merge_key=transaction.merge_key,
        response=b"" if acknowledged else transaction.response,
        acknowledged=acknowledged,
    )


def restore_transaction(snapshot: TransactionSnapshot) -> ServerTransaction:
    """An answered request of an earlier life, without its timers. Raises ParseError for a damaged Via."""
    one = ServerTransaction.__new__(ServerTransaction)
    one.id, one.method, one.number = snapshot.id, snapshot.method, snapshot.number
    one.call_id, one.to_tag, one.dialog = snapshot.call_id, snapshot.to_tag, snapshot.dialog
    one.request, one.copied, one.new_call, one.provisional = None, [], False, None
    one.via, one.flow, one.merge_key = Via.parse(snapshot.via), snapshot.flow, snapshot.merge_key
    one.response, one.gap, one.repeat, one.limit = snapshot.response, 0.0, None, None
    invite = ServerState.ACKNOWLEDGED if snapshot.acknowledged else ServerState.ACCEPTED
    one.state = invite if snapshot.method == "INVITE" else ServerState.COMPLETED
    return one


def take_snapshot(dialog: Dialog) -> DialogSnapshot:
    """The dialog as it is now."""
    return DialogSnapshot(
        id=dialog.id,
        call_id=dialog.call_id,
        caller=dialog.caller,
        local=dialog.local,
        remote=dialog.remote,
        contact=dialog.contact,
        target=dialog.target,
        unreachable_target=dialog.unreachable_target,
        route_set=dialog.route_set,
        local_sequence=dialog.local_sequence,
        remote_sequence=dialog.remote_sequence,
        remote_updates=dialog.remote_updates,
        flow=dialog.flow,
        session=dialog.session,
        sdp=dialog.sdp,
        due=None if dialog.wakeup is None else dialog.wakeup.at,
        accepted=tuple(
            taken for one in dialog.accepted.values() if (taken := take_transaction(one)) is not None
        ),
        session_id=dialog.session_id,
    )


def move(core: Core, dialog_id: str) -> None:
    """A restored dialog has come from another node: the peer is to be told of an address of ours."""
    dialog = core.dialogs[dialog_id]
    dialog.contact = core.contact(dialog.flow, secure=dialog.contact.startswith("<sips:"))


def restore_snapshot(core: Core, lifespan: Lifespan, snapshot: DialogSnapshot, now: float) -> str:
    """Put the dialog back. Where it is not known when a refresh of ours is due, it is due at once."""
    dialog = Dialog(snapshot.id, snapshot.call_id, snapshot.flow)
    dialog.caller = snapshot.caller
    dialog.local = snapshot.local
    dialog.remote = snapshot.remote
    dialog.contact = snapshot.contact
    dialog.target = snapshot.target
    dialog.unreachable_target = snapshot.unreachable_target
    dialog.route_set = snapshot.route_set
    dialog.local_sequence = snapshot.local_sequence + SEQUENCE_GAP
    dialog.remote_sequence = snapshot.remote_sequence
    dialog.remote_updates = snapshot.remote_updates
    dialog.sdp = snapshot.sdp
    dialog.session_id = snapshot.session_id
    core.dialogs[dialog.id] = dialog
    lifespan.resume(dialog, snapshot.session, snapshot.due, now)
    return dialog.id
