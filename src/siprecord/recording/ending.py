"""How a session ends: who ends it, the linger time, and requests that come too late."""

from __future__ import annotations

from siprecord.recording import deviations, learning, outcome, refusal
from siprecord.recording.commands import Answer, Command, FinishRecording, Refuse, SendBye
from siprecord.recording.events import (
    AckTimedOut,
    ByeReceived,
    DialogLost,
    InfoReceived,
    MediaChecked,
    ReinviteReceived,
    SessionExpired,
    StopRequested,
    StreamCount,
    TakeoverReceived,
    UpdateReceived,
)
from siprecord.recording.model import Moment
from siprecord.recording.outcome import Ending
from siprecord.recording.refusal import Refusal
from siprecord.recording.session_data import Decisions, SessionData
from siprecord.recording.session_parts import State


def _on_bye(session: SessionData, event: ByeReceived, moment: Moment) -> list[Command]:
    """The metadata of a BYE belongs to the call (RFC 8068 section 3.2.4); a bad body never keeps it
    open.
    """
    learned = learning.learn(session, event.contents, "BYE", moment)
    return [*learned, Answer(event.transaction), *_end(session, outcome.hung_up(event.reason), moment)]


def _on_stop(session: SessionData, event: StopRequested, moment: Moment) -> list[Command]:
    return stop_when_allowed(session, event.ending, moment)


def stop_when_allowed(session: SessionData, ending: Ending, moment: Moment) -> list[Command]:
    """A BYE may not overtake the ACK (RFC 3261 section 15): without it, wait for it or for its
    time-out.
    """
    if session.state is State.ACTIVE:
        return hang_up(session, ending, moment)
    session.marks.stop = session.marks.stop or ending
    return []


def hang_up(session: SessionData, ending: Ending, moment: Moment) -> list[Command]:
    """End it from our side; only after the ACK."""
    return [SendBye(ending.reason), *_end(session, ending, moment)]


def _on_no_ack(session: SessionData, event: AckTimedOut, moment: Moment) -> list[Command]:
    return _end(session, session.marks.stop or outcome.UNACKNOWLEDGED, moment)


def _on_expired(session: SessionData, event: SessionExpired, moment: Moment) -> list[Command]:
    return _end(session, outcome.UNREFRESHED, moment)


def _on_lost(session: SessionData, event: DialogLost, moment: Moment) -> list[Command]:
    return _end(session, outcome.VANISHED, moment)


def _end(session: SessionData, ending: Ending, moment: Moment) -> list[Command]:
    session.ending = ending
    session.state = State.ENDING
    session.silence.stop()
    session.ends_at = moment.now + session.settings.linger_s
    return []


def _on_last_count(session: SessionData, event: MediaChecked, moment: Moment) -> list[Command]:
    if session.ends_at is not None or session.ending is None:
        return []
    session.state = State.ENDED
    noted = session.knowledge.note(
        *(
            deviations.silent_stream(plan.name)
            for mline, plan in session.streams.items()
            # Counts begin anew with each life, so a stream taken over may have been heard before.
            if not plan.held
            and mline not in session.taken_over
            and event.counts.get(mline, StreamCount(0, 0)).packets == 0
        )
    )
    return [*noted, *session.knowledge.finish(moment.wall), FinishRecording(session.ending)]


def _on_late_bye(session: SessionData, event: ByeReceived, moment: Moment) -> list[Command]:
    return [Answer(event.transaction)]


def _on_late_takeover(session: SessionData, event: TakeoverReceived, moment: Moment) -> list[Command]:
    return [Refuse(event.transaction, refusal.over())]


def _on_late_request(
    session: SessionData, event: ReinviteReceived | UpdateReceived | InfoReceived, moment: Moment
) -> list[Command]:
    return [Refuse(event.transaction, Refusal(481))]


STOPPED: Decisions = {
    ByeReceived: _on_bye,
    StopRequested: _on_stop,
    AckTimedOut: _on_no_ack,
    SessionExpired: _on_expired,
    DialogLost: _on_lost,
}
LINGERED: Decisions = {
    MediaChecked: _on_last_count,
    ByeReceived: _on_late_bye,
    TakeoverReceived: _on_late_takeover,
    ReinviteReceived: _on_late_request,
    UpdateReceived: _on_late_request,
    InfoReceived: _on_late_request,
}
