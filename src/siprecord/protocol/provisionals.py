"""Provisional responses at work: reliable ones as the table of `reliable` decides, others as they come.

A reliable response has `Require: 100rel`, an RSeq that rises by one, and repeats until its PRACK. Both kinds
belong to an early dialog, which ends with a failure response and is confirmed by a 2xx.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Protocol

from siprecord.errors import ParseError
from siprecord.protocol.actions import Answer, HeaderItems
from siprecord.protocol.core import Core
from siprecord.protocol.dialog import Dialog, offers
from siprecord.protocol.incoming import Provisional, ServerTransaction
from siprecord.protocol.machine import step
from siprecord.protocol.refusal import Refusal
from siprecord.protocol.reliable import RELIABLE, ReliableAction, ReliableInput, ReliableState
from siprecord.protocol.server_machine import ServerInput
from siprecord.protocol.server_transaction import ServerTransactions
from siprecord.syntax.sip import CSeq, RAck, Request, has_option

OPTION_TAG = "100rel"
MAX_FIRST_RSEQ = 2**31 - 1


class Write(Protocol):
    """Writes a response and feeds it to its transaction."""

    def __call__(
        self, transaction: ServerTransaction, answer: Answer, extra: HeaderItems, now: float
    ) -> None:
        """`extra` are header rows of ours."""


class Provisionals:
    """All provisional responses but 100. `finish` and `give_up` are set by the server side."""

    def __init__(self, core: Core, transactions: ServerTransactions, write: Write) -> None:
        self._core = core
        self._transactions = transactions
        self._write = write
        self.finish: Callable[[ServerTransaction, Answer, float], None]
        """Sends a final answer that was held back."""
        self.give_up: Callable[[ServerTransaction, float], None]
        """Refuses an INVITE whose PRACK never came."""
        self._perform: dict[ReliableAction, Callable[[Provisional, float], None]] = {
            ReliableAction.SEND: self._send,
            ReliableAction.SEND_AGAIN: self._send_again,
            ReliableAction.STOP: self._stop,
            ReliableAction.SEND_NEXT: self._send_next,
            ReliableAction.GIVE_UP: lambda provisional, now: self.give_up(provisional.invite, now),
            ReliableAction.QUEUE: lambda *_: None,  # `send` has put it there
        }

    def send(self, invite: ServerTransaction, request: Request, answer: Answer, now: float) -> None:
        """Send a 1xx, reliably to a peer that asked for that or can take it; its dialog is there."""
        if not _wants_reliable(request):
            self._write(invite, answer, self._rows(invite, request), now)
            return
        provisional = invite.provisional
        if provisional is None:
            provisional = invite.provisional = Provisional(invite, self._core.below(MAX_FIRST_RSEQ) + 1)
            self._dialog(invite).provisional = provisional
        provisional.queue.append(answer)
        self._feed(provisional, ReliableInput.RESPONSE, now)

    def repeats(self, invite: ServerTransaction) -> bool:
        """Whether a response is on its way that repeats by itself."""
        provisional = invite.provisional
        return provisional is not None and provisional.state is ReliableState.UNACKNOWLEDGED

    def holds(self, invite: ServerTransaction, answer: Answer) -> bool:
        """Whether this final answer has to wait for a PRACK; it is sent when that has come."""
        provisional = invite.provisional
        if provisional is None or not self.repeats(invite) or answer.status >= 300:
            return False
        if not provisional.describes and not _describe(provisional.queue):
            return False
        provisional.final = provisional.final or answer
        return True

    def close(self, invite: ServerTransaction, now: float) -> None:
        """The INVITE gets its final answer."""
        if invite.provisional is not None:
            invite.provisional.queue.clear()
            self._feed(invite.provisional, ReliableInput.FINAL, now)

    def acknowledge(self, dialog: Dialog, now: float) -> None:
        """The PRACK came that `refuse_prack` had no objection to."""
        provisional = dialog.provisional
        if provisional is not None:
            provisional.awaited = 0
            provisional.agreed = provisional.agreed or provisional.describes
            provisional.describes = False
            self._feed(provisional, ReliableInput.PRACK, now)

    # What the table says

    def _feed(self, provisional: Provisional, given: ReliableInput, now: float) -> None:
        actions, provisional.state, _ = step(RELIABLE, provisional.state, given)
        for action in actions:
            self._perform[action](provisional, now)

    def _send(self, provisional: Provisional, now: float) -> None:
        invite, answer, deadlines = provisional.invite, provisional.queue.popleft(), self._core.deadlines
        if invite.request is None:
            return
        provisional.awaited, provisional.describes = provisional.rseq, _describe((answer,))
        provisional.rseq += 1
        reliable = (("Require", OPTION_TAG), ("RSeq", str(provisional.awaited)))
        self._write(invite, answer, (*reliable, *self._rows(invite, invite.request)), now)
        provisional.gap = self._core.timers.t1
        self._arm_repeat(provisional, now)
        limit = partial(self._feed, provisional, ReliableInput.LIMIT)
        provisional.limit = deadlines.schedule(now + self._core.timers.transaction, limit)

    def _send_again(self, provisional: Provisional, now: float) -> None:
        self._transactions.feed(provisional.invite, ServerInput.REQUEST, now)
        provisional.gap *= 2
        self._arm_repeat(provisional, now)

    def _arm_repeat(self, provisional: Provisional, now: float) -> None:
        repeat = partial(self._feed, provisional, ReliableInput.REPEAT)
        provisional.repeat = self._core.deadlines.schedule(now + provisional.gap, repeat)

    def _stop(self, provisional: Provisional, now: float) -> None:
        self._core.deadlines.cancel(provisional.repeat)
        self._core.deadlines.cancel(provisional.limit)
        provisional.repeat = provisional.limit = None

    def _send_next(self, provisional: Provisional, now: float) -> None:
        if provisional.final is not None and not _describe(provisional.queue):
            self.finish(provisional.invite, provisional.final, now)
        elif provisional.queue:
            self._feed(provisional, ReliableInput.RESPONSE, now)

    def _dialog(self, invite: ServerTransaction) -> Dialog:
        return self._core.dialogs[invite.dialog or ""]

    def _rows(self, invite: ServerTransaction, request: Request) -> HeaderItems:
        dialog = self._dialog(invite)
        routes = request.headers.get_all("Record-Route") if dialog.early else ()
        return (*(("Record-Route", value) for value in routes), ("Contact", dialog.contact))


def refuse_prack(dialog: Dialog, request: Request) -> Refusal | None:
    """481 for a PRACK of nothing that is awaited (RFC 3262 section 3), 400 for a broken one."""
    if request.method != "PRACK":
        return None
    try:
        rack = RAck.parse(request.headers.get("RAck") or "")
    except ParseError as error:
        return Refusal(400, str(error))
    provisional = dialog.provisional
    if provisional is None or not provisional.awaited:
        return Refusal(481, "PRACK of a response that is not awaited")
    if rack != RAck(provisional.awaited, CSeq(provisional.invite.number, "INVITE")):
        return Refusal(481, "PRACK of another response than the one that is awaited")
    return None


def _wants_reliable(request: Request) -> bool:
    return any(has_option(request.headers, name, OPTION_TAG) for name in ("Require", "Supported"))


def _describe(answers: Iterable[Answer]) -> bool:
    """Whether one of them carries a session description."""
    return any(offers(each.content_type, each.body) for each in answers)
