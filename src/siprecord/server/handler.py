"""The business logic of recording as a SIP application: what `CustomSIPServer` hands its events to.

Each call has a `CallRunner`, which executes what its pure `RecordingSession` decides. `Reception` finds the
runner an event belongs to and says no when there is no room; `Supervisor` keeps the runners and their timers;
the handler makes these parts, and is what the API, the commands and other programs speak to.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from siprecord.protocol import EndpointSettings, Event, Transmit
from siprecord.recording import events, outcome
from siprecord.recording.outcome import Ending, Outcome
from siprecord.recording.policy import Load, busy
from siprecord.recording.refusal import Refusal
from siprecord.server import translation
from siprecord.server.calls import CallInfo, describe
from siprecord.server.callstate import reason_of
from siprecord.server.config import Config
from siprecord.server.continuity import Continuity, Resumed
from siprecord.server.entrance import Entrance
from siprecord.server.making import RunnerMaker
from siprecord.server.parts import Parts
from siprecord.server.publisher import Publisher, Subscriber
from siprecord.server.reception import Reception
from siprecord.server.registry import Registry
from siprecord.server.runner import CallRunner, resumption
from siprecord.server.services import Services
from siprecord.server.supervisor import Supervisor
from siprecord.server.takeover import Takeover
from siprecord.transcribe import AudioCallback
from siprecord.transport import EndpointControl
from siprecord.version import own_version

if TYPE_CHECKING:
    from siprecord.server.assembly import Assembly

_log = logging.getLogger("siprecord.server")
SECRET_BYTES = 32


@dataclass(frozen=True, slots=True)
class Running:
    """What a handler has from its start on."""

    parts: Parts
    control: EndpointControl
    maker: RunnerMaker
    supervisor: Supervisor
    reception: Reception
    takeover: Takeover

    @property
    def calls(self) -> Registry:
        """The calls that are being recorded."""
        return self.supervisor.calls


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
        self._started: Running | None = None

    # ---- SipApplication --------------------------------------------------------------------------

    def settings(self) -> EndpointSettings:
        """How the endpoint is to behave."""
        return translation.endpoint_settings(self.config, own_version(), self.entrance)

    async def start(self, control: EndpointControl) -> None:
        """Make what calls need. Raises when that can't be had, for then no call could be recorded."""
        if self._parts is None:
            from siprecord.server.assembly import Assembly

            self._assembly = Assembly(self.config, self.stt_callback)
            self._parts = self._assembly.parts
            await self._assembly.start(self.subscribe)
        self._started = self._run(self._parts, control)
        if self._parts.continuity is not None:
            self._go_on(self._parts.continuity, self._started)

    def _run(self, parts: Parts, control: EndpointControl) -> Running:
        services = Services(
            signalling=control,
            archive=parts.archive,
            publish=self._publisher.publish,
            wall=parts.wall,
            version=own_version(),
            node=parts.node,
        )
        supervisor = Supervisor(Registry(parts.calls), control, parts.continuity)
        maker = RunnerMaker(self.config, self._session_settings, services, parts)
        takeover = Takeover(self.config, maker, supervisor, control)
        self._publisher.subscribe(takeover.hear)
        reception = Reception(
            supervisor, maker, control, refusal=self.refusal, publish=self._publisher.publish
        )
        return Running(parts, control, maker, supervisor, reception, takeover)

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
        self._running.reception.handle(event, now)

    def transmitted(self, transmit: Transmit, now: float) -> None:
        """A message was sent: if it belongs to a recording, it goes into its log."""
        runner = self._running.calls.of_call_id(transmit.call_id)
        if runner is not None:
            runner.log_message(transmit.data, transmit.flow, inbound=False)

    def failed(self, event: Event, error: Exception, now: float) -> None:
        """A fault of ours: the recording is closed with what it has."""
        runner = self._running.reception.runner_of(event)
        if runner is not None:
            self._running.supervisor.give_up(runner, error, now)

    # ---- for people and the API ------------------------------------------------------------------

    def subscribe(self, callback: Subscriber) -> Callable[[], None]:
        """Call `callback` for each `RecordingEvent`; the returned function ends that."""
        return self._publisher.subscribe(callback)

    def calls(self) -> list[CallInfo]:
        """The calls that are being recorded, oldest first."""
        if self._started is None:
            return []
        return [describe(runner) for runner in self._started.calls.all()]

    def runners(self) -> list[CallRunner]:
        """What records these calls."""
        return list(self._started.calls.all()) if self._started is not None else []

    def call(self, recording_id: str) -> CallInfo | None:
        """One call that is being recorded."""
        runner = self._running.calls.get(recording_id)
        return describe(runner) if runner is not None else None

    @property
    def takeover(self) -> Takeover:
        """What goes on with calls of other nodes; once it is started."""
        return self._running.takeover

    @property
    def active(self) -> int:
        """How many calls are being recorded."""
        return len(self._started.calls) if self._started is not None else 0

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
        if self._started is None:
            return True
        supervisor, control = self._started.supervisor, self._started.control
        if await supervisor.wait_idle(grace_s):
            return True
        for runner in supervisor.calls.all():
            supervisor.tell(runner, events.StopRequested(outcome.SHUT_DOWN), control.now())
        if not await supervisor.wait_idle(
            self.config.recording.shutdown_grace_s if last_s is None else last_s
        ):
            for runner in supervisor.calls.all():
                supervisor.abandon(runner, outcome.SHUT_DOWN, control.now())
        return False

    # ---- small tools -----------------------------------------------------------------------------

    def _go_on(self, continuity: Continuity, running: Running) -> None:
        """Take up the calls whose logs and streams are open again. One that fails ends as interrupted."""
        resumed = continuity.take_resumed()
        for one in resumed:
            self._go_on_with(one, continuity, running)
        if resumed:
            _log.warning("%d of %d calls go on after a restart of the recorder", self.active, len(resumed))

    def _go_on_with(self, one: Resumed, continuity: Continuity, running: Running) -> None:
        now = running.control.now()
        try:
            runner = running.maker.restored(one, running.control, now)
        except Exception as error:  # noqa: BLE001 - whatever a state says must cost no other call
            _log.error("recording %s can't go on: %s", one.state.recording_id, reason_of(error))
            continuity.give_up(one.state.recording_id)
            running.parts.archive.finish(one.state.recording_id, one.log)
            return
        try:
            running.supervisor.go_on(runner)
            self._publisher.publish(resumption(runner))
            if one.state.dialog is not None and runner.session.ending is not None:
                runner.hang_up_again(now)
            running.supervisor.settle(runner)
        except Exception as error:  # noqa: BLE001
            _log.error("recording %s can't go on: %s", one.state.recording_id, reason_of(error))
            running.supervisor.give_up(runner, error, now)

    def _tell(self, recording_id: str, event: events.Event) -> bool:
        running = self._running
        return running.supervisor.tell(running.calls.get(recording_id), event, running.control.now())

    def _load(self, trunk: str) -> Load:
        problems = tuple(self._parts.problems()) if self._parts is not None else ("Not started",)
        known = self.entrance.trunks.get(trunk)
        return Load(
            calls=self.active,
            trunk_calls=self._started.calls.count_of_trunk(trunk) if self._started is not None else 0,
            trunk_max=known.max_calls if known is not None else 0,
            draining=self.draining,
            problems=problems,
        )

    @property
    def _running(self) -> Running:
        assert self._started is not None, "the handler is not started"
        return self._started
