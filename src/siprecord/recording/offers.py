"""Requests within a session that is answered: offers, metadata, the ACK."""

from __future__ import annotations

from siprecord.recording import deviations, ending, learning, refusal
from siprecord.recording.commands import Answer, Command, OpenStreams, Refuse
from siprecord.recording.events import (
    AckReceived,
    InfoReceived,
    ReinviteReceived,
    StreamsOpened,
    TakeoverReceived,
    UpdateReceived,
)
from siprecord.recording.model import Moment
from siprecord.recording.refusal import Refusal
from siprecord.recording.rejudging import then_judge
from siprecord.recording.session_data import Decisions, SessionData
from siprecord.recording.session_parts import Pending, State


def _on_reinvite(session: SessionData, event: ReinviteReceived, moment: Moment) -> list[Command]:
    notes = learning.note_unconfirmed(session, "INVITE", event.confirmed)
    if event.contents.sdp is not None or event.contents.refusal is not None:
        return [*notes, *_on_offer(session, event, "INVITE", moment)]
    if session.marks.answer_due:
        return [*notes, Refuse(event.transaction, refusal.glare())]
    session.marks.answer_due = True
    learned = learning.learn(session, event.contents, "INVITE", moment)
    return [*notes, *learned, Answer(event.transaction, session.exchange.offer())]


def _on_takeover(session: SessionData, event: TakeoverReceived, moment: Moment) -> list[Command]:
    """The SRC goes on in a dialog of its own making (RFC 3891). What is refused leaves the old one as it is.

    Its SDP is a first offer: streams go on where the labels are the same, the others begin and end here.
    """
    if session.marks.stop is not None:
        return [Refuse(event.transaction, refusal.over())]
    notes = learning.note_unconfirmed(session, "INVITE", event.confirmed)
    return [*notes, *_on_offer(session, event, "INVITE", moment)]


def _on_update(session: SessionData, event: UpdateReceived, moment: Moment) -> list[Command]:
    notes = learning.note_unconfirmed(session, "UPDATE", event.confirmed)
    if event.contents.sdp is not None or event.contents.refusal is not None:
        return [*notes, *_on_offer(session, event, "UPDATE", moment)]
    return [*notes, *learning.learn(session, event.contents, "UPDATE", moment), Answer(event.transaction)]


def _on_info(session: SessionData, event: InfoReceived, moment: Moment) -> list[Command]:
    if event.contents.refusal is not None:
        return [Refuse(event.transaction, event.contents.refusal)]
    return [*learning.learn(session, event.contents, "INFO", moment), Answer(event.transaction)]


def _on_offer(
    session: SessionData,
    event: ReinviteReceived | UpdateReceived | TakeoverReceived,
    carried_by: str,
    moment: Moment,
) -> list[Command]:
    contents = event.contents
    if contents.refusal is not None or contents.sdp is None:
        return [Refuse(event.transaction, contents.refusal or refusal.no_offer())]
    if session.marks.answer_due or session.pending is not None:
        return [Refuse(event.transaction, refusal.glare())]
    takeover = event if isinstance(event, TakeoverReceived) else None
    plan = session.exchange.propose(contents.sdp, anew=takeover is not None)
    if isinstance(plan, Refusal):
        return [Refuse(event.transaction, plan)]
    lesson = session.knowledge.read(contents, carried_by, plan.labels, moment.wall)
    pending = Pending(event.transaction, contents.sdp, plan, lesson, takeover)
    if plan.open:
        session.pending = pending
        return [OpenStreams(plan.open)]
    return learning.commit(session, pending, StreamsOpened({}), moment)


def _on_more_streams(session: SessionData, event: StreamsOpened, moment: Moment) -> list[Command]:
    if session.pending is None:
        return []
    pending = session.take_pending()
    if not event.ports and not pending.plan.go_on:
        why = next(iter(event.failed.values()), "No media port")
        return [Refuse(pending.transaction, refusal.not_acceptable(why))]
    return learning.commit(session, pending, event, moment)


def _on_ack(session: SessionData, event: AckReceived, moment: Moment) -> list[Command]:
    session.state = State.ACTIVE
    commands: list[Command] = []
    if session.marks.answer_due:
        session.marks.answer_due = False
        answer = event.contents.sdp
        if answer is None:
            commands.extend(session.knowledge.note(deviations.no_answer_in_ack()))
        else:
            commands.extend(session.exchange.take_answer(answer))
            session.silence.start(moment.now)
    if event.contents.documents:
        commands.extend(learning.learn(session, event.contents, "ACK", moment))
    if session.marks.stop is not None:
        return [*commands, *ending.hang_up(session, session.marks.stop, moment)]
    return [*commands, *learning.ask_for_snapshot(session)]


AGREED: Decisions = {
    ReinviteReceived: then_judge(_on_reinvite),
    TakeoverReceived: then_judge(_on_takeover),
    UpdateReceived: then_judge(_on_update),
    InfoReceived: then_judge(_on_info),
    AckReceived: then_judge(_on_ack),
    StreamsOpened: then_judge(_on_more_streams),
}
