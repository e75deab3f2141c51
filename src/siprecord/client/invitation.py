"""The INVITE of a recording client: an SDP offer, and RFC 7865 metadata about who sends which stream."""

from __future__ import annotations

import base64
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from siprecord.client.codecs import CODECS
from siprecord.client.plan import CallPlan, Party
from siprecord.protocol import Flow, InviteSpec
from siprecord.syntax.metadata import (
    MediaStream,
    MetadataDocument,
    NameId,
    Participant,
    ParticipantSessionAssociation,
    ParticipantStreamAssociation,
    Session,
    SessionAssociation,
    write_metadata,
)
from siprecord.syntax.multipart import METADATA_TYPE, SDP_TYPE, Part, build_multipart
from siprecord.syntax.sdp import (
    Attribute,
    Connection,
    CryptoLine,
    Direction,
    MediaDescription,
    Origin,
    SessionDescription,
    SrtpKeys,
)
from siprecord.syntax.sip import MediaType, SipUri, format_host_port

HEADERS = (
    ("Require", "siprec"),
    # RFC 7866 section 6.1.2: a client must take the recorder's requests for metadata.
    ("Accept", "application/sdp, application/rs-metadata-request"),
)


@dataclass(frozen=True, slots=True)
class Line:
    """One stream to offer: its party, its label, our port for it, and its key."""

    party: Party
    label: str
    port: int
    crypto: CryptoLine | None = None
    """Our key, of a protected stream."""


def lines_of(plan: CallPlan, ports: Sequence[int], random: Callable[[int], bytes]) -> tuple[Line, ...]:
    """The streams of a call, labelled 1, 2, ... `random` makes their keys."""
    pairs = enumerate(zip(plan.parties, ports, strict=True), start=1)
    return tuple(
        Line(party, str(number), port, _crypto(plan.srtp, random)) for number, (party, port) in pairs
    )


def _crypto(suite: str | None, random: Callable[[int], bytes]) -> CryptoLine | None:
    if suite is None:
        return None
    return CryptoLine(tag=1, suite=suite, keys=(SrtpKeys.generate(suite, random),))


def build_invite(uri: str, call_id: str, lines: Sequence[Line], flow: Flow, now: datetime) -> InviteSpec:
    """The INVITE with both bodies; `now` is when the conversation began."""
    content_type, body = _body(build_offer(lines, flow.local[0], _number()), build_metadata(lines, now))
    called = SipUri.parse(uri)
    return InviteSpec(
        request_uri=uri,
        from_=f"<sip:src@{format_host_port(flow.local[0], None)}>",
        # A To header has neither port nor parameters (RFC 3261 section 19.1.1).
        to=f"<{SipUri(called.scheme, called.user, None, called.host)}>",
        flow=flow,
        headers=HEADERS,
        content_type=content_type,
        body=body,
        call_id=call_id,
    )


def build_offer(lines: Sequence[Line], host: str, session_id: int) -> SessionDescription:
    """One send-only m-line for each stream (RFC 7866 section 7.1.1)."""
    kind = "IP6" if ":" in host else "IP4"
    return SessionDescription(
        origin=Origin(
            username="src", session_id=str(session_id), version="1", address_type=kind, address=host
        ),
        connection=Connection(address_type=kind, address=host),
        media=tuple(_media(line) for line in lines),
    )


def _media(line: Line) -> MediaDescription:
    codec = CODECS[line.party.codec]
    number = codec.payload_type
    return MediaDescription(
        kind="audio",
        port=line.port,
        protocol="RTP/AVP" if line.crypto is None else "RTP/SAVP",
        formats=(str(number),),
        attributes=(
            Attribute("label", line.label),
            Attribute("rtpmap", f"{number} {codec.encoding}"),
            *((Attribute("fmtp", f"{number} {codec.fmtp}"),) if codec.fmtp else ()),
            Attribute("ptime", "20"),
            Attribute(Direction.SENDONLY),
            *(() if line.crypto is None else (Attribute("crypto", str(line.crypto)),)),
        ),
    )


def build_metadata(lines: Sequence[Line], now: datetime) -> MetadataDocument:
    """One session; each party sends its own stream and hears those of the others."""
    session = _id()
    people = [_id() for _ in lines]
    streams = [_id() for _ in lines]
    return MetadataDocument(
        sessions=(Session(id=session, start_time=now),),
        participants=tuple(map(_participant, people, lines)),
        streams=tuple(
            MediaStream(id=stream, session_id=session, label=line.label)
            for stream, line in zip(streams, lines, strict=True)
        ),
        session_associations=(SessionAssociation(session_id=session, associate_time=now),),
        participant_session_associations=tuple(
            ParticipantSessionAssociation(participant_id=person, session_id=session, associate_time=now)
            for person in people
        ),
        participant_stream_associations=tuple(
            ParticipantStreamAssociation(
                participant_id=person,
                send=(own,),
                recv=tuple(stream for stream in streams if stream != own),
                associate_time=now,
                send_present=True,
                recv_present=True,
            )
            for person, own in zip(people, streams, strict=True)
        ),
    )


def _participant(id: str, line: Line) -> Participant:
    return Participant(id=id, name_ids=(NameId(aor=line.party.aor, name=line.party.name),))


def _body(offer: SessionDescription, metadata: MetadataDocument) -> tuple[str, bytes]:
    parts = (
        Part(content_type=MediaType.parse(SDP_TYPE), body=offer.to_bytes()),
        Part(
            content_type=MediaType.parse(METADATA_TYPE),
            disposition="recording-session",
            body=write_metadata(metadata),
        ),
    )
    return build_multipart(parts, f"siprecord-{uuid.uuid4().hex}")


def _id() -> str:
    """An identifier as RFC 7865 section 6 wants it: a UUID in base64."""
    return base64.b64encode(uuid.uuid4().bytes).decode()


def _number() -> int:
    return uuid.uuid4().int % 2**53


def utc_now() -> datetime:
    """The wall clock."""
    return datetime.now(UTC)
