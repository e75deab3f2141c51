"""The model as the JSON object of a `session.model` event in the capture log."""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache

from siprecord.recording.model import (
    Group,
    Interval,
    Intervals,
    Membership,
    Participant,
    RecordingModel,
    Role,
    Session,
    Stream,
)

Json = dict[str, object]


def model_fields(model: RecordingModel) -> Json:
    """The whole model, ended parts included.

    `participants` of a stream are all who ever sent on it, `sending` those who do now. Times are UTC in ISO
    form, or missing; an interval holds the SRC's `start` and `stop` and our own `seen` and `unseen`.
    """
    memberships: dict[str, list[tuple[str, Membership]]] = {}
    for (who, session), membership in model.memberships.items():
        memberships.setdefault(who, []).append((session, membership))
    flows: dict[str, list[tuple[str, Role, Intervals]]] = {}
    for (who, stream, role), intervals in model.flows.items():
        flows.setdefault(stream, []).append((who, role, intervals))
    return {
        "complete": model.snapshot,
        "groups": [_group(group) for group in model.groups.values()],
        "sessions": [_session(session) for session in model.sessions.values()],
        "participants": [
            _participant(each, memberships.get(each.id, [])) for each in model.participants.values()
        ],
        "streams": [_stream(each, flows.get(each.id, [])) for each in model.streams.values()],
    }


def _group(group: Group) -> Json:
    return _told(
        id=group.id,
        associate_time=_iso(group.associate_time),
        disassociate_time=_iso(group.disassociate_time),
        extensions=list(group.extensions),
        ended=_iso(group.ended),
    )


def _session(session: Session) -> Json:
    return _told(
        id=session.id,
        sip_session_ids=list(session.sip_session_ids),
        reasons=[
            _told(cause=reason.cause, protocol=reason.protocol, text=reason.text or None)
            for reason in session.reasons
        ],
        group=session.group_ref,
        start_time=_iso(session.start_time),
        stop_time=_iso(session.stop_time),
        recorded=_intervals(session.recorded),
        extensions=list(session.extensions),
        ended=_iso(session.ended),
    )


def _participant(participant: Participant, memberships: list[tuple[str, Membership]]) -> Json:
    first = participant.names[0] if participant.names else None
    return _told(
        id=participant.id,
        aor=first.aor if first else None,
        name=first.name if first else None,
        names=[_told(aor=name.aor, name=name.name, lang=name.lang) for name in participant.names],
        sessions=[
            {"session_id": session, "intervals": _intervals(membership.intervals)}
            for session, membership in memberships
        ],
        source=participant.source,
        extensions=list(participant.extensions),
        ended=_iso(participant.ended),
    )


def _stream(stream: Stream, flows: list[tuple[str, Role, Intervals]]) -> Json:
    senders = [(who, intervals) for who, role, intervals in flows if role == "send"]
    return _told(
        label=stream.label,
        stream_id=stream.id,
        session_id=stream.session_id,
        mline=stream.mline,
        content=stream.content,
        participants=[who for who, _ in senders],
        sending=[who for who, intervals in senders if intervals[-1].open],
        flows=[
            {"participant": who, "role": role, "intervals": _intervals(intervals)}
            for who, role, intervals in flows
        ],
        bindings=[
            {"label": binding.label, "mline": binding.mline, "since": _iso(binding.since)}
            for binding in stream.bindings
        ],
        extensions=list(stream.extensions),
        ended=_iso(stream.ended),
    )


def _intervals(intervals: Intervals) -> list[Json]:
    return [_span(span) for span in intervals]


def _span(span: Interval) -> Json:
    """The part of the model there is most of: most spans have no more than one or two of the four times."""
    told: Json = {}
    if span.start is not None:
        told["start"] = _iso(span.start)
    if span.stop is not None:
        told["stop"] = _iso(span.stop)
    told["seen"] = _iso(span.seen)
    if span.unseen is not None:
        told["unseen"] = _iso(span.unseen)
    return told


@lru_cache(maxsize=4096)
def _iso(time: datetime | None) -> str | None:
    return time.isoformat() if time is not None else None


def _told(**fields: object) -> Json:
    """Leave out what is not known."""
    return {name: value for name, value in fields.items() if value is not None and value != []}
