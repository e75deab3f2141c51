"""How a session begins: its INVITE, its first streams, and all that can keep it from being answered."""

from __future__ import annotations

from siprecord.recording import deviations, learning, outcome, refusal, rejudging
from siprecord.recording.commands import (
    Command,
    DiscardRecording,
    FinishRecording,
    OpenStreams,
    Refuse,
    StartRecording,
)
from siprecord.recording.events import CancelReceived, InviteReceived, RecordingUnavailable, StreamsOpened
from siprecord.recording.model import Moment
from siprecord.recording.own_offer import stand_in
from siprecord.recording.plan import OfferPlan
from siprecord.recording.policy import Signs, recognise
from siprecord.recording.refusal import Refusal
from siprecord.recording.session_data import Decisions, SessionData
from siprecord.recording.session_parts import Pending, State
from siprecord.syntax.sdp import SessionDescription


def _on_invite(session: SessionData, event: InviteReceived, moment: Moment) -> list[Command]:
    contents = event.contents
    refused, notes = recognise(
        event.signs, has_metadata=bool(contents.documents), settings=session.settings.policy
    )
    offer = contents.sdp or _own_offer(session, event.signs)
    ruled = rejudging.apply(session, event.verdict, late=False)
    plan = contents.refusal or refused or event.verdict.refusal or _first_plan(session, offer)
    if isinstance(plan, Refusal) or offer is None:
        session.state = State.ENDED
        return [Refuse(event.transaction, plan if isinstance(plan, Refusal) else refusal.no_offer())]
    if contents.sdp is None:
        session.marks.answer_due = True
        notes += (deviations.delayed_offer(len(offer.media)),)
    session.identity = event.identity
    rejudging.hear(session, event.headers)
    session.state = State.OPENING
    lesson = session.knowledge.read(contents, "INVITE", plan.labels, moment.wall)
    session.pending = Pending(event.transaction, offer, plan, lesson)
    first_notes = session.knowledge.note(*notes)
    absent = session.knowledge.note_absence(contents)
    return [StartRecording(event.identity), *ruled, *first_notes, *absent, OpenStreams(plan.open)]


def _first_plan(session: SessionData, offer: SessionDescription | None) -> OfferPlan | Refusal:
    return session.exchange.propose(offer) if offer is not None else refusal.no_offer()


def _own_offer(session: SessionData, signs: Signs) -> SessionDescription | None:
    """What stands in for the offer that the SRC left to us; our answer to it is our offer."""
    streams = session.settings.policy.streams_to_offer(signs)
    return None if streams is None else stand_in(streams)


def _on_first_streams(session: SessionData, event: StreamsOpened, moment: Moment) -> list[Command]:
    pending = session.take_pending()
    if pending.plan.open and not event.ports:
        why = next(iter(event.failed.values()), "No media port")
        return _turn_away(session, pending.transaction, why)
    session.state = State.ANSWERED
    return learning.commit(session, pending, event, moment)


def _on_unavailable(session: SessionData, event: RecordingUnavailable, moment: Moment) -> list[Command]:
    return _turn_away(session, session.take_pending().transaction, event.reason)


def _turn_away(session: SessionData, transaction: str, why: str) -> list[Command]:
    session.state = State.ENDED
    retry_after = session.settings.policy.retry_after_s
    return [Refuse(transaction, refusal.unavailable(why, retry_after)), DiscardRecording()]


def _on_cancel(session: SessionData, event: CancelReceived, moment: Moment) -> list[Command]:
    session.pending = None
    session.ending = outcome.GAVE_UP
    session.state = State.ENDED
    return [FinishRecording(outcome.GAVE_UP)]


INVITED: Decisions = {InviteReceived: _on_invite}
OPENED: Decisions = {
    StreamsOpened: _on_first_streams,
    RecordingUnavailable: _on_unavailable,
    CancelReceived: _on_cancel,
}
