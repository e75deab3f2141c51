"""The business logic of recording as a SIP application: what `CustomSIPServer` hands its events to.

Each call has a `CallRunner`, which executes what its pure `RecordingSession` decides. The handler finds the
runner an event belongs to, keeps the timers, and says no when there is no room, before anything is spent.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from siprecord import __version__
from siprecord.errors import SiprecordError
from siprecord.protocol import (
    AckReceived,
    AckTimedOut,
    Answer,
    CancelReceived,
    DialogEnd,
    DialogEnded,
    EndpointSettings,
    Event,
    RequestReceived,
    ResponseReceived,
    SessionExpired,
    Transmit,
)
from siprecord.recording import events, outcome
from siprecord.recording.contents import read_contents
from siprecord.recording.exchange import LocalMedia
from siprecord.recording.model import Moment
from siprecord.recording.outcome import Ending, Outcome
from siprecord.recording.policy import Load, busy
from siprecord.recording.refusal import ACCEPT, Refusal
from siprecord.recording.session import RecordingSession
from siprecord.server import translation
from siprecord.server.calls import CallInfo, describe
from siprecord.server.config import Config
from siprecord.server.continuity import Continuity, Resumed
from siprecord.server.entrance import Entrance
from siprecord.server.parts import Parts
from siprecord.server.publisher import CallRefused, Publisher, Subscriber
from siprecord.server.registry import Registry
from siprecord.server.runner import CallRunner, Services, explain, refusing, resumption
from siprecord.transcribe import AudioCallback
from siprecord.transport import Deadline, EndpointControl

if TYPE_CHECKING:
    from siprecord.server.assembly import Assembly

_log = logging.getLogger("siprecord.server")
SECRET_BYTES = 32
OPTIONS_HEADERS = (("Accept", ACCEPT), ("Accept-Encoding", "identity"), ("Accept-Language", "en"))


class Handler:
    """Records SIPREC calls.

    `stt_callback` is called with the `LiveAudio` of each stream while a call is recorded; a coroutine
    function is awaited. Without `parts` the real ones are made when it is started: the media engine, the
    spool folder, the map of calls, rendering. With `parts` whoever made them reads their logs.
    """

    def __init__(
        self,
        config: Config,
        stt_callback: AudioCallback | None = None,
        *,
        parts: Parts | None = None,
    ) -> None:
        self.config = config
        self.stt_callback = stt_callback
        self.draining = False
        self._publisher = Publisher()
        self.entrance = Entrance(config, secrets.token_bytes(SECRET_BYTES), self._publisher.publish)
        self._policy = translation.policy_settings(config)
        self._session_settings = {
            name: translation.session_settings(config, self.entrance.trunks.get(name))
            for name in ("", *self.entrance.trunks)
        }
        self._parts = parts
        self._assembly: Assembly | None = None
        self._registry: Registry | None = None
        self._control: EndpointControl | None = None
        self._services: Services | None = None
        self._timers: dict[str, tuple[float, Deadline]] = {}
        self._idle = asyncio.Event()
        self._idle.set()

    # ---- SipApplication --------------------------------------------------------------------------

    def settings(self) -> EndpointSettings:
        """How the endpoint is to behave."""
        return translation.endpoint_settings(self.config, __version__, self.entrance)

    async def start(self, control: EndpointControl) -> None:
        """Make what calls need. Raises when that can't be had, for then no call could be recorded."""
        if self._parts is None:
            from siprecord.server.assembly import Assembly

            self._assembly = Assembly(self.config, self.stt_callback)
            self._parts = self._assembly.parts
            await self._assembly.start(self.subscribe)
        self._control = control
        self._registry = Registry(self._parts.calls)
        self._services = Services(
            signalling=control,
            archive=self._parts.archive,
            publish=self._publisher.publish,
            wall=self._parts.wall,
            version=__version__,
            node=self._parts.node,
        )
        self._go_on(self._parts.continuity, control.now())

    async def stop(self) -> None:
        """End what still runs and wait until all logs are closed."""
        if self._parts is None:
            return
        await self.drain(0)
        await self._parts.archive.close()
        if self._assembly is not None:
            await self._assembly.stop()

    def handle(self, event: Event, now: float) -> None:
        """Take one event of the endpoint."""
        dispatch = _DISPATCH.get(type(event))
        if dispatch is not None:
            dispatch(self, event, now)

    def transmitted(self, transmit: Transmit, now: float) -> None:
        """A message was sent: if it belongs to a recording, it goes into its log."""
        runner = self._calls.of_call_id(transmit.call_id)
        if runner is not None:
            runner.log_message(transmit.data, transmit.flow, inbound=False)

    def failed(self, event: Event, error: Exception, now: float) -> None:
        """A fault of ours: the recording is closed with what it has."""
        runner = self._runner_of(event)
        if runner is not None:
            self._give_up(runner, error, now)

    # ---- for people and the API ------------------------------------------------------------------

    def subscribe(self, callback: Subscriber) -> Callable[[], None]:
        """Call `callback` for each `RecordingEvent`; the returned function ends that."""
        return self._publisher.subscribe(callback)

    def calls(self) -> list[CallInfo]:
        """The calls that are being recorded, oldest first."""
        if self._registry is None:
            return []
        wall = self._parts_now.wall()
        return [describe(runner, wall) for runner in self._registry.all()]

    def call(self, recording_id: str) -> CallInfo | None:
        """One call that is being recorded."""
        runner = self._calls.get(recording_id)
        return describe(runner, self._parts_now.wall()) if runner is not None else None

    @property
    def active(self) -> int:
        """How many calls are being recorded."""
        return len(self._registry) if self._registry is not None else 0

    def refusal(self, trunk: str = "") -> Refusal | None:
        """Why a new call, of that trunk, would be refused now; None when it would not."""
        return busy(self._load(trunk), self._policy)

    def pause(self, recording_id: str, seconds: float | None = None) -> bool:
        """Store nothing of this call until it is resumed, or for so many seconds; never longer than
        recording.pause_max_s. Asking again begins the time anew. False: there is no such call.
        """
        return self._tell(recording_id, events.PauseRequested(seconds))

    def resume(self, recording_id: str) -> bool:
        """Store it again. False: there is no such call."""
        return self._tell(recording_id, events.ResumeRequested())

    def stop_call(self, recording_id: str, reason: str = "Stopped by an operator.") -> bool:
        """Hang up and finish the recording. False: there is no such call."""
        return self._tell(recording_id, events.StopRequested(Ending(Outcome.STOPPED, reason)))

    async def drain(self, grace_s: float, last_s: float | None = None) -> bool:
        """Refuse new calls, let the running ones finish for `grace_s`, then hang up the rest.

        Waits `last_s` (default: the configured shutdown grace) for these to end; what is left then is closed
        as it is. True when all calls ended by themselves. Safe to call again.
        """
        self.draining = True
        if await self._wait_idle(grace_s):
            return True
        for runner in self._calls.all():
            self._tell(runner.recording_id, events.StopRequested(outcome.SHUT_DOWN))
        if not await self._wait_idle(self.config.recording.shutdown_grace_s if last_s is None else last_s):
            for runner in self._calls.all():
                runner.abandon(outcome.SHUT_DOWN, self._endpoint.now())
                self._settle(runner)
        return False

    # ---- events of the endpoint ------------------------------------------------------------------

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
            self._endpoint.respond(event.transaction, Answer(481), now)

    def _answer_options(self, event: RequestReceived, *, inside: bool, now: float) -> None:
        """A ping gets what an INVITE would get (RFC 3261 section 11.2); within a call it changes nothing."""
        refused = None if inside else self.refusal(event.principal)
        answer = refusing(refused) if refused is not None else Answer(200, headers=OPTIONS_HEADERS)
        self._endpoint.respond(event.transaction, answer, now)

    def _new_call(self, event: RequestReceived, now: float) -> None:
        refused = self.refusal(event.principal)
        if refused is not None:
            self._refuse(event, refused, now)
            return
        parts = self._parts_now
        first = translation.first_event(event, self._session_settings[event.principal].policy)
        runner = self._runner(event, translation.recording_id(parts.wall(), parts.token()))
        self._calls.add(runner, event.transaction, first.identity)
        self._idle.clear()
        runner.receive(first, now)
        self._calls.answered(runner)
        self._settle(runner)

    def _runner(self, event: RequestReceived, recording_id: str) -> CallRunner:
        assert self._services is not None
        address = translation.media_address(self.config, event.flow)
        local = LocalMedia(address=address, session_id=int(self._parts_now.wall().timestamp()))
        session = RecordingSession(self._session_settings[event.principal], local)
        return CallRunner(recording_id, session, self._services, flow=event.flow, raw=event.request.raw)

    def _refuse(self, event: RequestReceived, refused: Refusal, now: float) -> None:
        self._endpoint.respond(event.transaction, refusing(refused), now)
        host, port = event.flow.remote
        self._publisher.publish(
            CallRefused(
                call_id=event.request.headers.get("Call-ID") or "",
                source=f"{host}:{port}",
                status=refused.status,
                reason=explain(refused),
            )
        )

    def _within(self, runner: CallRunner, event: RequestReceived, now: float) -> None:
        told = translation.later_event(event.transaction, event.request)
        if told is None:
            self._endpoint.respond(event.transaction, Answer(405), now)
            return
        runner.receive(told, now)
        self._settle(runner)

    def _on_ack(self, event: AckReceived, now: float) -> None:
        runner = self._calls.of_dialog(event.dialog)
        if runner is not None:
            runner.log_message(event.request.raw, event.flow, inbound=True)
            runner.receive(events.AckReceived(read_contents(event.request)), now)
            self._settle(runner)

    def _on_cancel(self, event: CancelReceived, now: float) -> None:
        runner = self._calls.of_invite(event.transaction)
        if runner is not None:
            runner.log_message(event.request.raw, event.flow, inbound=True)
            runner.receive(events.CancelReceived(), now)
            self._calls.answered(runner)
            self._settle(runner)

    def _on_ack_timed_out(self, event: AckTimedOut, now: float) -> None:
        self._tell_dialog(event.dialog, events.AckTimedOut(), now)

    def _on_expired(self, event: SessionExpired, now: float) -> None:
        self._tell_dialog(event.dialog, events.SessionExpired(), now)

    def _on_dialog_ended(self, event: DialogEnded, now: float) -> None:
        if event.cause is DialogEnd.GONE:
            self._tell_dialog(event.dialog, events.DialogLost(), now)

    def _on_response(self, event: ResponseReceived, now: float) -> None:
        """Kept as evidence; that a BYE or UPDATE of ours was answered changes nothing."""
        runner = self._calls.of_dialog(event.dialog)
        if runner is not None:
            runner.log_message(event.response.raw, event.flow, inbound=True)

    # ---- calls of an earlier life ----------------------------------------------------------------

    def _go_on(self, continuity: Continuity | None, now: float) -> None:
        """Take up the calls whose logs and streams are open again. One that fails ends as interrupted."""
        if continuity is None:
            return
        resumed = continuity.take_resumed()
        for one in resumed:
            try:
                runner = self._restored(one, now)
            except (SiprecordError, ValueError) as error:
                _log.error("recording %s can't go on: %s", one.state.recording_id, error)
                continuity.give_up(one.state.recording_id)
                self._parts_now.archive.finish(one.state.recording_id, one.log)
                continue
            self._calls.restore(runner)
            self._idle.clear()
            self._publisher.publish(resumption(runner))
            if one.state.dialog is not None and runner.session.ending is not None:
                runner.hang_up_again(now)
            self._settle(runner)
        if resumed:
            _log.warning("%d of %d calls go on after a restart of the recorder", self.active, len(resumed))

    def _restored(self, one: Resumed, now: float) -> CallRunner:
        assert self._services is not None
        state, control = one.state, self._endpoint
        moment = Moment(now=now, wall=self._parts_now.wall())
        trunk = state.session.identity.trunk
        settings = self._session_settings.get(trunk, self._session_settings[""])
        session = RecordingSession.restore(settings, state.session, moment)
        runner = CallRunner(state.recording_id, session, self._services, flow=state.flow, raw=b"")
        runner.started, runner.deviations = state.started, state.deviations
        dialog = control.restore(state.dialog, now) if state.dialog is not None else ""
        if state.answered is not None:
            control.resume(state.answered, now)
            runner.last_request = state.answered.id
        runner.take_over(one.log, one.streams, dialog=dialog)
        return runner

    # ---- small tools -----------------------------------------------------------------------------

    def _tell_dialog(self, dialog: str, event: events.Event, now: float) -> None:
        runner = self._calls.of_dialog(dialog)
        if runner is not None:
            runner.receive(event, now)
            self._settle(runner)

    def _tell(self, recording_id: str, event: events.Event) -> bool:
        runner = self._calls.get(recording_id)
        if runner is None:
            return False
        runner.receive(event, self._endpoint.now())
        self._settle(runner)
        return True

    def _settle(self, runner: CallRunner) -> None:
        """After each event: keep its state, set the timer of this call, or forget it when it is over."""
        continuity = self._parts_now.continuity
        if continuity is not None:
            continuity.keep(runner, self._endpoint)
        if runner.over:
            self._set_timer(runner, None)
            self._calls.remove(runner)
            if not self.active:
                self._idle.set()
        else:
            self._set_timer(runner, runner.deadline())

    def _set_timer(self, runner: CallRunner, at: float | None) -> None:
        known = self._timers.get(runner.recording_id)
        if known is not None:
            if known[0] == at:
                return
            known[1].cancel()
            del self._timers[runner.recording_id]
        if at is not None:
            deadline = self._endpoint.set_deadline(at, lambda now: self._expire(runner, now))
            self._timers[runner.recording_id] = (at, deadline)

    def _expire(self, runner: CallRunner, now: float) -> None:
        self._timers.pop(runner.recording_id, None)
        try:
            runner.expire(now)
        except Exception as error:
            self._give_up(runner, error, now)
            raise
        self._settle(runner)

    def _give_up(self, runner: CallRunner, error: Exception, now: float) -> None:
        """A fault of ours: the recording is closed with what it has, and the SRC is told by a BYE."""
        ending = Ending(Outcome.FAILED, f"The recorder failed: {type(error).__name__}")
        try:
            runner.abandon(ending, now)
        finally:
            self._settle(runner)

    def _runner_of(self, event: Event) -> CallRunner | None:
        transaction = getattr(event, "transaction", None)
        found = self._calls.of_invite(transaction) if transaction is not None else None
        return found or self._calls.of_dialog(getattr(event, "dialog", None))

    def _load(self, trunk: str) -> Load:
        problems = tuple(self._parts_now.problems()) if self._parts is not None else ("Not started",)
        known = self.entrance.trunks.get(trunk)
        return Load(
            calls=self.active,
            trunk_calls=self._registry.count_of_trunk(trunk) if self._registry is not None else 0,
            trunk_max=known.max_calls if known is not None else 0,
            draining=self.draining,
            problems=problems,
        )

    async def _wait_idle(self, seconds: float) -> bool:
        if not self._idle.is_set() and seconds > 0:
            try:
                await asyncio.wait_for(self._idle.wait(), seconds)
            except TimeoutError:
                return False
        return self._idle.is_set()

    @property
    def _calls(self) -> Registry:
        assert self._registry is not None, "the handler is not started"
        return self._registry

    @property
    def _endpoint(self) -> EndpointControl:
        assert self._control is not None, "the handler is not started"
        return self._control

    @property
    def _parts_now(self) -> Parts:
        assert self._parts is not None, "the handler is not started"
        return self._parts


_DISPATCH: dict[type[Event], Callable[[Handler, Any, float], None]] = {
    RequestReceived: Handler._on_request,
    AckReceived: Handler._on_ack,
    CancelReceived: Handler._on_cancel,
    AckTimedOut: Handler._on_ack_timed_out,
    SessionExpired: Handler._on_expired,
    DialogEnded: Handler._on_dialog_ended,
    ResponseReceived: Handler._on_response,
}
