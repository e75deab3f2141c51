"""The client side: our requests and what comes back (RFC 3261 sections 8.1, 9.1, 12.2.1, 13.2, 14.1)."""

from __future__ import annotations

from siprecord.errors import ParseError
from siprecord.protocol.actions import InviteSpec, OutgoingRequest, OutOfDialogRequest
from siprecord.protocol.client_machine import ClientAction, ClientInput, ClientState
from siprecord.protocol.client_transaction import ClientTransaction, ClientTransactions, Reports
from siprecord.protocol.core import Core
from siprecord.protocol.counters import Counter
from siprecord.protocol.dialog import Dialog, Waiting, caller_dialog, dialog_id, offers
from siprecord.protocol.events import DialogEnd, RequestTimedOut, ResponseReceived
from siprecord.protocol.flow import Flow
from siprecord.protocol.lifespan import Lifespan
from siprecord.protocol.requests import cancel, dialog_flow, failure_ack, in_dialog, outside, success_ack
from siprecord.syntax.sip import RAck, Response, has_option, parse_rseq, validate_response

MAX_ATTEMPTS = 5
"""How often a request is sent that gets 491 each time. Ours."""
GONE = frozenset({408, 481})
"""Answers that end the dialog (section 12.2.1.2)."""
_UNHEEDED = frozenset({"CANCEL", "PRACK"})
"""When they time out the INVITE goes its way."""


