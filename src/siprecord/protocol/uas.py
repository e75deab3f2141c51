"""The server side: requests of peers and our answers (RFC 3261 sections 8.2, 9.2, 12.2.2, 13.3, 15.1.2)."""

from __future__ import annotations

from siprecord.errors import ParseError
from siprecord.protocol import session_timer
from siprecord.protocol.actions import Answer, HeaderItems
from siprecord.protocol.admission import refuse_extension, refuse_in_dialog, refuse_method
from siprecord.protocol.awaited import Awaited
from siprecord.protocol.core import Core
from siprecord.protocol.counters import Counter
from siprecord.protocol.dialog import (
    TARGET_REFRESH,
    Dialog,
    callee_dialog,
    offers,
    request_dialog_id,
    wants_secure_contact,
)
from siprecord.protocol.events import (
    AckReceived,
    AckTimedOut,
    AnswerTimedOut,
    CancelReceived,
    DialogEnd,
    MessageRejected,
    RequestReceived,
)
from siprecord.protocol.flow import Flow
from siprecord.protocol.incoming import ServerTransaction
from siprecord.protocol.lifespan import Lifespan
from siprecord.protocol.provisionals import Provisionals, refuse_prack
from siprecord.protocol.refusal import Refusal
from siprecord.protocol.replaces import find_replaced, refuse_misplaced
from siprecord.protocol.responses import Capabilities, copied_rows, tagged, write_response
from siprecord.protocol.routing import response_flow
from siprecord.protocol.server_machine import ServerAction, ServerInput
from siprecord.protocol.server_transaction import Reports, ServerTransactions, server_key
from siprecord.protocol.session_id import own_uuid, peer_uuid, session_id_row
from siprecord.protocol.snapshot import TransactionSnapshot, restore_transaction
from siprecord.protocol.uac import Uac
from siprecord.syntax.sip import Request, parse_seconds

NO_DIALOG = Refusal(481, "no such dialog")


