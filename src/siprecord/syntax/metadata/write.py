"""The metadata model as a document that validates against the schema of RFC 7865 section 9."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol
from xml.sax.saxutils import escape, quoteattr

from siprecord.syntax.metadata.model import (
    NAMESPACE,
    MetadataDocument,
    Participant,
    ParticipantSessionAssociation,
    ParticipantStreamAssociation,
    Session,
)
from siprecord.syntax.metadata.times import write_time

_DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n'


def write_metadata(document: MetadataDocument) -> bytes:
    """The document in UTF-8, elements in the order of the schema.

    `extensions` are put in as they are: each must be one well-formed element, as `parse_metadata` gives them.
    """
    if document.request_snapshot:
        return write_snapshot_request(document.request_reason)
    rows = [f"<datamode>{document.data_mode}</datamode>"]
    for group in document.groups:
        rows.append(_element("group", {"group_id": group.id}, [*_times(group), *group.extensions]))
    rows += [_session(session) for session in document.sessions]
    rows += [_participant(participant) for participant in document.participants]
    for stream in document.streams:
        label = [] if stream.label is None else [_element("label", {}, [_text(stream.label)])]
        ids = {"stream_id": stream.id, "session_id": stream.session_id}
        rows.append(_element("stream", ids, [*label, *stream.extensions]))
    for association in document.session_associations:
        content = [*_times(association), *association.extensions]
        rows.append(_element("sessionrecordingassoc", {"session_id": association.session_id}, content))
    rows += [_participant_session(each) for each in document.participant_session_associations]
    rows += [_participant_stream(each) for each in document.participant_stream_associations]
    rows += document.extensions
    body = "\n".join(rows)
    return f'{_DECLARATION}<recording xmlns="{NAMESPACE}">\n{body}\n</recording>\n'.encode()


def write_snapshot_request(reason: str | None = None) -> bytes:
    """The body of the UPDATE by which a recorder asks for a complete document (RFC 7865 section 7)."""
    content = [] if reason is None else [_element("requestreason", {}, [_text(reason)])]
    return (_DECLARATION + _element("requestsnapshot", {"xmlns": NAMESPACE}, content) + "\n").encode()


def _session(session: Session) -> str:
    content = [_element("sipSessionID", {}, [_text(each)]) for each in session.sip_session_ids]
    for reason in session.reason:
        attributes = {"cause": str(reason.cause or 0), "protocol": reason.protocol}
        content.append(_element("reason", attributes, [_text(reason.text)]))
    if session.group_ref is not None:
        content.append(_element("group-ref", {}, [_text(session.group_ref)]))
    content += _time("start-time", session.start_time)
    content += _time("stop-time", session.stop_time)
    return _element("session", {"session_id": session.id}, [*content, *session.extensions])


def _participant(participant: Participant) -> str:
    content = []
    for each in participant.name_ids:
        name = [] if each.name is None else [_element("name", {"xml:lang": each.lang}, [_text(each.name)])]
        content.append(_element("nameID", {"aor": each.aor}, name))
    return _element("participant", {"participant_id": participant.id}, [*content, *participant.extensions])


def _participant_session(association: ParticipantSessionAssociation) -> str:
    ids = {"participant_id": association.participant_id, "session_id": association.session_id}
    params = [_element("param", {"pname": name, "pval": value}, []) for name, value in association.params]
    content = [*_times(association), *params, *association.extensions]
    return _element("participantsessionassoc", ids, content)


def _participant_stream(association: ParticipantStreamAssociation) -> str:
    content = [_element("send", {}, [_text(each)]) for each in association.send]
    content += [_element("recv", {}, [_text(each)]) for each in association.recv]
    content += [*_times(association), *association.extensions]
    return _element("participantstreamassoc", {"participant_id": association.participant_id}, content)


class _Timed(Protocol):
    """What has the two times of an association."""

    @property
    def associate_time(self) -> datetime | None: ...

    @property
    def disassociate_time(self) -> datetime | None: ...


def _times(item: _Timed) -> list[str]:
    associated = _time("associate-time", item.associate_time)
    return associated + _time("disassociate-time", item.disassociate_time)


def _time(name: str, time: datetime | None) -> list[str]:
    return [] if time is None else [_element(name, {}, [write_time(time)])]


def _text(text: str) -> str:
    # A bare carriage return would be read as a line feed (XML 1.0 section 2.11).
    return escape(text, {"\r": "&#13;"})


def _element(name: str, attributes: Mapping[str, str | None], content: Sequence[str]) -> str:
    written = "".join(f" {key}={quoteattr(value)}" for key, value in attributes.items() if value is not None)
    return f"<{name}{written}>{''.join(content)}</{name}>" if content else f"<{name}{written}/>"
