"""Applies metadata documents to the model: the merge rules of RFC 7865, as CONFORMANCE part 2E fixes them.

A complete document is the whole present state: what it does not list is over. A partial one holds only what
changed; there, a child that is present replaces that child and an absent one keeps its value (MRG-04, 05).
The lists of a participant-stream association are replaced whole (MRG-06). Extensions are replaced as a set
where there is any (MRG-15). Nothing is deleted (MRG-11). The same document twice gives the same model
(MRG-18).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TypeVar

import msgspec
from msgspec.structs import replace

from siprecord.recording import deviations
from siprecord.recording.deviations import Deviation
from siprecord.recording.intervals import close, hold_open, tell
from siprecord.recording.model import (
    Binding,
    Group,
    Intervals,
    Membership,
    Name,
    Participant,
    RecordingModel,
    Role,
    Session,
    Stream,
)
from siprecord.syntax import metadata as told

Entity = TypeVar("Entity", Group, Session, Participant, Stream)
_NO_GROUP, _NO_SESSION = Group(id=""), Session(id="")
_NO_PARTICIPANT, _NO_STREAM = Participant(id=""), Stream(id="")


class Labels(msgspec.Struct, frozen=True, kw_only=True):
    """The m-lines that a document may refer to.

    Labels mean something only together with the SDP of the same message (MDP-19). `borrowed` says that the
    message had no SDP, so that these are the labels of the one before.
    """

    by_label: Mapping[str, int] = msgspec.field(default_factory=dict)
    content: Mapping[int, str] = msgspec.field(default_factory=dict)
    """The a=content of those m-lines that have one (RFC 4796)."""
    unlabelled: tuple[int, ...] = ()
    borrowed: bool = False


class Merge(msgspec.Struct, frozen=True):
    """The model after a document, and what was odd about it."""

    model: RecordingModel
    deviations: tuple[Deviation, ...]


def apply_document(
    model: RecordingModel, document: told.MetadataDocument, labels: Labels, at: datetime
) -> Merge:
    """Merge one document, received at `at`, into the model."""
    draft = _Draft(model, document, labels, at)
    return Merge(draft.merged(), tuple(draft.deviations))


def close_all(model: RecordingModel, at: datetime) -> RecordingModel:
    """End everything that is still open, because the recording session is over (MRG-20)."""

    def ended(entities: Mapping[str, Entity]) -> dict[str, Entity]:
        return {key: value if value.ended else replace(value, ended=at) for key, value in entities.items()}

    stops = {session.id: session.stop_time for session in model.sessions.values()}
    sessions = {
        key: replace(value, recorded=close(value.recorded, value.stop_time, at))
        for key, value in ended(model.sessions).items()
    }
    memberships = {
        (who, session): replace(value, intervals=close(value.intervals, stops.get(session), at))
        for (who, session), value in model.memberships.items()
    }
    return replace(
        model,
        groups=ended(model.groups),
        sessions=sessions,
        participants=ended(model.participants),
        streams=ended(model.streams),
        memberships=memberships,
        flows={key: close(value, None, at) for key, value in model.flows.items()},
    )


class _Draft:
    """A model in the making: copies of its tables, changed element by element."""

    def __init__(
        self, model: RecordingModel, document: told.MetadataDocument, labels: Labels, at: datetime
    ) -> None:
        self.groups = dict(model.groups)
        self.sessions = dict(model.sessions)
        self.participants = dict(model.participants)
        self.streams = dict(model.streams)
        self.memberships = dict(model.memberships)
        self.flows = dict(model.flows)
        self.deviations: list[Deviation] = [deviations.metadata_note(text) for text in document.deviations]
        self._document = document
        self._complete = document.data_mode != "partial"
        self._first = not model.snapshot and not model.sessions and not model.participants
        self._snapshot = model.snapshot or self._complete
        self._labels = labels
        self._free = list(labels.unlabelled)
        self._at = at
        self._listed: set[tuple[str, object]] = set()
        self._defined: set[tuple[str, str]] = set()

    def merged(self) -> RecordingModel:
        document = self._document
        if not self._complete and self._first:
            self.deviations.append(deviations.partial_first())
        for group in document.groups:
            self._group(group)
        for session in document.sessions:
            self._session(session)
        for participant in document.participants:
            self._participant(participant)
        for stream in document.streams:
            self._stream(stream)
        self._associations()
        if self._complete:
            self._end_unlisted()
        self._note_conflicts()
        return RecordingModel(
            groups=self.groups,
            sessions=self.sessions,
            participants=self.participants,
            streams=self.streams,
            memberships=self.memberships,
            flows=self.flows,
            snapshot=self._snapshot,
        )

    def _associations(self) -> None:
        for association in self._document.session_associations:
            self._recorded(association)
        for membership in self._document.participant_session_associations:
            self._membership(membership)
        if self._complete:
            self._close_unlisted_memberships()
        self._close_stopped_sessions()
        for flow in _by_participant(self._document.participant_stream_associations):
            self._flow(flow)
        self._close_flows_of_the_gone()

    # ---- elements --------------------------------------------------------------------------------

    def _base(self, table: dict[str, Entity], key: str, nothing: Entity) -> tuple[Entity, Entity]:
        """What was known, and what a missing child falls back to: the same, or nothing if complete."""
        place = (type(nothing).__name__, key)
        if place in self._defined:
            self._note(deviations.listed_twice(place[0].lower(), key))
        self._defined.add(place)
        self._listed.add(place)
        old = table.get(key, nothing)
        return old, nothing if self._complete else old

    def _group(self, element: told.Group) -> None:
        _, base = self._base(self.groups, element.id, _NO_GROUP)
        self.groups[element.id] = Group(
            id=element.id,
            associate_time=element.associate_time or base.associate_time,
            disassociate_time=element.disassociate_time or base.disassociate_time,
            extensions=element.extensions or base.extensions,
        )

    def _session(self, element: told.Session) -> None:
        old, base = self._base(self.sessions, element.id, _NO_SESSION)
        self.sessions[element.id] = Session(
            id=element.id,
            sip_session_ids=element.sip_session_ids or base.sip_session_ids,
            reasons=element.reason or base.reasons,
            group_ref=element.group_ref or base.group_ref,
            start_time=element.start_time or base.start_time,
            stop_time=element.stop_time or base.stop_time,
            extensions=element.extensions or base.extensions,
            recorded=old.recorded or tell((), (None, None), self._at),
        )
        if element.group_ref:
            self._refer(self.groups, element.group_ref, Group)

    def _participant(self, element: told.Participant) -> None:
        _, base = self._base(self.participants, element.id, _NO_PARTICIPANT)
        names = tuple(Name(aor=item.aor, name=item.name, lang=item.lang) for item in element.name_ids)
        self.participants[element.id] = Participant(
            id=element.id,
            names=names or base.names,
            extensions=element.extensions or base.extensions,
            source=base.source,
        )

    def _stream(self, element: told.MediaStream) -> None:
        old, base = self._base(self.streams, element.id, _NO_STREAM)
        label = element.label if element.label is not None else base.label
        bindings = self._bind(element.id, old.bindings, element.label)
        self.streams[element.id] = Stream(
            id=element.id,
            session_id=element.session_id or base.session_id,
            label=label,
            content=self._content(bindings) or base.content,
            extensions=element.extensions or base.extensions,
            bindings=bindings,
        )
        if element.session_id:
            self._refer(self.sessions, element.session_id, Session)

    def _bind(self, stream: str, known: tuple[Binding, ...], label: str | None) -> tuple[Binding, ...]:
        """Resolve the label now: a later SDP may use the same text for another m-line (MDP-19)."""
        if label is None and known:
            return known
        mline = self._mline(stream, label)
        last = known[-1] if known else None
        if last is not None and (last.label, last.mline) == (label, mline):
            return known
        return (*known, Binding(label=label, mline=mline, since=self._at))

    def _content(self, bindings: tuple[Binding, ...]) -> str | None:
        """The content type of a stream stands in the SDP, not in the XML (RFC 7865 section 6.7.1)."""
        mline = bindings[-1].mline
        return self._labels.content.get(mline) if mline is not None else None

    def _mline(self, stream: str, label: str | None) -> int | None:
        if label is not None and label in self._labels.by_label:
            if self._labels.borrowed:
                self._note(deviations.labels_without_sdp())
            return self._labels.by_label[label]
        if self._free:
            mline = self._free.pop(0)
            self._note(deviations.bound_by_order(stream, mline))
            return mline
        if label is not None:
            self._note(deviations.label_unknown(label))
        return None

    # ---- associations ----------------------------------------------------------------------------

    def _recorded(self, element: told.SessionAssociation) -> None:
        session = self._refer(self.sessions, element.session_id, Session)
        times = (element.associate_time, element.disassociate_time)
        self.sessions[session.id] = replace(session, recorded=tell(session.recorded, times, self._at))

    def _membership(self, element: told.ParticipantSessionAssociation) -> None:
        key = (element.participant_id, element.session_id)
        self._refer(self.participants, element.participant_id, Participant)
        self._refer(self.sessions, element.session_id, Session)
        self._listed.add(("Membership", key))
        old = self.memberships.get(key, Membership())
        times = (element.associate_time, element.disassociate_time)
        kept = () if self._complete else old.params
        self.memberships[key] = Membership(
            intervals=tell(old.intervals, times, self._at), params=element.params or kept
        )

    def _flow(self, element: told.ParticipantStreamAssociation) -> None:
        who = element.participant_id
        self._refer(self.participants, who, Participant)
        gone = self._left_at(who) is not None
        self._flow_role(element, "send", gone=gone)
        self._flow_role(element, "recv", gone=gone)

    def _flow_role(self, element: told.ParticipantStreamAssociation, role: Role, *, gone: bool) -> None:
        who = element.participant_id
        times = (element.associate_time, element.disassociate_time)
        named = dict.fromkeys(element.send if role == "send" else element.recv)
        for stream in named:
            self._refer(self.streams, stream, Stream)
            old: Intervals = self.flows.get((who, stream, role), ())
            if times[1] is not None or (gone and not old):
                self.flows[who, stream, role] = tell(old, times, self._at)
            elif not gone:
                self.flows[who, stream, role] = hold_open(old, times[0], self._at)
            # Else: who has left can't begin to send again by a list that is merely repeated.
            self._listed.add(("Flow", (who, stream, role)))
        for key, intervals in self.flows.items():
            if key[0] == who and key[2] == role and key[1] not in named:
                self.flows[key] = close(intervals, times[1], self._at)

    # ---- what follows ----------------------------------------------------------------------------

    def _close_unlisted_memberships(self) -> None:
        """Before the flows, which depend on who has left."""
        for pair, membership in self.memberships.items():
            if ("Membership", pair) not in self._listed:
                intervals = close(membership.intervals, None, self._at)
                self.memberships[pair] = replace(membership, intervals=intervals)

    def _close_stopped_sessions(self) -> None:
        """A stop-time ends the part of every participant in that session (MRG-09)."""
        for session in self.sessions.values():
            if session.stop_time is None:
                continue
            recorded = close(session.recorded, session.stop_time, self._at)
            self.sessions[session.id] = replace(session, recorded=recorded)
            for key, membership in self.memberships.items():
                if key[1] == session.id:
                    intervals = close(membership.intervals, session.stop_time, self._at)
                    self.memberships[key] = replace(membership, intervals=intervals)

    def _left_at(self, who: str) -> datetime | None:
        """When a participant left its last session, if the SRC said so; None while it is in one."""
        return _end_of([value for key, value in self.memberships.items() if key[0] == who])

    def _close_flows_of_the_gone(self) -> None:
        """Who has left every session neither sends nor receives (MRG-10)."""
        some = {who for (who, _), value in self.memberships.items() if value.intervals and not value.open}
        if not some:
            return
        left = {who: self._left_at(who) for who in some}
        for key, intervals in self.flows.items():
            if (stop := left.get(key[0])) is not None:
                self.flows[key] = close(intervals, stop, self._at)

    def _end_unlisted(self) -> None:
        """A complete document is all there is: the rest is over, and stays in the archive (MRG-01)."""
        self._end_table(self.groups, Group)
        self._end_table(self.sessions, Session)
        self._end_table(self.participants, Participant)
        self._end_table(self.streams, Stream)
        for session in self.sessions.values():
            if session.ended is not None:
                recorded = close(session.recorded, session.stop_time, self._at)
                self.sessions[session.id] = replace(session, recorded=recorded)
        for flow, spans in self.flows.items():
            if ("Flow", flow) not in self._listed:
                self.flows[flow] = close(spans, None, self._at)

    def _end_table(self, table: dict[str, Entity], kind: type[Entity]) -> None:
        for key, entity in table.items():
            if entity.ended is None and (kind.__name__, key) not in self._listed:
                table[key] = replace(entity, ended=self._at)

    def _refer(self, table: dict[str, Entity], key: str, kind: type[Entity]) -> Entity:
        """The element with this id; one that is not known yet gets a place to be filled later (MRG-12)."""
        self._listed.add((kind.__name__, key))
        entity = table.get(key)
        if entity is None:
            entity = table[key] = kind(id=key, placeholder=True)
        elif entity.ended is not None:
            entity = table[key] = replace(entity, ended=None)
        return entity

    def _note(self, deviation: Deviation) -> None:
        if deviation not in self.deviations:
            self.deviations.append(deviation)

    def _note_conflicts(self) -> None:
        kinds: list[Iterable[str]] = [self.groups, self.sessions, self.participants, self.streams]
        seen: set[str] = set()
        for keys in kinds:
            for key in keys:
                if key in seen:
                    self._note(deviations.id_conflict(key))
            seen.update(keys)


def _end_of(memberships: Iterable[Membership]) -> datetime | None:
    """When the last of them ended, if the SRC said so; None while one is open."""
    told = [membership.intervals[-1] for membership in memberships if membership.intervals]
    if any(interval.open for interval in told):
        return None
    return max((interval.stop for interval in told if interval.stop), default=None)


def _by_participant(
    associations: Iterable[told.ParticipantStreamAssociation],
) -> Iterable[told.ParticipantStreamAssociation]:
    """One element for each participant; some SRCs write one for each stream, or send and recv apart."""
    whole: dict[str, told.ParticipantStreamAssociation] = {}
    for each in associations:
        first = whole.get(each.participant_id)
        if first is None:
            whole[each.participant_id] = each
            continue
        whole[each.participant_id] = replace(
            first,
            send=first.send + each.send,
            recv=first.recv + each.recv,
            associate_time=first.associate_time or each.associate_time,
            disassociate_time=first.disassociate_time or each.disassociate_time,
        )
    return whole.values()