class Uac:
    """Sends requests, follows their responses, and keeps the dialogs in step with them."""

    def __init__(self, core: Core, lifespan: Lifespan) -> None:
        self._core = core
        self._lifespan = lifespan
        self._transactions = ClientTransactions(core)
        self._transactions.on_report = self._reported
        lifespan.hang_up = self.hang_up
        lifespan.send_refresh = self._send_refresh

    def send(self, spec: InviteSpec | OutOfDialogRequest, now: float) -> str:
        """Send a request outside any dialog."""
        transaction = ClientTransaction(self._core.token(), outside(self._core, spec), None)
        if isinstance(spec, InviteSpec):
            transaction.acknowledge = spec.acknowledge
        self._transactions.start(transaction, spec.flow, now)
        return transaction.id

    def request(self, dialog_id: str, outgoing: OutgoingRequest, now: float) -> str:
        """Send a request in a dialog, or keep it until it may be sent; "" when the dialog is gone."""
        dialog = self._core.dialogs.get(dialog_id)
        if dialog is None or dialog.closing is DialogEnd.BYE_RECEIVED:
            return ""
        if outgoing.method == "BYE" and dialog.bye is not None:
            return dialog.bye
        id = self._core.token()
        if outgoing.method == "BYE":
            self._lifespan.drop_waiting(dialog)
            dialog.bye = id
        if dialog.closing is not None and outgoing.method != "BYE":
            self._core.tell(RequestTimedOut(id, dialog_id))
        elif dialog.may_send(outgoing) and not dialog.waiting:
            self._start(dialog, id, outgoing, now)
        else:
            dialog.waiting.append(Waiting(id, outgoing))
        return id

    def cancel(self, id: str, now: float) -> None:
        """Cancel an INVITE of ours; the CANCEL waits until something came back (section 9.1)."""
        transaction = self._transactions.get(id)
        if transaction is not None and transaction.method == "INVITE":
            transaction.cancelled = True
            self._reported(transaction, self._transactions.feed(transaction, ClientInput.CANCEL, now), now)

    def acknowledge(self, id: str, answer: OutgoingRequest, now: float) -> None:
        """Send the ACK of the 2xx to an INVITE whose `acknowledge` was False."""
        transaction = self._transactions.get(id)
        if (
            transaction is None
            or transaction.state is not ClientState.ACCEPTED
            or transaction.ack is not None
        ):
            return
        dialog = self._core.dialogs.get(transaction.dialog or "")
        if dialog is not None:
            self._acknowledge(dialog, transaction, answer, now)

    def receive(self, response: Response, flow: Flow, now: float) -> None:
        """Take a response. Raises ParseError for one that is to be dropped."""
        self._core.count(Counter.RESPONSES)
        validate_response(response)
        transaction = self._transactions.find(response)
        if transaction is None:
            self._core.count(Counter.STRAY_RESPONSE)
            return
        if self._is_fork(transaction, response):
            self._refuse_fork(transaction, response, flow, now)
            return
        if response.status < 200:
            given = ClientInput.PROVISIONAL
        else:
            given = ClientInput.SUCCESS if response.status < 300 else ClientInput.FAILURE
        for report in self._transactions.feed(transaction, given, now):
            if report is ClientAction.ACKNOWLEDGE:
                ack = failure_ack(transaction.request, response)
                self._core.send(ack, transaction.flow, response.call_id)
            elif report is ClientAction.DELIVER:
                self._deliver(transaction, response, flow, now)

    def connection_lost(self, flow: Flow, now: float) -> None:
        """Open requests on that connection have failed."""
        self._transactions.connection_lost(flow, now)

    def unreachable(self, flow: Flow, now: float) -> None:
        """Open requests to that address may have failed."""
        self._transactions.unreachable(flow, now)

    def release(self, dialog: Dialog, now: float) -> None:
        """Send what waited, as far as it may be sent now."""
        while dialog.waiting and dialog.closing is None and dialog.may_send(dialog.waiting[0].outgoing):
            waiting = dialog.waiting.popleft()
            self._start(dialog, waiting.transaction, waiting.outgoing, now)

    def hang_up(self, dialog: Dialog, cause: DialogEnd, now: float) -> None:
        """Send a BYE that the transaction user did not ask for, and end the dialog at once."""
        if dialog.closing is None:
            self._start(dialog, self._core.token(), OutgoingRequest("BYE"), now, internal=True)
        self._lifespan.end(dialog, cause)

    def _start(
        self, dialog: Dialog, id: str, outgoing: OutgoingRequest, now: float, *, internal: bool = False
    ) -> None:
        try:
            request = in_dialog(self._core, dialog, outgoing, dialog.next_sequence())
            flow = dialog_flow(self._core, dialog)
        except ParseError:
            # A target or route set that can't be read leads nowhere, like a peer that does not answer.
            if not internal:
                self._core.tell(RequestTimedOut(id, dialog.id))
            if outgoing.method == "BYE":
                self._lifespan.end(dialog, DialogEnd.BYE_SENT)
            return
        transaction = ClientTransaction(id, request, dialog.id)
        transaction.outgoing = outgoing
        transaction.acknowledge = outgoing.acknowledge
        transaction.internal = internal
        self._mark_open(dialog, transaction, internal=internal)
        self._transactions.start(transaction, flow, now)

    def _mark_open(self, dialog: Dialog, transaction: ClientTransaction, *, internal: bool) -> None:
        outgoing = transaction.outgoing
        if outgoing is None:
            return
        carries_offer = offers(outgoing.content_type, outgoing.body)
        if outgoing.method == "INVITE":
            dialog.invite_out = transaction.id
        elif outgoing.method == "UPDATE":
            dialog.update_out = transaction.id
            dialog.offer_out = carries_offer
        elif outgoing.method == "BYE" and not internal:
            dialog.closing = DialogEnd.BYE_SENT
        if carries_offer and (outgoing.content_type or "").lower().startswith("application/sdp"):
            dialog.sdp = (outgoing.content_type or "", outgoing.body)

    def _mark_closed(self, dialog: Dialog, transaction: ClientTransaction) -> None:
        if dialog.invite_out == transaction.id:
            dialog.invite_out = None
        if dialog.update_out == transaction.id:
            dialog.update_out = None
            dialog.offer_out = False

    def _deliver(self, transaction: ClientTransaction, response: Response, flow: Flow, now: float) -> None:
        if response.status < 200:
            self._provisional(transaction, response, flow, now)
            return
        if transaction.method == "PRACK":
            return  # whatever it says, the INVITE goes its way
        if transaction.early:
            self._end_early(transaction, response)
        if transaction.method == "INVITE" and transaction.dialog is None and response.status < 300:
            self._establish(transaction, response, flow, now)
            return
        dialog = self._core.dialogs.get(transaction.dialog or "")
        if dialog is None:
            self._tell(transaction, response, flow)
            return
        if response.status == 491 and self._retry_later(dialog, transaction, now):
            return
        if not (200 <= response.status < 300 and transaction.method == "INVITE"):
            self._mark_closed(dialog, transaction)
        self._tell(transaction, response, flow)
        self._follow(dialog, transaction, response, now)

    def _provisional(
        self, transaction: ClientTransaction, response: Response, flow: Flow, now: float
    ) -> None:
        if transaction.cancelled:
            self._reported(transaction, self._transactions.feed(transaction, ClientInput.CANCEL, now), now)
        if response.status > 100 and self._take_reliable(transaction, response, flow, now):
            self._tell(transaction, response, flow)

    def _take_reliable(
        self, transaction: ClientTransaction, response: Response, flow: Flow, now: float
    ) -> bool:
        """Acknowledge a reliable response by PRACK; False for one that came before or too early."""
        rseq = reliable_number(response)
        if rseq is None or transaction.method != "INVITE":
            return True
        dialog = self._core.dialogs.get(transaction.dialog or "") or self._early(transaction, response, flow)
        number, (invite, last) = transaction.request.cseq.number, dialog.rseq
        if invite == number and rseq != last + 1:
            return False
        dialog.rseq = number, rseq
        rack = str(RAck(rseq, transaction.request.cseq))
        prack = OutgoingRequest("PRACK", headers=(("RAck", rack),))
        self._start(dialog, self._core.token(), prack, now, internal=True)
        return True

    def _early(self, transaction: ClientTransaction, response: Response, flow: Flow) -> Dialog:
        """The early dialog a provisional response belongs to; each callee of a forked INVITE has its own."""
        made = caller_dialog(transaction.request, response, flow)
        dialog = self._core.dialogs.get(made.id)
        if dialog is None:
            dialog, made.early = made, True
            self._core.dialogs[made.id] = made
            transaction.early += (made.id,)
        return dialog

    def _end_early(self, transaction: ClientTransaction, response: Response | None) -> None:
        """The INVITE has its final response, or will never have one: one early dialog lives on at most."""
        kept = ""
        if response is not None and response.status < 300:
            kept = dialog_id(response.call_id, transaction.request.from_.tag or "", response.to.tag)
        for id in transaction.early:
            dialog = self._core.dialogs.get(id)
            if dialog is not None and id != kept:
                self._lifespan.end(dialog, DialogEnd.REFUSED)
        transaction.early = ()

    def _establish(self, transaction: ClientTransaction, response: Response, flow: Flow, now: float) -> None:
        made = caller_dialog(transaction.request, response, flow)
        dialog = self._core.dialogs.setdefault(made.id, made)
        dialog.confirm(response)
        transaction.dialog = dialog.id
        request = transaction.request
        content_type = request.headers.get("Content-Type")
        if content_type is not None and content_type.lower().startswith("application/sdp"):
            dialog.sdp = (content_type, request.body)
        dialog.invite_out = transaction.id
        self._tell(transaction, response, flow)
        self._succeeded(dialog, transaction, response, now)

    def _is_fork(self, transaction: ClientTransaction, response: Response) -> bool:
        if transaction.method != "INVITE" or transaction.state is not ClientState.ACCEPTED:
            return False
        if transaction.outgoing is not None or not 200 <= response.status < 300:
            return False
        tag = transaction.request.from_.tag or ""
        return dialog_id(response.call_id, tag, response.to.tag) != transaction.dialog

    def _refuse_fork(
        self, transaction: ClientTransaction, response: Response, flow: Flow, now: float
    ) -> None:
        """A second callee answered the same INVITE: it is acknowledged and hung up (section 13.2.2.4)."""
        dialog = caller_dialog(transaction.request, response, flow)
        sequence = transaction.request.cseq.number
        self._core.send(*success_ack(self._core, dialog, sequence, OutgoingRequest("ACK")), dialog.call_id)
        self.hang_up(dialog, DialogEnd.BYE_SENT, now)

    def _follow(self, dialog: Dialog, transaction: ClientTransaction, response: Response, now: float) -> None:
        if transaction.method == "BYE":
            self._lifespan.end(dialog, DialogEnd.BYE_SENT)
        elif response.status in GONE:
            self._lose(dialog, transaction, now)
        elif response.status < 300 and transaction.method in ("INVITE", "UPDATE"):
            dialog.refresh_target(response)
            self._succeeded(dialog, transaction, response, now)
        else:
            if transaction.internal:
                self._lifespan.postpone(dialog, now)
            self.release(dialog, now)

    def _succeeded(
        self, dialog: Dialog, transaction: ClientTransaction, response: Response, now: float
    ) -> None:
        self._lifespan.agreed(dialog, response, now)
        if transaction.method == "INVITE" and transaction.acknowledge:
            self._acknowledge(dialog, transaction, OutgoingRequest("ACK"), now)
        self.release(dialog, now)

    def _acknowledge(
        self, dialog: Dialog, transaction: ClientTransaction, answer: OutgoingRequest, now: float
    ) -> None:
        sequence = transaction.request.cseq.number
        try:
            transaction.ack = success_ack(self._core, dialog, sequence, answer)
        except ParseError:
            # The peer sent a Contact or route that leads nowhere: it will give the call up by itself.
            transaction.ack = None
        if transaction.ack is not None:
            self._core.send(*transaction.ack, dialog.call_id)
        self._mark_closed(dialog, transaction)
        self.release(dialog, now)

    def _lose(self, dialog: Dialog, transaction: ClientTransaction, now: float) -> None:
        """481, 408 or silence. After a failed refresh a BYE is due all the same (RFC 4028 section 10)."""
        if transaction.internal:
            self.hang_up(dialog, DialogEnd.GONE, now)
        else:
            self._lifespan.end(dialog, DialogEnd.GONE)

    def _reported(self, transaction: ClientTransaction, reports: Reports, now: float) -> None:
        if ClientAction.CANCEL in reports:
            self._send_cancel(transaction, now)
        if ClientAction.REPORT_TIMEOUT not in reports:
            return
        self._core.count(Counter.TIMED_OUT)
        if transaction.method in _UNHEEDED or (transaction.internal and transaction.method == "BYE"):
            return
        self._end_early(transaction, None)
        dialog = self._core.dialogs.get(transaction.dialog or "")
        if not transaction.internal:
            refused = transaction.refused_at is not None
            self._core.tell(RequestTimedOut(transaction.id, transaction.dialog, refused))
        if dialog is not None:
            self._mark_closed(dialog, transaction)
            if transaction.method == "BYE":
                self._lifespan.end(dialog, DialogEnd.BYE_SENT)
            else:
                self._lose(dialog, transaction, now)

    def _send_cancel(self, transaction: ClientTransaction, now: float) -> None:
        request = cancel(transaction.request)
        branch = transaction.request.top_via.branch or ""
        sent = ClientTransaction(self._core.token(), request, None)
        sent.internal = True
        self._transactions.start(sent, transaction.flow, now, branch)

    def _retry_later(self, dialog: Dialog, transaction: ClientTransaction, now: float) -> bool:
        """After 491 the owner of the Call-ID waits 2.1 to 4 s, the other side 0 to 2 s (section 14.1)."""
        outgoing = transaction.outgoing
        if outgoing is None or transaction.attempts >= MAX_ATTEMPTS or dialog.closing is not None:
            return False
        core = self._core
        delay = (210 + core.below(191) if dialog.caller else core.below(201)) / 100
        self._mark_closed(dialog, transaction)

        def retry(at: float) -> None:
            if core.dialogs.get(dialog.id) is dialog and dialog.closing is None:
                self._start_again(dialog, transaction, outgoing, at)

        core.deadlines.schedule(now + delay, retry)
        return True

    def _start_again(
        self, dialog: Dialog, failed: ClientTransaction, outgoing: OutgoingRequest, now: float
    ) -> None:
        if not dialog.may_send(outgoing):
            dialog.waiting.appendleft(Waiting(failed.id, outgoing))
            return
        self._start(dialog, failed.id, outgoing, now, internal=failed.internal)
        again = self._transactions.get(failed.id)
        if again is not None:
            again.attempts = failed.attempts + 1

    def _send_refresh(self, dialog: Dialog, now: float) -> None:
        """Refresh the session by an empty UPDATE, or by a re-INVITE that repeats our last description."""
        if dialog.remote_updates:
            outgoing = OutgoingRequest("UPDATE")
        elif dialog.sdp is not None:
            outgoing = OutgoingRequest("INVITE", content_type=dialog.sdp[0], body=dialog.sdp[1])
        else:
            outgoing = OutgoingRequest("INVITE")
        if dialog.closing is None and dialog.may_send(outgoing):
            self._start(dialog, self._core.token(), outgoing, now, internal=True)
        else:
            self._lifespan.postpone(dialog, now)

    def _tell(self, transaction: ClientTransaction, response: Response, flow: Flow) -> None:
        if not transaction.internal:
            self._core.tell(ResponseReceived(transaction.id, response, transaction.dialog, flow))


def reliable_number(response: Response) -> int | None:
    """The RSeq of a provisional response that wants a PRACK; None for any other (RFC 3262 section 4)."""
    if (
        response.status <= 100
        or response.to.tag is None
        or not has_option(response.headers, "Require", "100rel")
    ):
        return None
    return parse_rseq(response.headers.get("RSeq") or "")
