"""Offer and answer for a recorder, which only receives (RFC 3264, RFC 7866 section 7.2).

Two rules. The answer has one m-line for each offered, in order, whatever we think of it; a refused one has
port 0. And the description is ours: own origin, own address, a version that rises only on a change.

What to accept is decided elsewhere and comes in as an `AnswerPlan`; `accepted_formats` is the usual way.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import lru_cache

import msgspec
from msgspec.structs import replace

from siprecord.syntax.sdp import (
    KINDS_REMEMBERED,
    Attribute,
    Coding,
    Connection,
    Direction,
    MediaDescription,
    Origin,
    SessionDescription,
)

RECORDABLE_PROFILES = frozenset({"RTP/AVP", "RTP/AVPF", "RTP/SAVP", "RTP/SAVPF"})
"""Profiles that we can read, those with SRTP if its keys are in the SDP. Keys by DTLS are not supported."""

UNRECORDABLE_ENCODINGS = frozenset({"RED", "ULPFEC", "PARITYFEC", "FLEXFEC-03", "RTX", "RTPLOOPBACK"})
"""Wrappers and repair streams: they hold no media of their own that a reader of the log could use."""

_AUXILIARY_ENCODINGS = frozenset({"TELEPHONE-EVENT", "TONE", "CN"})
_DEFAULT_EVENTS = "0-15"  # RFC 4733 section 2.4.1


class MediaAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What to answer to one m-line. Port 0 (the default) refuses it.

    `formats` are those accepted, in any order; the offer's order is used. `ready` False answers inactive.
    `address` overrides the plan's. `rtcp_port` is written as a=rtcp when set; `rtcp_mux` is written only if
    it was offered. `attributes` are added as they are (keys, for example).
    """

    port: int = 0
    formats: tuple[str, ...] = ()
    ready: bool = True
    address: str | None = None
    rtcp_port: int | None = None
    rtcp_mux: bool = False
    attributes: tuple[Attribute, ...] = ()


class AnswerPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What to answer to an offer: one `MediaAnswer` for each m-line, in order; those missing are refused.

    `address` is the one we advertise (IPv4, IPv6 or a name). `session_id` identifies our description in `o=`
    and is used for the first one; later ones continue `previous`, the last description we sent.
    """

    address: str
    session_id: int
    media: tuple[MediaAnswer, ...] = ()
    previous: SessionDescription | None = None


def answer_offer(offer: SessionDescription, plan: AnswerPlan) -> SessionDescription:
    """The answer to an offer (RFC 3264 section 6); `plan.previous` itself when nothing changed."""
    answers = plan.media + (MediaAnswer(),) * (len(offer.media) - len(plan.media))
    media = tuple(_answer_media(each, answer) for each, answer in zip(offer.media, answers, strict=False))
    answer = SessionDescription(
        origin=_origin(plan), connection=_connection(plan.address), timing=offer.timing, media=media
    )
    return _with_version(answer, plan.previous)


def offer_again(current: SessionDescription, paused: Collection[int] = ()) -> SessionDescription:
    """Our offer to a re-INVITE that brought none: the m-lines of `current`, our last description.

    It says what we want, recvonly, not the inactive we were made to answer before (RFC 6337 section 5.3),
    save for the m-lines whose index is in `paused`. It adds nothing (RFC 7866 section 7.2).
    """
    media = tuple(
        _redirected(each, Direction.INACTIVE if index in paused else Direction.RECVONLY)
        for index, each in enumerate(current.media)
    )
    return _with_version(replace(current, media=media), current)


def answer_direction(media: MediaDescription, *, ready: bool) -> Direction:
    """What a recorder answers: recvonly to a client that sends, inactive to all else or when not ready."""
    sends = media.direction in (Direction.SENDONLY, Direction.SENDRECV)
    return Direction.RECVONLY if sends and ready else Direction.INACTIVE


def accepted_formats(
    media: MediaDescription,
    *,
    kinds: Collection[str] = ("audio",),
    profiles: Collection[str] = RECORDABLE_PROFILES,
    refused: Collection[str] = UNRECORDABLE_ENCODINGS,
) -> tuple[str, ...]:
    """The formats of an offered m-line that can be recorded, in its order; none means: refuse the m-line.

    Any encoding with a name can be recorded, since packets are stored as they come; `refused` names the
    exceptions in upper case. Comfort noise and telephone events alone are nothing to record.
    """
    if media.port == 0 or media.kind.lower() not in kinds or media.protocol.upper() not in profiles:
        return ()
    maps = media.coding.codecs()
    accepted = tuple(name for name in media.formats if name in maps and maps[name].name not in refused)
    if all(maps[name].name in _AUXILIARY_ENCODINGS for name in accepted):
        return ()
    return accepted


def drops_media(previous: SessionDescription, offer: SessionDescription) -> bool:
    """Whether an offer has fewer m-lines than the session, which RFC 3264 section 8 forbids (488)."""
    return len(offer.media) < len(previous.media)


def _answer_media(offered: MediaDescription, answer: MediaAnswer) -> MediaDescription:
    wanted = frozenset(answer.formats)
    formats = tuple(dict.fromkeys(name for name in offered.formats if name in wanted))
    label = tuple(each for each in offered.attributes if each.name == "label")[:1]
    if offered.port == 0 or answer.port == 0 or not formats:
        return MediaDescription(
            kind=offered.kind, port=0, protocol=offered.protocol, formats=offered.formats, attributes=label
        )
    direction = answer_direction(offered, ready=answer.ready)
    return MediaDescription(
        kind=offered.kind,
        port=answer.port,
        protocol=offered.protocol,
        formats=formats,
        connection=_connection(answer.address) if answer.address else None,
        attributes=(
            *_known_attributes(formats, offered.coding),
            Attribute(direction.value),
            *label,
            *_rtcp_attributes(offered, answer),
            *answer.attributes,
        ),
    )


def _known_attributes(formats: tuple[str, ...], coding: Coding) -> tuple[Attribute, ...]:
    return _remembered(formats, coding) if coding.short else _format_attributes(formats, coding)


def _format_attributes(formats: tuple[str, ...], coding: Coding) -> tuple[Attribute, ...]:
    """rtpmap and fmtp of what is accepted; parameters that configure a format go back unchanged."""
    maps = coding.codecs()
    parameters = coding.parameters()
    attributes: list[Attribute] = []
    for name in formats:
        if name not in maps:
            continue
        attributes.append(Attribute("rtpmap", f"{name} {maps[name]}"))
        is_event = maps[name].name == "TELEPHONE-EVENT"
        text = parameters.get(int(name)) or (_DEFAULT_EVENTS if is_event else "")
        if text:
            attributes.append(Attribute("fmtp", f"{name} {text}"))
    return tuple(attributes)


_remembered = lru_cache(maxsize=KINDS_REMEMBERED)(_format_attributes)


def _rtcp_attributes(offered: MediaDescription, answer: MediaAnswer) -> list[Attribute]:
    attributes: list[Attribute] = []
    if answer.rtcp_port is not None:
        attributes.append(Attribute("rtcp", str(answer.rtcp_port)))
    if answer.rtcp_mux and offered.rtcp_mux:
        attributes.append(Attribute("rtcp-mux"))
    return attributes


def _redirected(media: MediaDescription, direction: Direction) -> MediaDescription:
    """The m-line with another direction in the place of its own; a refused one stays as it is."""
    if media.port == 0:
        return media
    directions = frozenset(Direction)
    attributes = tuple(
        Attribute(direction.value) if each.name in directions else each for each in media.attributes
    )
    if not any(each.name in directions for each in media.attributes):
        attributes += (Attribute(direction.value),)
    return replace(media, attributes=attributes)


def _origin(plan: AnswerPlan) -> Origin:
    if plan.previous is not None:
        return plan.previous.origin
    address = _connection(plan.address)
    return Origin(
        session_id=str(plan.session_id),
        version="1",
        address_type=address.address_type,
        address=address.address,
    )


def _with_version(description: SessionDescription, previous: SessionDescription | None) -> SessionDescription:
    """RFC 3264 section 8: the version rises by one when anything changed, else the text is the same."""
    if previous is None:
        return description
    same = replace(description, origin=previous.origin)
    if same.to_bytes() == previous.to_bytes():
        return previous
    version = str(int(previous.origin.version) + 1)
    return replace(description, origin=replace(previous.origin, version=version))


def _connection(address: str) -> Connection:
    return Connection(address_type="IP6" if ":" in address else "IP4", address=address)
