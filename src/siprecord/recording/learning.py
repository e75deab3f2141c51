"""What requests of any kind bring: SDP and metadata that are agreed on, and what was not said."""

from __future__ import annotations

from msgspec.structs import replace

from siprecord.recording import deviations
from siprecord.recording.commands import Answer, AppendEvent, ChangeDialog, Command, RequestSnapshot
from siprecord.recording.contents import Contents
from siprecord.recording.deviations import Deviation
from siprecord.recording.events import StreamsOpened, TakeoverReceived
from siprecord.recording.metadata_state import Labels
from siprecord.recording.model import Moment
from siprecord.recording.session_data import SessionData
from siprecord.recording.session_parts import Pending, State

SNAPSHOT_TYPES = ("application/rs-metadata+xml", "application/rs-metadata", "application/rs-metadata-request")
"""Content types of a snapshot request, best first (RFC 9806, RFC 7866, drafts)."""


def commit(session: SessionData, pending: Pending, opened: StreamsOpened, moment: Moment) -> list[Command]:
    """Streams first, since a pause must not wait; then what was learned; then the answer."""
    session.silence.start(moment.now)
    commitment = session.exchange.commit(pending.offer, pending.plan, opened)
    learned = session.knowledge.keep(pending.lesson, session.streams)
    noted = session.knowledge.note(*commitment.deviations, *_exposed_keys(session))
    answer = Answer(pending.transaction, commitment.answer)
    moved = change_dialog(session, pending.takeover) if pending.takeover is not None else []
    return [*commitment.commands, *learned, *noted, answer, *moved, *ask_for_snapshot(session)]


def change_dialog(session: SessionData, event: TakeoverReceived) -> list[Command]:
    """The session goes on in another dialog, whose 200 has just been sent."""
    before, session.identity = session.identity, event.identity
    session.state = State.ANSWERED
    fields = {
        "call_id": event.identity.call_id,
        "source": event.identity.source,
        "transport": event.identity.transport,
        "replaced": before.call_id if before is not None else None,
    }
    return [AppendEvent("dialog.replaced", fields), ChangeDialog(event.transaction, event.flow)]


def _exposed_keys(session: SessionData) -> list[Deviation]:
    """SRTP keys that came where anybody could read them."""
    transport = session.identity.transport if session.identity is not None else ""
    protected = any(stream.security is not None for stream in session.streams.values())
    return [deviations.keys_in_the_open(transport)] if protected and transport in ("udp", "tcp") else []


def learn(session: SessionData, contents: Contents, carried_by: str, moment: Moment) -> list[Command]:
    """Take in what came without SDP. Its labels are those of the SDP before it (CONFORMANCE MDP-20)."""
    lesson = session.knowledge.read(contents, carried_by, _current_labels(session), moment.wall)
    return [*session.knowledge.keep(lesson, session.streams), *ask_for_snapshot(session)]


def _current_labels(session: SessionData) -> Labels:
    bound = {stream.mline for stream in session.knowledge.told.streams.values() if stream.ended is None}
    labels = session.exchange.labels
    free = tuple(mline for mline in labels.unlabelled if mline not in bound)
    return replace(labels, unlabelled=free, borrowed=True)


def ask_for_snapshot(session: SessionData) -> list[Command]:
    """Once, and only where a partial document has nothing to build on (CONFORMANCE MDP-08, MDP-15,
    MDP-16).
    """
    identity = session.identity
    wanted = session.settings.request_snapshots and session.knowledge.needs_snapshot
    if session.marks.snapshot_asked or not wanted or session.state is not State.ACTIVE or identity is None:
        return []
    if not identity.allows_update:
        return []
    session.marks.snapshot_asked = True
    listed = (kind for kind in SNAPSHOT_TYPES if kind in identity.accepts)
    return [RequestSnapshot(next(listed, SNAPSHOT_TYPES[0]))]


def note_unconfirmed(session: SessionData, method: str, confirmed: bool) -> list[Command]:
    """Note a request within the session that nothing confirms as one of SIPREC."""
    if confirmed:
        return []
    return list(session.knowledge.note(deviations.confirmation_missing(method)))
