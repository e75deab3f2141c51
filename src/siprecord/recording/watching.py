"""A session that runs: pauses that somebody on our side asked for, and silence."""

from __future__ import annotations

from siprecord.recording import deviations, ending, outcome
from siprecord.recording.commands import Command
from siprecord.recording.events import MediaChecked, PauseRequested, ResumeRequested
from siprecord.recording.model import Moment
from siprecord.recording.session_data import Decisions, SessionData


def _on_pause(session: SessionData, event: PauseRequested, moment: Moment) -> list[Command]:
    session.pause.begin(moment.now, event.seconds)
    return session.exchange.mask(True)


def _on_resume(session: SessionData, event: ResumeRequested, moment: Moment) -> list[Command]:
    return resume(session, moment)


def resume(session: SessionData, moment: Moment) -> list[Command]:
    """Store again, asked for or because the pause has lasted long enough."""
    session.pause.end()
    session.silence.start(moment.now)
    return session.exchange.mask(False)


def _on_media_checked(session: SessionData, event: MediaChecked, moment: Moment) -> list[Command]:
    expected = session.exchange.storing and not session.knowledge.between_sessions
    if not expected:
        session.silence.start(moment.now)
        return []
    if not session.silence.silent(event.counts, moment.now):
        session.marks.told_silent = False
        return []
    noted: list[Command] = []
    if not session.marks.told_silent:
        session.marks.told_silent = True
        noted.extend(session.knowledge.note(deviations.silence(session.silence.timeout)))
    if not session.settings.end_on_silence:
        return noted
    return [*noted, *ending.stop_when_allowed(session, outcome.SILENT, moment)]


WATCHED: Decisions = {
    MediaChecked: _on_media_checked,
    PauseRequested: _on_pause,
    ResumeRequested: _on_resume,
}
