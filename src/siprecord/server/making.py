"""Makes the runner of a call: of a new one, or of one that an earlier life of the recorder had."""

from __future__ import annotations

from collections.abc import Mapping

from siprecord.protocol import RequestReceived
from siprecord.recording import events
from siprecord.recording.exchange import LocalMedia
from siprecord.recording.model import Moment
from siprecord.recording.rules import Rule
from siprecord.recording.session import RecordingSession
from siprecord.recording.session_parts import SessionSettings
from siprecord.server import translation
from siprecord.server.callstate import CallState
from siprecord.server.config import Config
from siprecord.server.continuity import Resumed
from siprecord.server.parts import Parts
from siprecord.server.runner import CallRunner
from siprecord.server.services import Services
from siprecord.transport import EndpointControl


class RunnerMaker:
    """Knows how recordings of each trunk are to behave; "" is no trunk."""

    def __init__(
        self, config: Config, settings: Mapping[str, SessionSettings], services: Services, parts: Parts
    ) -> None:
        self._config = config
        self._settings = settings
        self._services = services
        self._parts = parts

    @property
    def node(self) -> str:
        """Our name."""
        return self._parts.node

    @property
    def rules(self) -> tuple[Rule, ...]:
        """The operator's rules; all trunks have the same."""
        return self._settings[""].policy.rules

    def first_event(self, event: RequestReceived) -> events.InviteReceived:
        """An INVITE as its session is to see it."""
        return translation.first_event(event, self._settings[event.principal].policy)

    def new(self, event: RequestReceived) -> CallRunner:
        """The runner of a call that this INVITE begins."""
        recording_id = translation.recording_id(self._parts.wall(), self._parts.token())
        address = translation.media_address(self._config, event.flow)
        local = LocalMedia(address=address, session_id=int(self._parts.wall().timestamp()))
        session = RecordingSession(self._settings[event.principal], local)
        return CallRunner(recording_id, session, self._services, flow=event.flow, raw=event.request.raw)

    def restored(self, one: Resumed, control: EndpointControl, now: float) -> CallRunner:
        """The runner of a call that goes on. Raises SiprecordError or ValueError for a damaged one."""
        runner = self._restored(one.state, one.state.recording_id, now)
        runner.started, runner.deviations = one.state.started, one.state.deviations
        runner.take_over(one.log, one.streams, dialog=_take_up(one.state, runner, control, now))
        return runner

    def moved(self, state: CallState, control: EndpointControl, now: float) -> CallRunner:
        """The runner of a call that another node had, under an id of its own; its log is to be begun.

        Raises SiprecordError or ValueError for a damaged state.
        """
        recording_id = translation.recording_id(self._parts.wall(), self._parts.token())
        runner = self._restored(state, recording_id, now)
        runner.dialog = _take_up(state, runner, control, now, moved=True)
        return runner

    def _restored(self, state: CallState, recording_id: str, now: float) -> CallRunner:
        moment = Moment(now=now, wall=self._parts.wall())
        settings = self._settings.get(state.session.identity.trunk, self._settings[""])
        session = RecordingSession.restore(settings, state.session, moment)
        return CallRunner(recording_id, session, self._services, flow=state.flow, raw=b"")


def _take_up(
    state: CallState, runner: CallRunner, control: EndpointControl, now: float, *, moved: bool = False
) -> str:
    """Go on with the dialog; "" when it is over."""
    dialog = control.restore(state.dialog, now, moved=moved) if state.dialog is not None else ""
    if state.answered is not None:
        control.resume(state.answered, now)
        runner.last_request = state.answered.id
    return dialog
