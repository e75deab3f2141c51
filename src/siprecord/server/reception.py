"""Takes what the SIP endpoint tells: finds the call that it is about, and says no when there is no room.

No is said before anything is spent.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from siprecord.protocol import (
    AckReceived,
    AckTimedOut,
    Answer,
    CancelReceived,
    DialogEnd,
    DialogEnded,
    Event,
    RequestReceived,
    ResponseReceived,
    SessionExpired,
)
from siprecord.recording import events
from siprecord.recording.contents import read_contents
from siprecord.recording.refusal import ACCEPT, Refusal
from siprecord.server import translation
from siprecord.server.making import RunnerMaker
from siprecord.server.publisher import CallRefused, RecordingEvent
from siprecord.server.refusing import explain, refusing
from siprecord.server.runner import CallRunner
from siprecord.server.supervisor import Supervisor
from siprecord.transport import EndpointControl

OPTIONS_HEADERS = (("Accept", ACCEPT), ("Accept-Encoding", "identity"), ("Accept-Language", "en"))


class Reception:
    """`refusal` says why a new call of a trunk can't be taken now, or None when it can."""

    def __init__(
        self,
        supervisor: Supervisor,
        maker: RunnerMaker,
        control: EndpointControl,
        *,
        refusal: Callable[[str], Refusal | None],
        publish: Callable[[RecordingEvent], None],
    ) -> None:
        self._supervisor = supervisor
        self._calls = supervisor.calls
        self._maker = maker
        self._control = control
        self._refusal = refusal
        self._publish = publish

    def handle(self, event: Event, now: float) -> None:
        """Take one event of the endpoint."""
        dispatch = _DISPATCH.get(type(event))
        if dispatch is not None:
            dispatch(self, event, now)

    def runner_of(self, event: Event) -> CallRunner | None:
        """The call that an event is about."""
        transaction = getattr(event, "transaction", None)
        found = self._calls.of_invite(transaction) if transaction is not None else None
        return found or self._calls.of_dialog(getattr(event, "dialog", None))

    def _on_request(self, event: RequestReceived, now: float) -> None:
        runner = self._calls.of_dialog(event.dialog)
        if runner is not None:
            runner.log_message(event.request.raw, event.flow, inbound=True)
        if event.request.method == "OPTIONS":
            self._answer_options(event, inside=runner is not None, now=now)
        elif runner is not None:
            self._within(runner, event, now)
        elif event.request.method == "INVITE" and event.dialog is None:
            self._new_call(event, now)
        else:
            self._control.respond(event.transaction, Answer(481), now)

    def _answer_options(self, event: RequestReceived, *, inside: bool, now: float) -> None:
        """A ping gets what an INVITE would get (RFC 3261 section 11.2); within a call it changes nothing."""
        refused = None if inside else self._refusal(event.principal)
        answer = refusing(refused) if refused is not None else Answer(200, headers=OPTIONS_HEADERS)
        self._control.respond(event.transaction, answer, now)

    def _new_call(self, event: RequestReceived, now: float) -> None:
        if event.replaces is not None:
            refused = self._supervisor.take_over(event, now, self._maker.rules)
        else:
            refused = self._refusal(event.principal)
        if refused is not None:
            self._refuse(event, refused, now)
        elif event.replaces is None:
            self._begin(event, now)

    def _begin(self, event: RequestReceived, now: float) -> None:
        first = self._maker.first_event(event)
        self._supervisor.begin(self._maker.new(event), event.transaction, first, now)

    def _refuse(self, event: RequestReceived, refused: Refusal, now: float) -> None:
        self._control.respond(event.transaction, refusing(refused), now)
        host, port = event.flow.remote
        self._publish(
            CallRefused(
                call_id=event.request.headers.get("Call-ID") or "",
                source=f"{host}:{port}",
                status=refused.status,
                reason=explain(refused),
            )
        )

    def _within(self, runner: CallRunner, event: RequestReceived, now: float) -> None:
        told = translation.later_event(event.transaction, event.request, self._maker.rules)
        if told is None:
            self._control.respond(event.transaction, Answer(405), now)
            return
        self._supervisor.tell(runner, told, now)

    def _on_ack(self, event: AckReceived, now: float) -> None:
        runner = self._calls.of_dialog(event.dialog)
        if runner is not None:
            runner.log_message(event.request.raw, event.flow, inbound=True)
            self._supervisor.tell(runner, events.AckReceived(read_contents(event.request)), now)

    def _on_cancel(self, event: CancelReceived, now: float) -> None:
        runner = self._calls.of_invite(event.transaction)
        if runner is not None:
            runner.log_message(event.request.raw, event.flow, inbound=True)
            runner.receive(events.CancelReceived(), now)
            self._calls.answered(runner)
            self._supervisor.settle(runner)

    def _on_ack_timed_out(self, event: AckTimedOut, now: float) -> None:
        self._supervisor.tell(self._calls.of_dialog(event.dialog), events.AckTimedOut(), now)

    def _on_expired(self, event: SessionExpired, now: float) -> None:
        self._supervisor.tell(self._calls.of_dialog(event.dialog), events.SessionExpired(), now)

    def _on_dialog_ended(self, event: DialogEnded, now: float) -> None:
        if event.cause is DialogEnd.GONE:
            self._supervisor.tell(self._calls.of_dialog(event.dialog), events.DialogLost(), now)

    def _on_response(self, event: ResponseReceived, now: float) -> None:
        """Kept as evidence; that a BYE or UPDATE of ours was answered changes nothing."""
        runner = self._calls.of_dialog(event.dialog)
        if runner is not None:
            runner.log_message(event.response.raw, event.flow, inbound=True)


_DISPATCH: dict[type[Event], Callable[[Reception, Any, float], None]] = {
    RequestReceived: Reception._on_request,
    AckReceived: Reception._on_ack,
    CancelReceived: Reception._on_cancel,
    AckTimedOut: Reception._on_ack_timed_out,
    SessionExpired: Reception._on_expired,
    DialogEnded: Reception._on_dialog_ended,
    ResponseReceived: Reception._on_response,
}
