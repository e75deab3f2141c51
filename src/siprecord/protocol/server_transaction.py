"""Server transactions at work: what the tables of `invite_server` and `other_server` decide is done here."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from siprecord.protocol.core import Core
from siprecord.protocol.counters import Counter
from siprecord.protocol.flow import Flow
from siprecord.protocol.incoming import ServerTransaction
from siprecord.protocol.invite_server import INVITE_SERVER
from siprecord.protocol.machine import step
from siprecord.protocol.other_server import OTHER_SERVER
from siprecord.protocol.responses import write_trying
from siprecord.protocol.routing import response_flow
from siprecord.protocol.server_machine import ServerAction, ServerInput, ServerState
from siprecord.syntax.sip import Request

MAGIC_COOKIE = "z9hg4bk"
Reports = tuple[ServerAction, ...]


def server_key(request: Request, method: str | None = None) -> str:
    """What identifies the transaction of a request (RFC 3261 section 17.2.3).

    Branch, sent-by and method; an ACK matches its INVITE. Without the magic cookie the fields of RFC 2543
    decide. A CANCEL's INVITE is found by asking with `method`.
    """
    method = method or request.method
    if method == "ACK":
        method = "INVITE"
    via = request.top_via
    branch = via.branch
    if branch is not None and branch[:7].lower() == MAGIC_COOKIE:
        return f"{method} {branch} {via.sent_by.lower()}"
    # The ACK has a To tag that the INVITE had not, so tags of To are left out where they may differ.
    to_tag = "" if method == "INVITE" else request.to.tag
    from_tag = request.from_.tag
    return f"{method} {request.uri} {from_tag} {to_tag} {request.call_id} {request.cseq.number} {via}"


class ServerTransactions:
    """All server transactions of an endpoint. `on_report` is told what a timer brought about."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._by_id: dict[str, ServerTransaction] = {}
        self._merge_keys: dict[str, str] = {}
        self.on_report: Callable[[ServerTransaction, Reports, float], None] = lambda *_: None
        self._perform: dict[ServerAction, Callable[[ServerTransaction, float], None]] = {
            ServerAction.SEND: self._send,
            ServerAction.SEND_AGAIN: self._send_again,
            ServerAction.SEND_TRYING: self._send_trying,
            ServerAction.START_REPEAT: self._start_repeat,
            ServerAction.START_REPEAT_IF_UNRELIABLE: self._start_repeat_if_unreliable,
            ServerAction.BACK_OFF: self._back_off,
            ServerAction.START_REMINDER: self._start_reminder,
            ServerAction.STOP_REPEAT: self._stop_repeat,
            ServerAction.START_LIMIT: self._start_limit,
            ServerAction.START_LINGER: self._start_linger,
            ServerAction.FORGET: self._forget,
        }

    def __len__(self) -> int:
        return len(self._by_id)

    def get(self, id: str) -> ServerTransaction | None:
        """The transaction of that id (see `server_key`)."""
        return self._by_id.get(id)

    def open(self, id: str, request: Request, flow: Flow, now: float) -> ServerTransaction:
        """Start a transaction for a request that no other one matches."""
        core = self._core
        tag = request.to.tag or core.tag(request.call_id, request.from_.tag or "", id)
        transaction = self._by_id[id] = ServerTransaction(id, request, flow, tag)
        # RFC 4320 section 4.1: a 100 to a non-INVITE must wait until the client's timer E has reached T2.
        timers = core.timers
        invite = request.method == "INVITE"
        trying = timers.trying if invite else timers.t2 - timers.t1
        patience = timers.patience if invite else timers.transaction
        self._arm_repeat(transaction, now + trying)
        self._arm_limit(transaction, now + patience)
        return transaction

    def resume(self, transaction: ServerTransaction, now: float) -> None:
        """Take up an answered request of an earlier life for another 64*T1.

        Its answer may never have left, so a 2xx to an INVITE that waits for its ACK is sent again at once.
        """
        if transaction.id in self._by_id:
            return
        self._by_id[transaction.id] = transaction
        if transaction.merge_key is not None:
            self._merge_keys[transaction.merge_key] = transaction.id
        self._arm_limit(transaction, now + self._core.timers.transaction)
        if transaction.state is ServerState.ACCEPTED:
            self._send_again(transaction, now)
            self._start_repeat(transaction, now)

    def remember_merge_key(self, transaction: ServerTransaction, key: str) -> None:
        """Make the transaction known to `is_merged`, for as long as it lives."""
        transaction.merge_key = key
        self._merge_keys[key] = transaction.id

    def is_merged(self, key: str) -> bool:
        """Whether another transaction came with the same From tag, Call-ID and CSeq (section 8.2.2.2)."""
        return key in self._merge_keys

    def limit_patience(self, transaction: ServerTransaction, at: float) -> None:
        """Give the transaction user less time than it would have."""
        if transaction.limit is not None and at < transaction.limit.at:
            self._arm_limit(transaction, at)

    def answer(self, transaction: ServerTransaction, status: int, response: bytes, now: float) -> None:
        """Feed a response of the transaction user."""
        if status < 200:
            given = ServerInput.PROVISIONAL
        else:
            given = ServerInput.SUCCESS if status < 300 else ServerInput.FAILURE
        transaction.response = response
        if given is ServerInput.FAILURE:
            # A peer that tries again after a failure, with credentials say, is not merged with itself.
            self._forget_merge_key(transaction)
        self.feed(transaction, given, now)

    def feed(self, transaction: ServerTransaction, given: ServerInput, now: float) -> Reports:
        """Let the table decide and do what it says; returns what only the owner can do."""
        table = INVITE_SERVER if transaction.method == "INVITE" else OTHER_SERVER
        actions, transaction.state, known = step(table, transaction.state, given)
        if not known:
            self._core.count(Counter.UNEXPECTED)
        reports: Reports = ()
        for action in actions:
            perform = self._perform.get(action)
            if perform is None:
                reports += (action,)
            else:
                perform(transaction, now)
        return reports

    def _fire(self, transaction: ServerTransaction, given: ServerInput, now: float) -> None:
        reports = self.feed(transaction, given, now)
        if reports:
            self.on_report(transaction, reports, now)

    def _transmit(self, transaction: ServerTransaction, data: bytes) -> None:
        core = self._core
        flow = response_flow(transaction.via, transaction.flow, connected=not core.is_lost(transaction.flow))
        core.send(data, flow, transaction.call_id)

    def _send(self, transaction: ServerTransaction, now: float) -> None:
        self._transmit(transaction, transaction.response)
        if not transaction.open:
            transaction.request = None
            self._cancel(transaction)

    def _send_again(self, transaction: ServerTransaction, now: float) -> None:
        if transaction.response:
            self._core.count(Counter.RETRANSMITTED)
            self._transmit(transaction, transaction.response)

    def _send_trying(self, transaction: ServerTransaction, now: float) -> None:
        if transaction.request is not None:
            transaction.response = write_trying(transaction.copied, transaction.request)
            self._transmit(transaction, transaction.response)

    def _start_repeat(self, transaction: ServerTransaction, now: float) -> None:
        transaction.gap = self._core.timers.t1
        self._arm_repeat(transaction, now + transaction.gap)

    def _start_repeat_if_unreliable(self, transaction: ServerTransaction, now: float) -> None:
        if not transaction.flow.reliable:
            self._start_repeat(transaction, now)

    def _back_off(self, transaction: ServerTransaction, now: float) -> None:
        transaction.gap = min(2 * transaction.gap, self._core.timers.t2)
        self._arm_repeat(transaction, now + transaction.gap)

    def _start_reminder(self, transaction: ServerTransaction, now: float) -> None:
        self._arm_repeat(transaction, now + self._core.timers.news)

    def _stop_repeat(self, transaction: ServerTransaction, now: float) -> None:
        self._core.deadlines.cancel(transaction.repeat)
        transaction.repeat = None

    def _start_limit(self, transaction: ServerTransaction, now: float) -> None:
        self._arm_limit(transaction, now + self._core.timers.transaction)

    def _start_linger(self, transaction: ServerTransaction, now: float) -> None:
        timers = self._core.timers
        if transaction.flow.reliable:
            linger = 0.0
        else:
            linger = timers.t4 if transaction.method == "INVITE" else timers.transaction
        self._arm_limit(transaction, now + linger)

    def _forget(self, transaction: ServerTransaction, now: float) -> None:
        self._cancel(transaction)
        self._by_id.pop(transaction.id, None)
        self._forget_merge_key(transaction)

    def _forget_merge_key(self, transaction: ServerTransaction) -> None:
        if transaction.merge_key is not None:
            self._merge_keys.pop(transaction.merge_key, None)
            transaction.merge_key = None

    def _arm_repeat(self, transaction: ServerTransaction, at: float) -> None:
        deadlines = self._core.deadlines
        deadlines.cancel(transaction.repeat)
        transaction.repeat = deadlines.schedule(at, partial(self._fire, transaction, ServerInput.REPEAT))

    def _arm_limit(self, transaction: ServerTransaction, at: float) -> None:
        deadlines = self._core.deadlines
        deadlines.cancel(transaction.limit)
        transaction.limit = deadlines.schedule(at, partial(self._fire, transaction, ServerInput.LIMIT))

    def _cancel(self, transaction: ServerTransaction) -> None:
        self._core.deadlines.cancel(transaction.repeat)
        self._core.deadlines.cancel(transaction.limit)
        transaction.repeat = transaction.limit = None