class Uas:
    """Takes requests, answers those it can judge by itself, and hands the others to the transaction user."""

    def __init__(self, core: Core, uac: Uac, lifespan: Lifespan) -> None:
        self._core = core
        self._uac = uac
        self._lifespan = lifespan
        self._capabilities = Capabilities(core.settings)
        self._transactions = ServerTransactions(core)
        self._transactions.on_report = self._reported
        self._provisionals = Provisionals(core, self._transactions, self._write)
        self._provisionals.finish = self._finish
        self._provisionals.give_up = self._not_acknowledged_early
        self._awaited = Awaited(core, self._take_in_dialog)
        self._unanswered_calls = 0

    def __len__(self) -> int:
        return len(self._transactions)

    def receive(self, request: Request, flow: Flow, now: float) -> None:
        """Take a request that `validate_request` has passed."""
        self._core.count(Counter.REQUESTS)
        key = server_key(request)
        transaction = self._transactions.get(key)
        if request.method == "ACK":
            self._acknowledge(request, transaction, flow, now)
        elif transaction is not None:
            self._repeat(request, transaction, flow, now)
        elif request.method == "CANCEL":
            self._cancel(request, key, flow, now)
        elif request.to.tag is not None:
            self._take_in_dialog(request, key, flow, now)
        else:
            self._take_new(request, key, flow, now)

    def dialog_of(self, id: str) -> str | None:
        """The dialog of a request, also the one its 2xx created."""
        transaction = self._transactions.get(id)
        return None if transaction is None else transaction.dialog

    def answered(self, id: str) -> ServerTransaction | None:
        """The transaction of a request, as long as its repetitions may come."""
        return self._transactions.get(id)

    def resume(self, snapshot: TransactionSnapshot, now: float) -> None:
        """Take up an answered request of an earlier life; once, however often it is asked for."""
        if self._transactions.get(snapshot.id) is not None:
            return
        try:
            transaction = restore_transaction(snapshot)
        except ParseError:
            return
        self._transactions.resume(transaction, now)
        dialog = self._core.dialogs.get(transaction.dialog or "")
        if dialog is not None and transaction.method == "INVITE" and not snapshot.acknowledged:
            dialog.accepted[transaction.number] = transaction

    def respond(self, id: str, answer: Answer, now: float) -> None:
        """Send the answer of the transaction user."""
        transaction = self._transactions.get(id)
        if transaction is None or not transaction.open or transaction.request is None:
            self._core.count(Counter.LATE_ANSWER)
            return
        if answer.status >= 200:
            if not self._provisionals.holds(transaction, answer):
                self._answer_final(transaction, transaction.request, answer, now)
        elif answer.status > 100 and transaction.method == "INVITE":
            self._ring(transaction, transaction.request, answer, now)

    # Requests

    def _repeat(self, request: Request, transaction: ServerTransaction, flow: Flow, now: float) -> None:
        self._core.count(Counter.DUPLICATES)
        first = transaction.flow
        if first.reliable and (not first.connection or self._core.is_lost(first)):
            transaction.flow = flow  # who lost that connection waits for the answer where it asks again
        if request.to.tag is not None or self._answers(flow, now):
            self._transactions.feed(transaction, ServerInput.REQUEST, now)

    def _take_new(self, request: Request, key: str, flow: Flow, now: float) -> None:
        """Section 8.2: whoever sends it is asked first; then come method, merging and extensions."""
        core = self._core
        verdict = core.settings.gate.judge(request, flow, now)
        if verdict is None:
            core.count(Counter.SHED)
            return
        if isinstance(verdict, Refusal):
            core.count(Counter.TURNED_AWAY)
            self._refuse_stateless(request, key, flow, verdict)
            return
        if self._is_full(request):
            self._refuse_full(request, key, flow)
            return
        transaction = self._transactions.open(key, request, flow, now)
        refusal = (
            refuse_method(core, request)
            or self._refuse_merged(transaction, request)
            or refuse_extension(core, request)
            or self._refuse_interval(request)
            or refuse_misplaced(core, request)
        )
        replaced = refusal or find_replaced(core, request)
        if isinstance(replaced, Refusal):
            self._refuse(transaction, replaced, now)
            return
        self._open_call(transaction, request, now)
        taken = None if replaced is None else replaced.id
        core.tell(RequestReceived(key, request, flow, None, verdict.principal, taken))

    def _take_in_dialog(self, request: Request, key: str, flow: Flow, now: float) -> None:
        core = self._core
        dialog = core.dialogs.get(request_dialog_id(request))
        if dialog is None:
            if not self._answers(flow, now):
                return
            if self._awaited.holds(request, key, flow, now):
                return
        if self._is_full(request):
            self._refuse_full(request, key, flow)
            return
        transaction = self._transactions.open(key, request, flow, now)
        refusal = (
            refuse_method(core, request)
            or _refuse_unknown(dialog)
            or refuse_extension(core, request)
            or refuse_misplaced(core, request)
            or (self._enter(dialog, request) if dialog is not None else None)
            or self._refuse_interval(request)
        )
        if refusal is not None or dialog is None:
            self._refuse(transaction, refusal or NO_DIALOG, now)
            return
        self._join(dialog, transaction, request, flow, now)
        if request.method == "PRACK":
            self._take_prack(dialog, transaction, request, now)
        else:
            core.tell(RequestReceived(key, request, flow, transaction.dialog))

    def _take_prack(
        self, dialog: Dialog, transaction: ServerTransaction, request: Request, now: float
    ) -> None:
        """An offer in it is the transaction user's to answer (RFC 3262 section 5); else nobody is asked."""
        if offers(request.headers.get("Content-Type"), request.body):
            self._core.tell(RequestReceived(transaction.id, request, transaction.flow, dialog.id))
        else:
            self._answer_final(transaction, request, Answer(200), now)
        self._provisionals.acknowledge(dialog, now)

    def _answers(self, flow: Flow, now: float) -> bool:
        """Whether something that needs no judgement is answered, at the rate it comes."""
        if self._core.settings.gate.answers(flow, now):
            return True
        self._core.count(Counter.SHED)
        return False

    def _refuse_interval(self, request: Request) -> Refusal | None:
        if request.method not in TARGET_REFRESH:
            return None
        return session_timer.refuse(request, self._core.settings.session_timer)

    def _refuse_merged(self, transaction: ServerTransaction, request: Request) -> Refusal | None:
        key = f"{request.cseq.number} {request.method} {request.from_.tag} {request.call_id}"
        if self._transactions.is_merged(key):
            return Refusal(482, "the same request came another way")
        self._transactions.remember_merge_key(transaction, key)
        return None

    def _enter(self, dialog: Dialog, request: Request) -> Refusal | None:
        refusal = refuse_in_dialog(self._core, dialog, request) or refuse_prack(dialog, request)
        last = dialog.remote_sequence
        if last is None or request.cseq.number > last:
            dialog.remote_sequence = request.cseq.number
        return refusal

    def _open_call(self, transaction: ServerTransaction, request: Request, now: float) -> None:
        if request.method != "INVITE":
            return
        transaction.new_call = True
        self._unanswered_calls += 1
        expires = parse_seconds(request.headers.get("Expires") or "")
        if expires:
            self._transactions.limit_patience(transaction, now + expires)

    def _join(
        self, dialog: Dialog, transaction: ServerTransaction, request: Request, flow: Flow, now: float
    ) -> None:
        transaction.dialog = dialog.id
        dialog.flow = flow
        if request.method == "INVITE":
            dialog.invite_in = transaction
        elif request.method == "UPDATE":
            dialog.update_in = transaction
        elif request.method == "BYE":
            self._take_bye(dialog, request, flow, now)

    def _take_bye(self, dialog: Dialog, request: Request, flow: Flow, now: float) -> None:
        """Section 15.1.2: what is pending gets 487; nobody waits for an ACK any more."""
        for accepted in dialog.accepted.values():
            self._transactions.feed(accepted, ServerInput.ACK, now)
        dialog.accepted.clear()
        dialog.closing = dialog.closing or DialogEnd.BYE_RECEIVED
        pending = dialog.invite_in
        if pending is not None:
            self._terminate(pending, now)
            self._core.tell(CancelReceived(pending.id, request, flow))

    def _is_full(self, request: Request) -> bool:
        settings = self._core.settings
        if request.to.tag is not None or request.method == "CANCEL":
            return len(self._transactions) >= 2 * settings.max_transactions
        if len(self._transactions) >= settings.max_transactions:
            return True
        calls = len(self._core.dialogs) + self._unanswered_calls
        return request.method == "INVITE" and calls >= settings.max_dialogs

    def _refuse_full(self, request: Request, key: str, flow: Flow) -> None:
        self._core.count(Counter.FULL)
        headers = (("Retry-After", str(self._core.settings.retry_after)),)
        refusal = Refusal(503, "too many calls or transactions are open", headers)
        self._refuse_stateless(request, key, flow, refusal)

    def _refuse_stateless(self, request: Request, key: str, flow: Flow, refusal: Refusal) -> None:
        """Answer without a transaction: nothing is kept, and a repeated request gets the same To tag."""
        core = self._core
        tag = None if request.to.tag else core.tag(request.call_id, request.from_.tag or "", key)
        answer = Answer(refusal.status, headers=refusal.headers)
        to = tagged(request.headers.get("To") or "", tag)
        data = write_response(copied_rows(request, flow), to, answer, self._capabilities.always)
        core.send(data, response_flow(request.top_via, flow, connected=True), request.call_id)
        core.tell(MessageRejected(flow, refusal.status, refusal.text, request.call_id))

    def _refuse(self, transaction: ServerTransaction, refusal: Refusal, now: float) -> None:
        core = self._core
        core.count(Counter.REFUSED)
        self._write(transaction, Answer(refusal.status, headers=refusal.headers), (), now)
        core.tell(MessageRejected(transaction.flow, refusal.status, refusal.text, transaction.call_id))

    # ACK and CANCEL

    def _acknowledge(
        self, request: Request, transaction: ServerTransaction | None, flow: Flow, now: float
    ) -> None:
        """The ACK of a failure belongs to its transaction, that of a 2xx to the dialog (RFC 6026, 7.1)."""
        dialog = self._core.dialogs.get(request_dialog_id(request))
        accepted = None if dialog is None else dialog.accepted.get(request.cseq.number)
        if dialog is not None and accepted is not None:
            del dialog.accepted[request.cseq.number]
            dialog.flow = flow
            self._transactions.feed(accepted, ServerInput.ACK, now)
            self._core.tell(AckReceived(dialog.id, request, flow))
            self._uac.release(dialog, now)
        elif transaction is not None:
            self._transactions.feed(transaction, ServerInput.ACK, now)
        elif dialog is None:
            self._core.count(Counter.STRAY_ACK)

    def _cancel(self, request: Request, key: str, flow: Flow, now: float) -> None:
        invite = self._transactions.get(server_key(request, "INVITE"))
        if invite is None and not self._answers(flow, now):
            return
        if self._is_full(request):
            self._refuse_full(request, key, flow)
            return
        transaction = self._transactions.open(key, request, flow, now)
        if invite is None:
            self._refuse(transaction, Refusal(481, "CANCEL of a request that is not known"), now)
            return
        transaction.to_tag = invite.to_tag
        self._write(transaction, Answer(200), (), now)
        if invite.open:
            self._terminate(invite, now)
            self._core.tell(CancelReceived(invite.id, request, flow))

    # Answers

    def _terminate(self, transaction: ServerTransaction, now: float, status: int = 487) -> None:
        if transaction.open and transaction.request is not None:
            self._answer_final(transaction, transaction.request, Answer(status), now)

    def _answer_final(
        self, transaction: ServerTransaction, request: Request, answer: Answer, now: float
    ) -> None:
        self._count_off(transaction)
        self._provisionals.close(transaction, now)
        dialog = self._core.dialogs.get(transaction.dialog or "")
        extra: HeaderItems = ()
        session: session_timer.Session | None = None
        success = 200 <= answer.status < 300
        refreshes = success and request.method in TARGET_REFRESH
        if success and request.method == "INVITE" and (dialog is None or dialog.early):
            dialog = dialog or self._create_dialog(transaction, request)
            dialog.early = False
            extra = tuple(("Record-Route", value) for value in request.headers.get_all("Record-Route"))
        if dialog is not None and refreshes:
            agreement = session_timer.answer(request, self._core.settings.session_timer)
            session = agreement.session
            extra += (("Contact", dialog.contact), *agreement.headers)
        elif success and request.method == "OPTIONS":
            extra += (("Contact", self._core.contact(transaction.flow)),)
        self._write(transaction, answer, extra, now)
        if dialog is not None:
            if refreshes:
                self._refreshed(dialog, transaction, request, answer)
                self._lifespan.restart(dialog, session, now)
            self._close(dialog, transaction, success=success, now=now)

    def _finish(self, transaction: ServerTransaction, answer: Answer, now: float) -> None:
        """Send the 2xx that a reliable provisional response has held back."""
        if transaction.open and transaction.request is not None:
            self._answer_final(transaction, transaction.request, answer, now)

    def _ring(self, transaction: ServerTransaction, request: Request, answer: Answer, now: float) -> None:
        """Send a provisional response; the first one to a new call makes an early dialog (section 12.1)."""
        if transaction.dialog is None:
            self._count_off(transaction)
            dialog = self._create_dialog(transaction, request)
            dialog.early, dialog.invite_in = True, transaction
        if transaction.dialog in self._core.dialogs:
            self._provisionals.send(transaction, request, answer, now)

    def _count_off(self, transaction: ServerTransaction) -> None:
        """A new call has its dialog now, or its end."""
        if transaction.new_call:
            transaction.new_call = False
            self._unanswered_calls -= 1

    def _create_dialog(self, transaction: ServerTransaction, request: Request) -> Dialog:
        flow = transaction.flow
        contact = self._core.contact(flow, secure=wants_secure_contact(request))
        dialog = callee_dialog(request, transaction.to_tag, flow, contact)
        self._core.dialogs[dialog.id] = dialog
        transaction.dialog = dialog.id
        return dialog

    def _refreshed(
        self, dialog: Dialog, transaction: ServerTransaction, request: Request, answer: Answer
    ) -> None:
        dialog.refresh_target(request)
        if "Allow" in request.headers:
            dialog.remote_updates = "UPDATE" in request.headers.get_list("Allow")
        if request.method == "INVITE":
            dialog.accepted[transaction.number] = transaction
        if answer.content_type is not None and offers(answer.content_type, answer.body):
            dialog.sdp = (answer.content_type, answer.body)

    def _close(self, dialog: Dialog, transaction: ServerTransaction, *, success: bool, now: float) -> None:
        """The request is answered: what waited for that may go on."""
        if dialog.invite_in is transaction:
            dialog.invite_in = None
        if dialog.update_in is transaction:
            dialog.update_in = None
        if dialog.early and transaction.method == "INVITE" and dialog.closing is None:
            self._lifespan.end(dialog, DialogEnd.REFUSED)
            return
        if transaction.method == "BYE":
            if success:
                self._lifespan.end(dialog, dialog.closing or DialogEnd.BYE_RECEIVED)
                return
            if dialog.closing is DialogEnd.BYE_RECEIVED:
                dialog.closing = None
        self._uac.release(dialog, now)

    def _write(self, transaction: ServerTransaction, answer: Answer, extra: HeaderItems, now: float) -> None:
        request = transaction.request
        if request is None:
            return
        own = (*extra, *self._capabilities.rows(request.method, answer.status))
        if (uuid := peer_uuid(request)) is not None:
            tag = request.to.tag or transaction.to_tag
            own = (*own, session_id_row(own_uuid(request.call_id, tag), uuid))
        to = tagged(request.headers.get("To") or "", None if request.to.tag else transaction.to_tag)
        data = write_response(transaction.copied, to, answer, own)
        self._transactions.answer(transaction, answer.status, data, now)

    # Timers

    def _reported(self, transaction: ServerTransaction, reports: Reports, now: float) -> None:
        if ServerAction.REPORT_NO_ACK in reports:
            self._not_acknowledged(transaction, now)
        elif ServerAction.REPORT_NO_ANSWER in reports:
            self._not_answered(transaction, now)
        elif ServerAction.REPORT_NO_NEWS in reports and not self._provisionals.repeats(transaction):
            self.respond(transaction.id, Answer(183), now)

    def _not_acknowledged(self, transaction: ServerTransaction, now: float) -> None:
        core = self._core
        core.count(Counter.NO_ACK)
        dialog = core.dialogs.get(transaction.dialog or "")
        if dialog is None or dialog.accepted.pop(transaction.number, None) is None:
            return
        core.tell(AckTimedOut(dialog.id, transaction.id))
        if dialog.bye is not None:
            self._uac.release(dialog, now)
        else:
            self._uac.hang_up(dialog, DialogEnd.NO_ACK, now)

    def _not_acknowledged_early(self, transaction: ServerTransaction, now: float) -> None:
        """No PRACK came for 64*T1 (RFC 3262 section 3)."""
        self._core.count(Counter.NO_PRACK)
        self._terminate(transaction, now, 504)
        self._core.tell(AnswerTimedOut(transaction.id, 504))

    def _not_answered(self, transaction: ServerTransaction, now: float) -> None:
        status = 500
        request = transaction.request
        if transaction.method == "INVITE" and request is not None:
            expires = parse_seconds(request.headers.get("Expires") or "")
            status = 487 if expires and expires < self._core.timers.patience else 500
            self._terminate(transaction, now, status)
        self._core.tell(AnswerTimedOut(transaction.id, status))
        dialog = self._core.dialogs.get(transaction.dialog or "")
        if dialog is not None and transaction.method != "INVITE":
            self._close(dialog, transaction, success=True, now=now)


def _refuse_unknown(dialog: Dialog | None) -> Refusal | None:
    return NO_DIALOG if dialog is None else None
