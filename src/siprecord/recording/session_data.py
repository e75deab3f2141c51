"""What a recording session knows: the data that its decisions work on. No decision is taken here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Self

from msgspec.structs import replace

from siprecord.recording.commands import Command
from siprecord.recording.continuation import Marks, SessionSnapshot
from siprecord.recording.events import Event
from siprecord.recording.exchange import Exchange, LocalMedia
from siprecord.recording.identity import CallIdentity
from siprecord.recording.knowledge import Knowledge
from siprecord.recording.model import Moment, RecordingModel
from siprecord.recording.outcome import Ending
from siprecord.recording.pause import PauseLease
from siprecord.recording.plan import StreamPlan
from siprecord.recording.session_parts import Pending, SessionSettings, State
from siprecord.recording.silence import SilenceWatch


class SessionData:
    """What a session knows and waits for, and how that is kept for another life of the recorder."""

    def __init__(self, settings: SessionSettings, local: LocalMedia) -> None:
        self.state = State.NEW
        self.identity: CallIdentity | None = None
        self.knowledge = Knowledge()
        self.ending: Ending | None = None
        self.unexpected = 0
        self.settings = settings
        self.exchange = Exchange(replace(settings.plan, mask_digits=settings.digits.masked), local)
        self.silence = SilenceWatch(settings.media_timeout_s)
        self.pause = PauseLease(settings.pause_max_s)
        self.pending: Pending | None = None
        self.ends_at: float | None = None
        self.marks = Marks()
        self.taken_over: frozenset[int] = frozenset()
        self.headers: Mapping[str, tuple[str, ...]] = {}

    @classmethod
    def restore(cls, settings: SessionSettings, snapshot: SessionSnapshot, moment: Moment) -> Self:
        """Go on with the session of an earlier life. Raises ParseError or ValueError for a damaged one."""
        exchange = Exchange.restore(settings.plan, snapshot.exchange)
        self = cls(settings, exchange.local)
        self.exchange, self.knowledge = exchange, Knowledge.restore(snapshot.knowledge)
        self.state, self.identity, self.ending = State(snapshot.state), snapshot.identity, snapshot.ending
        self.marks, self.headers = snapshot.marks, snapshot.headers
        self.taken_over = frozenset(exchange.streams)
        if self.state is State.ENDING:
            self.ends_at = moment.now + settings.linger_s
        else:
            self.silence.start(moment.now)
        return self

    def snapshot(self) -> SessionSnapshot | None:
        """What it takes to go on elsewhere; None before the answer and after the end."""
        if self.identity is None or self.state in (State.NEW, State.OPENING, State.ENDED):
            return None
        return SessionSnapshot(
            state=self.state.value,
            identity=self.identity,
            knowledge=self.knowledge.snapshot(),
            exchange=self.exchange.snapshot(),
            ending=self.ending,
            marks=self.marks,
            headers=self.headers,
        )

    @property
    def model(self) -> RecordingModel:
        """What the metadata says so far."""
        return self.knowledge.model

    @property
    def streams(self) -> Mapping[int, StreamPlan]:
        """The open streams by m-line."""
        return self.exchange.streams

    @property
    def paused(self) -> bool:
        """Whether somebody on our side paused the recording."""
        return self.exchange.masked

    def take_pending(self) -> Pending:
        """The request that waited for streams; there must be one."""
        pending, self.pending = self.pending, None
        assert pending is not None, "streams were opened for nobody"
        return pending


Decision = Callable[[SessionData, Any, Moment], list[Command]]
Decisions = dict[type[Event], Decision]
"""What to do about each kind of event that means something."""
