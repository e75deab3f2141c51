"""Who and what is in a recording session, as values: the classes of RFC 7865 with their history.

Nothing is ever deleted. What is over keeps its place with an end (`ended`, or a closed `Interval`), so the
last model of a call tells its whole story. Every change makes a new `RecordingModel`; a change that turns
out to be wrong is dropped by not keeping the new value.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Literal, TypeVar

import msgspec

from siprecord.syntax.metadata import Reason

Role = Literal["send", "recv"]


class Moment(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One instant on both clocks: monotonic seconds for deadlines, wall clock for people."""

    now: float
    wall: datetime


class Interval(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A span of an association. `start` and `stop` are the SRC's times, `seen` and `unseen` our own.

    Open while `unseen` is None. A closed interval without `stop` was closed by what followed from other
    elements, not by a time the SRC gave.
    """

    start: datetime | None
    seen: datetime
    stop: datetime | None = None
    unseen: datetime | None = None

    @property
    def open(self) -> bool:
        """Whether the association still holds."""
        return self.unseen is None


Intervals = tuple[Interval, ...]


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """A group of communication sessions (RFC 7865 section 6.2)."""

    id: str
    associate_time: datetime | None = None
    disassociate_time: datetime | None = None
    extensions: tuple[str, ...] = ()
    placeholder: bool = False
    ended: datetime | None = None


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """A communication session (RFC 7865 section 6.3). `recorded` is its association with this recording."""

    id: str
    sip_session_ids: tuple[str, ...] = ()
    reasons: tuple[Reason, ...] = ()
    group_ref: str | None = None
    start_time: datetime | None = None
    stop_time: datetime | None = None
    extensions: tuple[str, ...] = ()
    recorded: Intervals = ()
    placeholder: bool = False
    ended: datetime | None = None


class Name(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One address of record of a participant, with the display name that goes with it."""

    aor: str
    name: str | None = None
    lang: str | None = None


class Participant(msgspec.Struct, frozen=True, kw_only=True):
    """A party of the conversation (RFC 7865 section 6.5).

    `source` is the header or vendor element it, or its last name, was learned from; None is the metadata.
    """

    id: str
    names: tuple[Name, ...] = ()
    extensions: tuple[str, ...] = ()
    placeholder: bool = False
    ended: datetime | None = None
    source: str | None = None


class Binding(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Which m-line a stream was, and since when. `mline` is None for a stream that we don't receive."""

    label: str | None
    mline: int | None
    since: datetime


class Stream(msgspec.Struct, frozen=True, kw_only=True):
    """A media stream of the conversation (RFC 7865 section 6.7). The last binding is the one that holds."""

    id: str
    session_id: str | None = None
    label: str | None = None
    content: str | None = None
    extensions: tuple[str, ...] = ()
    bindings: tuple[Binding, ...] = ()
    placeholder: bool = False
    ended: datetime | None = None

    @property
    def mline(self) -> int | None:
        """Position of the m-line that carries this stream now."""
        return self.bindings[-1].mline if self.bindings else None


class Membership(msgspec.Struct, frozen=True, kw_only=True):
    """A participant's part in one communication session (RFC 7865 section 6.6)."""

    intervals: Intervals = ()
    params: tuple[tuple[str, str], ...] = ()

    @property
    def open(self) -> bool:
        """Whether the participant is in the session now."""
        return bool(self.intervals) and self.intervals[-1].open


Value = TypeVar("Value")


def _empty() -> Mapping[str, Value]:
    return MappingProxyType({})


class RecordingModel(msgspec.Struct, frozen=True, kw_only=True):
    """All that the SRC told about one recording session so far.

    `memberships` is keyed by (participant id, session id) and `flows` by (participant id, stream id, role).
    `snapshot` says that a complete document has come; before it the model may have holes.
    """

    groups: Mapping[str, Group] = msgspec.field(default_factory=_empty)
    sessions: Mapping[str, Session] = msgspec.field(default_factory=_empty)
    participants: Mapping[str, Participant] = msgspec.field(default_factory=_empty)
    streams: Mapping[str, Stream] = msgspec.field(default_factory=_empty)
    memberships: Mapping[tuple[str, str], Membership] = msgspec.field(default_factory=dict)
    flows: Mapping[tuple[str, str, Role], Intervals] = msgspec.field(default_factory=dict)
    snapshot: bool = False

    def live_sessions(self) -> tuple[str, ...]:
        """Ids of the communication sessions that go on, as far as we were told."""
        return tuple(
            session.id
            for session in self.sessions.values()
            if session.ended is None and session.stop_time is None
        )

    def current(self, participant: str, role: Role) -> tuple[str, ...]:
        """Ids of the streams this participant sends or receives now, in the order they were first told."""
        return tuple(
            stream
            for (who, stream, as_role), intervals in self.flows.items()
            if who == participant and as_role == role and intervals[-1].open
        )

    def senders(self, stream: str, *, ever: bool = False) -> tuple[str, ...]:
        """Ids of the participants who send this stream now, or who ever did."""
        return tuple(
            who
            for (who, sent, role), intervals in self.flows.items()
            if sent == stream and role == "send" and (ever or intervals[-1].open)
        )
