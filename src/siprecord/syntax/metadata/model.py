"""The recording metadata of RFC 7865 as values, one class for each element type of its schema.

Ids are opaque text, in any spelling a client likes. Times are aware UTC datetimes, or None where the text
could not be read; `raw_times` keeps each as (element name, text as received). `extensions` are whole elements
as XML text with the namespace declarations they need.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

NAMESPACE = "urn:ietf:params:xml:ns:recording:1"

RawTimes = tuple[tuple[str, str], ...]


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """A group of communication sessions (RFC 7865 section 6.2)."""

    id: str
    associate_time: datetime | None = None
    disassociate_time: datetime | None = None
    extensions: tuple[str, ...] = ()
    raw_times: RawTimes = ()


class Reason(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Why a session ended; `cause` is None where it is no number (RFC 7865 section 6.3.1)."""

    cause: int | None
    protocol: str = "SIP"
    text: str = ""


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """A communication session, the call that is recorded (RFC 7865 section 6.3)."""

    id: str
    sip_session_ids: tuple[str, ...] = ()
    reason: tuple[Reason, ...] = ()
    group_ref: str | None = None
    start_time: datetime | None = None
    stop_time: datetime | None = None
    extensions: tuple[str, ...] = ()
    raw_times: RawTimes = ()


class NameId(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An address of record, which need not be a URI, with the name and its language if given."""

    aor: str
    name: str | None = None
    lang: str | None = None


class Participant(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody, or something, in a session (RFC 7865 section 6.5)."""

    id: str
    name_ids: tuple[NameId, ...] = ()
    extensions: tuple[str, ...] = ()


class MediaStream(msgspec.Struct, frozen=True, kw_only=True):
    """A media stream; `label` ties it to an m-line of the SDP in the same message (RFC 7865 section 6.7).

    `content_type` is not in the XML: it comes from `a=content` of that m-line, so the parser leaves it None.
    """

    id: str
    session_id: str | None = None
    label: str | None = None
    content_type: str | None = None
    extensions: tuple[str, ...] = ()


class SessionAssociation(msgspec.Struct, frozen=True, kw_only=True):
    """`sessionrecordingassoc`: a session belongs to the recording (RFC 7865 section 6.4)."""

    session_id: str
    associate_time: datetime | None = None
    disassociate_time: datetime | None = None
    extensions: tuple[str, ...] = ()
    raw_times: RawTimes = ()


class ParticipantSessionAssociation(msgspec.Struct, frozen=True, kw_only=True):
    """`participantsessionassoc`: somebody is in a session. `params` are (pname, pval) pairs."""

    participant_id: str
    session_id: str
    associate_time: datetime | None = None
    disassociate_time: datetime | None = None
    params: tuple[tuple[str, str], ...] = ()
    extensions: tuple[str, ...] = ()
    raw_times: RawTimes = ()


class ParticipantStreamAssociation(msgspec.Struct, frozen=True, kw_only=True):
    """`participantstreamassoc`: the stream ids a participant sends and receives (RFC 7865 section 6.8).

    `send_present` and `recv_present` tell "not mentioned" from "mentioned with an empty id".
    """

    participant_id: str
    send: tuple[str, ...] = ()
    recv: tuple[str, ...] = ()
    associate_time: datetime | None = None
    disassociate_time: datetime | None = None
    send_present: bool = False
    recv_present: bool = False
    extensions: tuple[str, ...] = ()
    raw_times: RawTimes = ()


class MetadataDocument(msgspec.Struct, frozen=True, kw_only=True):
    """One metadata document, and in `deviations` what it does otherwise than RFC 7865 says.

    `request_snapshot` marks a `requestsnapshot` document, which only a recorder sends; `request_reason` is
    its text. `mode_present` is False where no mode was given and RFC 7865 section 5.1.2 makes it complete.
    `namespace` is that of the root, which tells one vendor from another.
    """

    data_mode: Literal["complete", "partial"] = "complete"
    groups: tuple[Group, ...] = ()
    sessions: tuple[Session, ...] = ()
    participants: tuple[Participant, ...] = ()
    streams: tuple[MediaStream, ...] = ()
    session_associations: tuple[SessionAssociation, ...] = ()
    participant_session_associations: tuple[ParticipantSessionAssociation, ...] = ()
    participant_stream_associations: tuple[ParticipantStreamAssociation, ...] = ()
    extensions: tuple[str, ...] = ()
    request_snapshot: bool = False
    request_reason: str | None = None
    mode_present: bool = True
    namespace: str = NAMESPACE
    deviations: tuple[str, ...] = ()
