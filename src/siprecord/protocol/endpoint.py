"""A SIP endpoint without I/O: both sides of transactions and dialogs behind one façade.

The one rule for whoever drives it: **after each of `receive`, `connection_lost`, `expire` and the actions,
call `poll()` until it returns None, and then ask `deadline()` when to call `expire` next.** Time never
comes from anywhere but the `now` arguments, which are monotonic seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from siprecord.errors import ParseError
from siprecord.protocol.actions import Answer, HeaderItems, InviteSpec, OutgoingRequest, OutOfDialogRequest
from siprecord.protocol.core import Core
from siprecord.protocol.counters import Counter
from siprecord.protocol.events import DialogEnd, Event, MessageRejected
from siprecord.protocol.flow import Address, Flow, Transmit
from siprecord.protocol.gate import is_sheddable
from siprecord.protocol.lifespan import Lifespan
from siprecord.protocol.responses import write_malformed
from siprecord.protocol.routing import response_flow, stamp
from siprecord.protocol.settings import EndpointSettings
from siprecord.protocol.snapshot import (
    DialogSnapshot,
    TransactionSnapshot,
    move,
    restore_snapshot,
    take_snapshot,
    take_transaction,
)
from siprecord.protocol.uac import Uac
from siprecord.protocol.uas import Uas
from siprecord.syntax.sip import MessageError, Request, Via, is_keepalive, parse_message, validate_request


class Endpoint:
    """User agent server and client in one. Nothing a peer sends makes any method raise."""

    def __init__(self, settings: EndpointSettings, token: Callable[[], str]) -> None:
        """`token` gives unguessable text of 64 bits or more, letters and digits, another at each call."""
        self._core = Core(settings, token)
        self._lifespan = Lifespan(self._core)
        self._uac = Uac(self._core, self._lifespan)
        self._uas = Uas(self._core, self._uac, self._lifespan)

    @property
    def counters(self) -> Mapping[str, int]:
        """What happened so far, by the names of `counters.Counter`; a name that is missing is zero."""
        return self._core.counters

    def advertise(self, transport: str, local: Address, address: Address) -> None:
        """From now on, Via and Contact on the listener at `local` name `address`.

        A `local` of all addresses, 0.0.0.0 or ::, stands for each of its family that has no own listener.
        An empty host in `address` leaves the host as it would be, port 0 the port.
        """
        self._core.advertised[(transport, *local)] = address

    def receive(self, data: bytes, flow: Flow, now: float) -> None:
        """Take one whole message: a datagram, or what a `StreamFramer` cut out."""
        if is_keepalive(data) or data.lstrip(b"\r\n")[:1] < b" ":
            # Line ends, zeros, STUN: dropped in silence, however many come.
            self._core.count(Counter.NOT_SIP)
            return
        if self._core.settings.gate.flooded(flow, now) and is_sheddable(data):
            self._core.count(Counter.SHED)
            return
        try:
            message = parse_message(data, self._core.settings.limits)
        except MessageError as error:
            self._reject(error.partial, error, flow, now)
            return
        if not isinstance(message, Request):
            try:
                self._uac.receive(message, flow, now)
            except ParseError as error:
                self._reject(None, error, flow, now)
            return
        try:
            validate_request(message)
            self._uas.receive(message, flow, now)
        except ParseError as error:
            self._reject(message, error, flow, now)

    def snapshot(self, dialog: str) -> DialogSnapshot | None:
        """What it takes to go on with a dialog elsewhere, or after a restart; None when there is none yet.

        Take one after each event of the dialog: an older one works too, but for a changed remote target.
        """
        found = self._core.dialogs.get(dialog)
        return None if found is None or found.early else take_snapshot(found)

    def restore(self, snapshot: DialogSnapshot, now: float, *, moved: bool = False) -> str:
        """Go on with a dialog; returns its id, which is the one it had. Its session timer starts anew.

        `moved`: it was another node's, and from now on our Contact is that of the flow in the snapshot.
        """
        dialog = restore_snapshot(self._core, self._lifespan, snapshot, now)
        if moved:
            move(self._core, dialog)
        for accepted in snapshot.accepted:
            self._uas.resume(accepted, now)
        return dialog

    def answered(self, transaction: str) -> TransactionSnapshot | None:
        """A request with its final answer, to be resumed elsewhere; None without one, or after 64*T1."""
        found = self._uas.answered(transaction)
        return None if found is None else take_transaction(found)

    def resume(self, snapshot: TransactionSnapshot, now: float) -> None:
        """Answer the repetitions of a request that an earlier life has answered."""
        self._uas.resume(snapshot, now)

    def forget(self, dialog: str) -> None:
        """Let go of a dialog without a word to the peer: somebody else goes on with it."""
        found = self._core.dialogs.get(dialog)
        if found is not None:
            self._lifespan.end(found, DialogEnd.LEFT)

    def connection_lost(self, flow: Flow, now: float) -> None:
        """The stream connection of `flow` is gone, or could not be made."""
        self._core.lose(flow.connection)
        self._uac.connection_lost(flow, now)

    def unreachable(self, flow: Flow, now: float) -> None:
        """A datagram came back from `flow.remote`: nothing takes it there (RFC 3261 section 18.4).

        Said twice, some time apart, it ends requests that open a dialog, belong to none, or end one. Within a
        dialog others go on being repeated: the peer may be starting anew. What we answer is not concerned.
        """
        self._uac.unreachable(flow, now)

    def respond(self, transaction: str, answer: Answer, now: float) -> None:
        """Answer a request that `RequestReceived` brought; without effect once it has a final answer.

        Of provisional answers only those to an INVITE are sent: reliably to a peer that knows how (RFC 3262),
        one after the other as its PRACKs come, and a 2xx then waits for the PRACK of a session description.
        The first 1xx or 2xx to an INVITE outside a dialog creates the dialog; `dialog_of` names it.
        """
        self._uas.respond(transaction, answer, now)

    def dialog_of(self, transaction: str) -> str | None:
        """The dialog of a request, or that answering it created; None when none, or after 64*T1."""
        return self._uas.dialog_of(transaction)

    def invite(self, spec: InviteSpec, now: float) -> str:
        """Place a call; returns the transaction, which `ResponseReceived` will name."""
        return self._uac.send(spec, now)

    def send(self, request: OutOfDialogRequest, now: float) -> str:
        """Send a request outside a dialog; returns the transaction."""
        return self._uac.send(request, now)

    def request(self, dialog: str, outgoing: OutgoingRequest, now: float) -> str:
        """Send a request within `dialog`; returns the transaction, or "" when the dialog has ended already.

        It is kept back while the RFCs forbid to send it: a callee's BYE until the ACK came, a re-INVITE or
        offer while another is open. After a 491 it is sent again by itself. A second BYE is the first one.
        """
        return self._uac.request(dialog, outgoing, now)

    def cancel(self, transaction: str, now: float) -> None:
        """Cancel an INVITE of ours. It may succeed all the same: then hang up by a BYE."""
        self._uac.cancel(transaction, now)

    def ack(
        self,
        transaction: str,
        now: float,
        *,
        headers: HeaderItems = (),
        content_type: str | None = None,
        body: bytes = b"",
    ) -> None:
        """Acknowledge the 2xx to an INVITE that was sent with `acknowledge=False`.

        Every other 2xx is acknowledged by the endpoint at once, and its repetitions always are.
        """
        self._uac.acknowledge(transaction, OutgoingRequest("ACK", headers, content_type, body), now)

    def expire(self, now: float) -> None:
        """Do what is due. Calling it too early or too often is harmless."""
        for _, wakeup in self._core.deadlines.due(now):
            wakeup(now)

    def deadline(self) -> float | None:
        """When to call `expire`; None: when something else has happened."""
        return self._core.deadlines.next()

    def poll(self) -> Transmit | Event | None:
        """The next thing to send or to be told; None when all is drained."""
        output = self._core.output
        return output.popleft() if output else None

    def _reject(self, partial: Request | None, error: ParseError, flow: Flow, now: float) -> None:
        """Answer what can't be read, where an answer is possible; never an ACK (section 8.2)."""
        core = self._core
        core.count(Counter.MALFORMED)
        if not core.settings.gate.answers(flow, now):
            core.count(Counter.SHED)
            return
        status: int | None = None
        call_id: str | None = None
        if partial is not None:
            call_id = partial.headers.get("Call-ID")
            if partial.method != "ACK" and self._answer_malformed(partial, error, flow):
                status = error.status
        core.tell(MessageRejected(flow, status, str(error), call_id))

    def _answer_malformed(self, partial: Request, error: ParseError, flow: Flow) -> bool:
        core = self._core
        call_id = partial.headers.get("Call-ID") or ""
        try:
            via: Via | None = partial.top_via
        except ParseError:
            via = None
        tag = core.tag(call_id, partial.headers.get("From") or "", str(via))
        stamped = None if via is None else stamp(via, flow)
        data = write_malformed(partial, stamped, Answer(error.status), tag)
        if data is None:
            return False
        target = flow if via is None else response_flow(via, flow, connected=True)
        core.send(data, target, call_id)
        return True
