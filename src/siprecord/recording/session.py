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

The decisions are functions over `SessionData`, one file for each phase: `opening`, `offers`, `watching`,
`ending`; what several of them need is in `learning`.
"""

from __future__ import annotations

from siprecord.recording.commands import CheckMedia, Command
from siprecord.recording.ending import LINGERED, STOPPED
from siprecord.recording.events import Event
from siprecord.recording.model import Moment
from siprecord.recording.offers import AGREED
from siprecord.recording.opening import INVITED, OPENED
from siprecord.recording.session_data import Decisions, SessionData
from siprecord.recording.session_parts import State
from siprecord.recording.watching import WATCHED, resume


class RecordingSession(SessionData):
    """One recording session, from its INVITE to its end."""

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
            return self.ends_at
        both = (self.silence.deadline(), self.pause.deadline())
        return min((at for at in both if at is not None), default=None)

    def expire(self, moment: Moment) -> tuple[Command, ...]:
        """A deadline has passed."""
        if self.state is State.ENDING:
            if self.ends_at is None or moment.now < self.ends_at:
                return ()
            self.ends_at = None
            return (CheckMedia(),)
        resumed = resume(self, moment) if self.pause.due(moment.now) else []
        return (*resumed, CheckMedia()) if self.silence.due(moment.now) else tuple(resumed)


LIVE: Decisions = {**AGREED, **WATCHED, **STOPPED}
TABLE: dict[State, Decisions] = {
    State.NEW: INVITED,
    State.OPENING: OPENED,
    State.ANSWERED: LIVE,
    State.ACTIVE: LIVE,
    State.ENDING: LINGERED,
    State.ENDED: {},
}
"""Every pair that means something. What is not here can't happen, or must have no effect."""
