"""The recording session: a table that says what each event means in each state, and what is to be done.

It touches nothing. `receive` takes an event and returns commands; the runner executes them in order and
brings the result of `OpenStreams` and `CheckMedia` back as an event. `deadline` says when `expire` is to be
called.

    NEW ── INVITE ──▶ OPENING ── streams open ──▶ ANSWERED ── ACK ──▶ ACTIVE
     │                   │                            │                  │
     │ refused           │ no room, CANCEL            └──── BYE, stop, silence, lost ────▶ ENDING ──▶ ENDED

A re-INVITE or UPDATE that adds streams waits for them in the same way, in `Pending`; its metadata and its
SDP are kept together or not at all. ENDING lasts for the linger time: media that was on its way still
belongs to the call. Bad metadata never refuses anything and never ends anything.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from siprecord.recording import deviations, outcome, refusal
from siprecord.recording.commands import (
    Answer,
    AppendEvent,
    CheckMedia,
    Command,
    DiscardRecording,
    FinishRecording,
    OpenStreams,
    Refuse,
    RequestSnapshot,
    SendBye,
    StartRecording,
)
from siprecord.recording.contents import Contents
from siprecord.recording.continuation import Marks, SessionSnapshot
from siprecord.recording.events import (
    AckReceived,
    AckTimedOut,
    ByeReceived,
    CancelReceived,
    DialogLost,
    Event,
    InfoReceived,
    InviteReceived,
    MediaChecked,
    PauseRequested,
    RecordingUnavailable,
    ReinviteReceived,
    ResumeRequested,
    SessionExpired,
    StopRequested,
    StreamCount,
    StreamsOpened,
    UpdateReceived,
)
from siprecord.recording.exchange import Exchange, LocalMedia
from siprecord.recording.identity import CallIdentity
from siprecord.recording.knowledge import Knowledge
from siprecord.recording.metadata_state import Labels
from siprecord.recording.model import Moment, RecordingModel
from siprecord.recording.outcome import Ending
from siprecord.recording.own_offer import stand_in
from siprecord.recording.pause import PauseLease
from siprecord.recording.plan import OfferPlan, StreamPlan
from siprecord.recording.policy import Signs, recognise
from siprecord.recording.refusal import Refusal
from siprecord.recording.rules import Verdict
from siprecord.recording.session_parts import Pending, SessionSettings, State
from siprecord.recording.silence import SilenceWatch
from siprecord.syntax.sdp import SessionDescription

__all__ = ["TABLE", "Pending", "RecordingSession", "SessionSettings", "State"]

SNAPSHOT_TYPES = ("application/rs-metadata+xml", "application/rs-metadata", "application/rs-metadata-request")
"""Content types of a snapshot request, best first (RFC 9806, RFC 7866, drafts)."""


class RecordingSession:
    """One recording session, from its INVITE to its end."""

    def __init__(self, settings: SessionSettings, local: LocalMedia) -> None:
        self.state = State.NEW
        self.identity: CallIdentity | None = None
        self.knowledge = Knowledge()
        self.ending: Ending | None = None
        self.unexpected = 0
        self._settings = settings
        self._exchange = Exchange(settings.plan, local)
        self._silence = SilenceWatch(settings.media_timeout_s)
        self._pause = PauseLease(settings.pause_max_s)
        self._pending: Pending | None = None
        self._ends_at: float | None = None
        self._marks = Marks()
        self._taken_over: frozenset[int] = frozenset()

    @classmethod
    def restore(
        cls, settings: SessionSettings, snapshot: SessionSnapshot, moment: Moment
    ) -> RecordingSession:
        """Go on with the session of an earlier life. Raises ParseError or ValueError for a damaged one."""
        exchange = Exchange.restore(settings.plan, snapshot.exchange)
        self = cls(settings, exchange.local)
        self._exchange, self.knowledge = exchange, Knowledge.restore(snapshot.knowledge)
        self.state, self.identity, self.ending = State(snapshot.state), snapshot.identity, snapshot.ending
        self._marks = snapshot.marks
        self._taken_over = frozenset(exchange.streams)
        if self.state is State.ENDING:
            self._ends_at = moment.now + settings.linger_s
        else:
            self._silence.start(moment.now)
        return self

    def snapshot(self) -> SessionSnapshot | None:
        """What it takes to go on elsewhere; None before the answer and after the end."""
        if self.identity is None or self.state in (State.NEW, State.OPENING, State.ENDED):
            return None
        return SessionSnapshot(
            state=self.state.value,
            identity=self.identity,
            knowledge=self.knowledge.snapshot(),
            exchange=self._exchange.snapshot(),
            ending=self.ending,
            marks=self._marks,
        )

    @property
    def model(self) -> RecordingModel:
        """What the metadata says so far."""
        return self.knowledge.model

    @property
    def streams(self) -> Mapping[int, StreamPlan]:
        """The open streams by m-line."""
        return self._exchange.streams

    @property
    def paused(self) -> bool:
        """Whether somebody on our side paused the recording."""
        return self._exchange.masked

    def receive(self, event: Event, moment: Moment) -> tuple[Command, ...]:
        """What is to be done about `event`. One that means nothing in this state is counted and ignored."""
        decide = TABLE[self.state].get(type(event))
        if decide is None:
            self.unexpected += 1
            return ()
        return tuple(decide(self, event, moment))

    def deadline(self) -> float | None:
        """When to call `expire`, in monotonic seconds."""
        if self.state is State.ENDING:
            return self._ends_at
        both = (self._silence.deadline(), self._pause.deadline())
        return min((at for at in both if at is not None), default=None)

    def expire(self, moment: Moment) -> tuple[Command, ...]:
        """A deadline has passed."""
        if self.state is State.ENDING:
            if self._ends_at is None or moment.now < self._ends_at:
                return ()
            self._ends_at = None
            return (CheckMedia(),)
        resumed = self._resume(moment) if self._pause.due(moment.now) else []
        return (*resumed, CheckMedia()) if self._silence.due(moment.now) else tuple(resumed)

    # ---- the first INVITE ------------------------------------------------------------------------

    def _on_invite(self, event: InviteReceived, moment: Moment) -> list[Command]:
        contents = event.contents
        refused, notes = recognise(
            event.signs, has_metadata=bool(contents.documents), settings=self._settings.policy
        )
        offer = contents.sdp or self._own_offer(event.signs)
        plan = contents.refusal or refused or event.verdict.refusal or self._first_plan(offer)
        if isinstance(plan, Refusal) or offer is None:
            self.state = State.ENDED
            return [Refuse(event.transaction, plan if isinstance(plan, Refusal) else refusal.no_offer())]
        if contents.sdp is None:
            self._marks.answer_due = True
            notes += (deviations.delayed_offer(len(offer.media)),)
        self.identity = event.identity
        self.state = State.OPENING
        lesson = self.knowledge.read(contents, "INVITE", plan.labels, moment.wall)
        self._pending = Pending(event.transaction, offer, plan, lesson)
        ruled = self._apply_rule(event.verdict)
        first_notes = self.knowledge.note(*notes)
        absent = self.knowledge.note_absence(contents)
        return [StartRecording(event.identity), *ruled, *first_notes, *absent, OpenStreams(plan.open)]

    def _apply_rule(self, verdict: Verdict) -> list[Command]:
        self.knowledge.swap_sides = verdict.swap_sides
        self._exchange.masked = verdict.action == "mask"
        if verdict.rule is None:
            return []
        fields = {"rule": verdict.rule, "action": verdict.action, "swap_sides": verdict.swap_sides}
        return [AppendEvent("rule.applied", fields)]

    def _first_plan(self, offer: SessionDescription | None) -> OfferPlan | Refusal:
        return self._exchange.propose(offer) if offer is not None else refusal.no_offer()

    def _own_offer(self, signs: Signs) -> SessionDescription | None:
        """What stands in for the offer that the SRC left to us; our answer to it is our offer."""
        streams = self._settings.policy.streams_to_offer(signs)
        return None if streams is None else stand_in(streams)

    def _on_first_streams(self, event: StreamsOpened, moment: Moment) -> list[Command]:
        pending = self._take_pending()
        if pending.plan.open and not event.ports:
            why = next(iter(event.failed.values()), "No media port")
            return self._turn_away(pending.transaction, why)
        self.state = State.ANSWERED
        self._silence.start(moment.now)
        return self._commit(pending, event)

    def _on_unavailable(self, event: RecordingUnavailable, moment: Moment) -> list[Command]:
        return self._turn_away(self._take_pending().transaction, event.reason)

    def _turn_away(self, transaction: str, why: str) -> list[Command]:
        self.state = State.ENDED
        retry_after = self._settings.policy.retry_after_s
        return [Refuse(transaction, refusal.unavailable(why, retry_after)), DiscardRecording()]

    def _on_cancel(self, event: CancelReceived, moment: Moment) -> list[Command]:
        self._pending = None
        self.ending = outcome.GAVE_UP
        self.state = State.ENDED
        return [FinishRecording(outcome.GAVE_UP)]

    # ---- offers and metadata within the session --------------------------------------------------

    def _on_reinvite(self, event: ReinviteReceived, moment: Moment) -> list[Command]:
        notes = self._note_unconfirmed("INVITE", event.confirmed)
        if event.contents.sdp is not None or event.contents.refusal is not None:
            return [*notes, *self._on_offer(event, "INVITE", moment)]
        if self._marks.answer_due:
            return [*notes, Refuse(event.transaction, refusal.glare())]
        self._marks.answer_due = True
        learned = self._learn(event.contents, "INVITE", moment)
        return [*notes, *learned, Answer(event.transaction, self._exchange.offer())]

    def _on_update(self, event: UpdateReceived, moment: Moment) -> list[Command]:
        notes = self._note_unconfirmed("UPDATE", event.confirmed)
        if event.contents.sdp is not None or event.contents.refusal is not None:
            return [*notes, *self._on_offer(event, "UPDATE", moment)]
        return [*notes, *self._learn(event.contents, "UPDATE", moment), Answer(event.transaction)]

    def _on_info(self, event: InfoReceived, moment: Moment) -> list[Command]:
        if event.contents.refusal is not None:
            return [Refuse(event.transaction, event.contents.refusal)]
        return [*self._learn(event.contents, "INFO", moment), Answer(event.transaction)]

    def _on_offer(
        self, event: ReinviteReceived | UpdateReceived, carried_by: str, moment: Moment
    ) -> list[Command]:
        contents = event.contents
        if contents.refusal is not None or contents.sdp is None:
            return [Refuse(event.transaction, contents.refusal or refusal.no_offer())]
        if self._marks.answer_due or self._pending is not None:
            return [Refuse(event.transaction, refusal.glare())]
        plan = self._exchange.propose(contents.sdp)
        if isinstance(plan, Refusal):
            return [Refuse(event.transaction, plan)]
        lesson = self.knowledge.read(contents, carried_by, plan.labels, moment.wall)
        pending = Pending(event.transaction, contents.sdp, plan, lesson)
        if plan.open:
            self._pending = pending
            return [OpenStreams(plan.open)]
        return self._commit_live(pending, StreamsOpened({}), moment)

    def _on_more_streams(self, event: StreamsOpened, moment: Moment) -> list[Command]:
        if self._pending is None:
            return []
        pending = self._take_pending()
        if not event.ports and not pending.plan.go_on:
            why = next(iter(event.failed.values()), "No media port")
            return [Refuse(pending.transaction, refusal.not_acceptable(why))]
        return self._commit_live(pending, event, moment)

    def _commit_live(self, pending: Pending, opened: StreamsOpened, moment: Moment) -> list[Command]:
        self._silence.start(moment.now)
        return self._commit(pending, opened)

    def _commit(self, pending: Pending, opened: StreamsOpened) -> list[Command]:
        """Streams first, since a pause must not wait; then what was learned; then the answer."""
        commitment = self._exchange.commit(pending.offer, pending.plan, opened)
        learned = self.knowledge.keep(pending.lesson, self.streams)
        noted = self.knowledge.note(*commitment.deviations)
        answer = Answer(pending.transaction, commitment.answer)
        return [*commitment.commands, *learned, *noted, answer, *self._ask_for_snapshot()]

    def _learn(self, contents: Contents, carried_by: str, moment: Moment) -> list[Command]:
        """Take in what came without SDP. Its labels are those of the SDP before it (CONFORMANCE MDP-20)."""
        lesson = self.knowledge.read(contents, carried_by, self._current_labels(), moment.wall)
        return [*self.knowledge.keep(lesson, self.streams), *self._ask_for_snapshot()]

    def _current_labels(self) -> Labels:
        bound = {stream.mline for stream in self.knowledge.told.streams.values() if stream.ended is None}
        labels = self._exchange.labels
        free = tuple(mline for mline in labels.unlabelled if mline not in bound)
        return replace(labels, unlabelled=free, borrowed=True)

    def _on_ack(self, event: AckReceived, moment: Moment) -> list[Command]:
        self.state = State.ACTIVE
        commands: list[Command] = []
        if self._marks.answer_due:
            self._marks.answer_due = False
            answer = event.contents.sdp
            if answer is None:
                commands.extend(self.knowledge.note(deviations.no_answer_in_ack()))
            else:
                commands.extend(self._exchange.take_answer(answer))
                self._silence.start(moment.now)
        if event.contents.documents:
            commands.extend(self._learn(event.contents, "ACK", moment))
        if self._marks.stop is not None:
            return [*commands, *self._hang_up(self._marks.stop, moment)]
        return [*commands, *self._ask_for_snapshot()]

    def _ask_for_snapshot(self) -> list[Command]:
        """Once, and only where a partial document has nothing to build on (CONFORMANCE MDP-08, MDP-15,
        MDP-16).
        """
        identity = self.identity
        wanted = self._settings.request_snapshots and self.knowledge.needs_snapshot
        if self._marks.snapshot_asked or not wanted or self.state is not State.ACTIVE or identity is None:
            return []
        if not identity.allows_update:
            return []
        self._marks.snapshot_asked = True
        listed = (kind for kind in SNAPSHOT_TYPES if kind in identity.accepts)
        return [RequestSnapshot(next(listed, SNAPSHOT_TYPES[0]))]

    def _note_unconfirmed(self, method: str, confirmed: bool) -> list[Command]:
        if confirmed:
            return []
        return list(self.knowledge.note(deviations.confirmation_missing(method)))

    # ---- pause, silence --------------------------------------------------------------------------

    def _on_pause(self, event: PauseRequested, moment: Moment) -> list[Command]:
        self._pause.begin(moment.now, event.seconds)
        return self._exchange.mask(True)

    def _on_resume(self, event: ResumeRequested, moment: Moment) -> list[Command]:
        return self._resume(moment)

    def _resume(self, moment: Moment) -> list[Command]:
        self._pause.end()
        self._silence.start(moment.now)
        return self._exchange.mask(False)

    def _on_media_checked(self, event: MediaChecked, moment: Moment) -> list[Command]:
        expected = self._exchange.storing and not self.knowledge.between_sessions
        if not expected:
            self._silence.start(moment.now)
            return []
        if not self._silence.silent(event.counts, moment.now):
            self._marks.told_silent = False
            return []
        noted: list[Command] = []
        if not self._marks.told_silent:
            self._marks.told_silent = True
            noted.extend(self.knowledge.note(deviations.silence(self._silence.timeout)))
        if not self._settings.end_on_silence:
            return noted
        return [*noted, *self._stop_when_allowed(outcome.SILENT, moment)]

    # ---- the end ---------------------------------------------------------------------------------

    def _on_bye(self, event: ByeReceived, moment: Moment) -> list[Command]:
        """The metadata of a BYE belongs to the call (RFC 8068 section 3.2.4); a bad body never keeps it
        open.
        """
        learned = self._learn(event.contents, "BYE", moment)
        return [*learned, Answer(event.transaction), *self._end(outcome.hung_up(event.reason), moment)]

    def _on_stop(self, event: StopRequested, moment: Moment) -> list[Command]:
        return self._stop_when_allowed(event.ending, moment)

    def _stop_when_allowed(self, ending: Ending, moment: Moment) -> list[Command]:
        """A BYE may not overtake the ACK (RFC 3261 section 15): without it, wait for it or for its
        time-out.
        """
        if self.state is State.ACTIVE:
            return self._hang_up(ending, moment)
        self._marks.stop = self._marks.stop or ending
        return []

    def _hang_up(self, ending: Ending, moment: Moment) -> list[Command]:
        return [SendBye(ending.reason), *self._end(ending, moment)]

    def _on_no_ack(self, event: AckTimedOut, moment: Moment) -> list[Command]:
        return self._end(self._marks.stop or outcome.UNACKNOWLEDGED, moment)

    def _on_expired(self, event: SessionExpired, moment: Moment) -> list[Command]:
        return self._end(outcome.UNREFRESHED, moment)

    def _on_lost(self, event: DialogLost, moment: Moment) -> list[Command]:
        return self._end(outcome.VANISHED, moment)

    def _end(self, ending: Ending, moment: Moment) -> list[Command]:
        self.ending = ending
        self.state = State.ENDING
        self._silence.stop()
        self._ends_at = moment.now + self._settings.linger_s
        return []

    def _on_last_count(self, event: MediaChecked, moment: Moment) -> list[Command]:
        if self._ends_at is not None or self.ending is None:
            return []
        self.state = State.ENDED
        noted = self.knowledge.note(
            *(
                deviations.silent_stream(plan.name)
                for mline, plan in self.streams.items()
                # Counts begin anew with each life, so a stream taken over may have been heard before.
                if not plan.held
                and mline not in self._taken_over
                and event.counts.get(mline, StreamCount(0, 0)).packets == 0
            )
        )
        return [*noted, *self.knowledge.finish(moment.wall), FinishRecording(self.ending)]

    def _on_late_bye(self, event: ByeReceived, moment: Moment) -> list[Command]:
        return [Answer(event.transaction)]

    def _on_late_request(
        self, event: ReinviteReceived | UpdateReceived | InfoReceived, moment: Moment
    ) -> list[Command]:
        return [Refuse(event.transaction, Refusal(481))]

    def _take_pending(self) -> Pending:
        pending, self._pending = self._pending, None
        assert pending is not None, "streams were opened for nobody"
        return pending


Decision = Callable[[RecordingSession, Any, Moment], "list[Command]"]
Row = dict[type[Event], Decision]


def _live_row() -> Row:
    own = RecordingSession
    return {
        ReinviteReceived: own._on_reinvite,
        UpdateReceived: own._on_update,
        InfoReceived: own._on_info,
        AckReceived: own._on_ack,
        StreamsOpened: own._on_more_streams,
        MediaChecked: own._on_media_checked,
        PauseRequested: own._on_pause,
        ResumeRequested: own._on_resume,
        ByeReceived: own._on_bye,
        StopRequested: own._on_stop,
        AckTimedOut: own._on_no_ack,
        SessionExpired: own._on_expired,
        DialogLost: own._on_lost,
    }


TABLE: dict[State, Row] = {
    State.NEW: {InviteReceived: RecordingSession._on_invite},
    State.OPENING: {
        StreamsOpened: RecordingSession._on_first_streams,
        RecordingUnavailable: RecordingSession._on_unavailable,
        CancelReceived: RecordingSession._on_cancel,
    },
    State.ANSWERED: _live_row(),
    State.ACTIVE: _live_row(),
    State.ENDING: {
        MediaChecked: RecordingSession._on_last_count,
        ByeReceived: RecordingSession._on_late_bye,
        ReinviteReceived: RecordingSession._on_late_request,
        UpdateReceived: RecordingSession._on_late_request,
        InfoReceived: RecordingSession._on_late_request,
    },
    State.ENDED: {},
}
"""Every pair that means something. What is not here can't happen, or must have no effect."""
