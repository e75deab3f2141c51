"""Client transactions at work: what the tables of `invite_client` and `other_client` decide is done here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from siprecord.errors import ParseError
from siprecord.protocol.actions import OutgoingRequest
from siprecord.protocol.client_machine import ClientAction, ClientInput, ClientState
from siprecord.protocol.core import Core
from siprecord.protocol.counters import Counter
from siprecord.protocol.flow import Flow
from siprecord.protocol.invite_client import INVITE_CLIENT
from siprecord.protocol.machine import step
from siprecord.protocol.other_client import OTHER_CLIENT
from siprecord.protocol.requests import dialog_flow, new_branch, with_via
from siprecord.protocol.timers import Deadline, Wakeup
from siprecord.syntax.sip import Request, Response

Reports = tuple[ClientAction, ...]
_PENDING = frozenset(
    {ClientState.CALLING, ClientState.TRYING, ClientState.PROCEEDING, ClientState.CANCELLING}
)
_UNHEARD = frozenset({ClientState.CALLING, ClientState.TRYING})


def client_key(branch: str, method: str) -> str:
    """What identifies a client transaction: branch, and method of the CSeq (RFC 3261 section 17.1.3)."""
    return f"{method} {branch}"


class ClientTransaction:
    """One request of ours and what became of it. Plain data; `ClientTransactions` acts on it."""

    __slots__ = (
        "ack",
        "acknowledge",
        "attempts",
        "cancelled",
        "data",
        "dialog",
        "early",
        "flow",
        "gap",
        "id",
        "internal",
        "key",
        "limit",
        "method",
        "outgoing",
        "plain_flow",
        "refused_at",
        "repeat",
        "request",
        "sent_by",
        "state",
    )

    def __init__(self, id: str, request: Request, dialog: str | None) -> None:
        self.id = id
        self.method = request.method
        self.request = request
        self.dialog = dialog
        self.early: tuple[str, ...] = ()
        """Early dialogs that reliable provisional responses have made."""
        invite = request.method == "INVITE"
        self.state = ClientState.CALLING if invite else ClientState.TRYING
        self.key = ""
        self.sent_by = ""
        self.data = b""
        self.flow: Flow
        self.plain_flow: Flow | None = None
        """The UDP flow to fall back to, when the request was too long for it and TCP is tried first."""
        self.refused_at: float | None = None
        """When we were first told that nothing takes the request where it goes."""
        self.gap = 0.0
        self.internal = False
        """The endpoint sent it by itself: the transaction user hears nothing of it."""
        self.acknowledge = True
        self.ack: tuple[bytes, Flow] | None = None
        """The ACK of the 2xx, to be sent again with each repetition."""
        self.cancelled = False
        self.attempts = 0
        """How often 491 has been answered."""
        self.outgoing: OutgoingRequest | None = None
        """What was asked for, when the request is one of a dialog."""
        self.repeat: Deadline[Wakeup] | None = None
        self.limit: Deadline[Wakeup] | None = None

    @property
    def pending(self) -> bool:
        """True until a final response came."""
        return self.state in _PENDING


class ClientTransactions:
    """All client transactions of an endpoint. `on_report` is told what a timer or a broken connection did."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._by_key: dict[str, ClientTransaction] = {}
        self._by_id: dict[str, ClientTransaction] = {}
        self.on_report: Callable[[ClientTransaction, Reports, float], None] = lambda *_: None
        self._perform: dict[ClientAction, Callable[[ClientTransaction, float], None]] = {
            ClientAction.SEND_AGAIN: self._send_again,
            ClientAction.BACK_OFF: self._back_off,
            ClientAction.BACK_OFF_TO_T2: self._back_off_to_t2,
            ClientAction.REPEAT_AT_T2: self._repeat_at_t2,
            ClientAction.STOP_REPEAT: self._stop_repeat,
            ClientAction.START_PATIENCE: self._start_patience,
            ClientAction.START_LINGER: self._start_linger,
            ClientAction.START_LIMIT: self._start_limit,
            ClientAction.ACKNOWLEDGE_AGAIN: self._acknowledge_again,
            ClientAction.FORGET: self._forget,
        }

    def __len__(self) -> int:
        return len(self._by_key)

    def get(self, id: str) -> ClientTransaction | None:
        """The transaction that `Endpoint.invite`, `request` or `send` returned."""
        return self._by_id.get(id)

    def find(self, response: Response) -> ClientTransaction | None:
        """Whose response this is; None for one that answers nothing of ours (sections 17.1.3, 18.1.2)."""
        via = response.top_via
        transaction = self._by_key.get(client_key(via.branch or "", response.cseq.method))
        if transaction is None or transaction.sent_by != via.sent_by.lower():
            return None
        return transaction

    def start(self, transaction: ClientTransaction, flow: Flow, now: float, branch: str = "") -> None:
        """Send the request, over TCP when it is too long for UDP (section 18.1.1)."""
        core = self._core
        branch = branch or new_branch(core)
        self._address(transaction, flow, branch)
        longest = core.settings.max_datagram_request
        if not flow.reliable and longest is not None and len(transaction.data) > longest:
            transaction.plain_flow = flow
            self._address(transaction, replace(flow, transport="tcp"), branch)
        self._by_key[transaction.key] = transaction
        self._by_id[transaction.id] = transaction
        core.send(transaction.data, transaction.flow, transaction.request.call_id)
        self._start_limit(transaction, now)
        if not transaction.flow.reliable:
            self._repeat_after(transaction, core.timers.t1, now)

    def feed(self, transaction: ClientTransaction, given: ClientInput, now: float) -> Reports:
        """Let the table decide and do what it says; returns what only the owner can do."""
        table = INVITE_CLIENT if transaction.method == "INVITE" else OTHER_CLIENT
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

    def connection_lost(self, flow: Flow, now: float) -> None:
        """Tell every open transaction on that connection, but for those that may go another way."""
        broken = [each for each in self._by_key.values() if _same_connection(each.flow, flow)]
        for transaction in broken:
            other = self._other_way(transaction)
            if other is None:
                self._fire(transaction, ClientInput.BROKEN, now)
            else:
                self._fall_back(transaction, other, now)

    def unreachable(self, flow: Flow, now: float) -> None:
        """An ICMP error came from there. One may be forged, or a peer's that starts anew: two count."""
        told = [each for each in self._by_key.values() if _gives_up(each) and _same_peer(each.flow, flow)]
        for transaction in told:
            if transaction.refused_at is None:
                transaction.refused_at = now
            elif now - transaction.refused_at >= self._core.timers.t1 / 2:
                self._fire(transaction, ClientInput.BROKEN, now)

    def _other_way(self, transaction: ClientTransaction) -> Flow | None:
        """UDP for a request that preferred TCP to it. One of a dialog that nothing has come back to is sent
        again over a new connection, once: the old one may have died with its machine, whose address another
        one has, and only our request told us so. The branch stays, so whoever knows it takes it once.
        """
        if transaction.plain_flow is not None and transaction.pending:
            return transaction.plain_flow
        dialog = self._core.dialogs.get(transaction.dialog or "")
        if dialog is None or transaction.state not in _UNHEARD or not transaction.flow.connection:
            return None
        try:
            flow = dialog_flow(self._core, dialog)
        except ParseError:
            return None
        return None if self._core.is_lost(flow) else flow

    def _fall_back(self, transaction: ClientTransaction, flow: Flow, now: float) -> None:
        transaction.plain_flow = None
        self._address(transaction, flow, transaction.request.top_via.branch or "")
        self._core.send(transaction.data, flow, transaction.request.call_id)
        self._start_limit(transaction, now)
        if not flow.reliable:
            self._repeat_after(transaction, self._core.timers.t1, now)

    def _address(self, transaction: ClientTransaction, flow: Flow, branch: str) -> None:
        transaction.request = with_via(self._core, transaction.request, flow, branch)
        transaction.sent_by = transaction.request.top_via.sent_by.lower()
        transaction.key = client_key(branch, transaction.method)
        transaction.flow = flow
        transaction.data = transaction.request.to_bytes()

    def _fire(self, transaction: ClientTransaction, given: ClientInput, now: float) -> None:
        reports = self.feed(transaction, given, now)
        if reports:
            self.on_report(transaction, reports, now)

    def _send_again(self, transaction: ClientTransaction, now: float) -> None:
        self._core.count(Counter.RETRANSMITTED)
        self._core.send(transaction.data, transaction.flow, transaction.request.call_id)

    def _back_off(self, transaction: ClientTransaction, now: float) -> None:
        self._repeat_after(transaction, 2 * transaction.gap, now)

    def _back_off_to_t2(self, transaction: ClientTransaction, now: float) -> None:
        self._repeat_after(transaction, min(2 * transaction.gap, self._core.timers.t2), now)

    def _repeat_at_t2(self, transaction: ClientTransaction, now: float) -> None:
        self._repeat_after(transaction, self._core.timers.t2, now)

    def _stop_repeat(self, transaction: ClientTransaction, now: float) -> None:
        self._core.deadlines.cancel(transaction.repeat)
        transaction.repeat = None

    def _start_patience(self, transaction: ClientTransaction, now: float) -> None:
        self._limit_after(transaction, self._core.timers.patience, now)

    def _start_limit(self, transaction: ClientTransaction, now: float) -> None:
        self._limit_after(transaction, self._core.timers.transaction, now)

    def _start_linger(self, transaction: ClientTransaction, now: float) -> None:
        timers = self._core.timers
        if transaction.flow.reliable:
            linger = 0.0
        else:
            linger = timers.transaction if transaction.method == "INVITE" else timers.t4
        self._limit_after(transaction, linger, now)

    def _acknowledge_again(self, transaction: ClientTransaction, now: float) -> None:
        if transaction.ack is not None:
            self._core.count(Counter.RETRANSMITTED)
            self._core.send(*transaction.ack, transaction.request.call_id)

    def _forget(self, transaction: ClientTransaction, now: float) -> None:
        self._core.deadlines.cancel(transaction.repeat)
        self._core.deadlines.cancel(transaction.limit)
        transaction.repeat = transaction.limit = None
        self._by_key.pop(transaction.key, None)
        if self._by_id.get(transaction.id) is transaction:
            del self._by_id[transaction.id]

    def _repeat_after(self, transaction: ClientTransaction, gap: float, now: float) -> None:
        transaction.gap = gap
        deadlines = self._core.deadlines
        deadlines.cancel(transaction.repeat)
        transaction.repeat = deadlines.schedule(
            now + gap, partial(self._fire, transaction, ClientInput.REPEAT)
        )

    def _limit_after(self, transaction: ClientTransaction, seconds: float, now: float) -> None:
        deadlines = self._core.deadlines
        deadlines.cancel(transaction.limit)
        transaction.limit = deadlines.schedule(
            now + seconds, partial(self._fire, transaction, ClientInput.LIMIT)
        )


def _gives_up(transaction: ClientTransaction) -> bool:
    """Within a dialog only a BYE: nothing is lost by giving that up, a recording may be by the others."""
    return transaction.pending and (transaction.dialog is None or transaction.method == "BYE")


def _same_peer(ours: Flow, refused: Flow) -> bool:
    return not ours.reliable and (ours.remote, ours.local[1]) == (refused.remote, refused.local[1])


def _same_connection(ours: Flow, lost: Flow) -> bool:
    if not ours.reliable:
        # A datagram has no connection; the driver says this of a host name it can't resolve.
        return ours == lost
    if lost.connection and ours.connection:
        return ours.connection == lost.connection
    return ours.transport == lost.transport and ours.remote == lost.remote and not ours.connection
