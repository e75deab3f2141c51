"""One function for each element type of RFC 7865 section 9."""

from __future__ import annotations

import re
from collections.abc import Iterable

from siprecord.syntax.metadata.fields import Context, Node, joined, key_of
from siprecord.syntax.metadata.model import (
    Group,
    MediaStream,
    NameId,
    Participant,
    ParticipantSessionAssociation,
    ParticipantStreamAssociation,
    Reason,
    Session,
    SessionAssociation,
)
from siprecord.syntax.metadata.xml import Element

_TIMED = frozenset({"associatetime", "disassociatetime"})
_SESSION = _TIMED | {"sipsessionid", "reason", "groupref", "starttime", "stoptime"}
_PARTICIPANT = _TIMED | {"nameid", "aor", "name", "send", "recv", "starttime", "stoptime"}
_STREAM = frozenset({"label"})
_PARTICIPANT_SESSION = _TIMED | {"param"}
_PARTICIPANT_STREAM = _TIMED | {"send", "recv"}
_SHORT = re.compile(r"[+-]?[0-9]{1,6}")


def read_group(element: Element, context: Context) -> Group:
    """`group`."""
    node = Node(element, _TIMED, context)
    start, stop, raw = node.times()
    return Group(
        id=node.id("group_id", "id"),
        associate_time=start,
        disassociate_time=stop,
        extensions=node.extensions,
        raw_times=raw,
    )


def read_session(element: Element, context: Context) -> tuple[Session, SessionAssociation | None]:
    """`session`, with the association that drafts put into it, if they did."""
    node = Node(element, _SESSION, context)
    start, stop, raw = node.times("starttime", "stoptime")
    session_id = node.id("session_id", "id", "session")
    session = Session(
        id=session_id,
        sip_session_ids=tuple(joined(each.text) for each in node.all("sipsessionid")),
        reason=tuple(_read_reason(each, context) for each in node.all("reason")),
        group_ref=joined(node.text("groupref") or node.attribute("group") or "") or None,
        start_time=start,
        stop_time=stop,
        extensions=node.extensions,
        raw_times=raw,
    )
    associated, left, raw = node.times()
    if not raw:
        return session, None
    context.note("a session has the times of its association, as in drafts (FLD-02)")
    return session, SessionAssociation(
        session_id=session_id, associate_time=associated, disassociate_time=left, raw_times=raw
    )


def read_participant(element: Element, context: Context) -> tuple[Participant, Node]:
    """`participant`, with the node in which drafts keep its associations (see the two readers below)."""
    node = Node(element, _PARTICIPANT, context)
    names = [_read_name_id(each, context) for each in node.all("nameid")]
    if "aor" in node or "name" in node:
        context.note("a participant has aor and name outside of nameID, as in drafts (FLD-02)")
        names.append(_with_name(node.text("aor") or "", node.all("name")))
    if not names:
        context.note("a participant has no nameID (RFC 7865 section 9)")
    participant = Participant(
        id=node.id("participant_id", "id"), name_ids=tuple(names), extensions=node.extensions
    )
    return participant, node


def draft_participant_session(
    participant: Participant, node: Node, context: Context
) -> ParticipantSessionAssociation | None:
    """The association of a draft's `<participant session="...">`."""
    session_id = joined(node.attribute("sessionid", "session") or "")
    if not session_id:
        return None
    context.note("a participant names its session, as in drafts (FLD-02)")
    names = ("associatetime", "disassociatetime") if "associatetime" in node else ("starttime", "stoptime")
    start, stop, raw = node.times(*names)
    return ParticipantSessionAssociation(
        participant_id=participant.id,
        session_id=session_id,
        associate_time=start,
        disassociate_time=stop,
        raw_times=raw,
    )


def draft_participant_stream(
    participant: Participant, node: Node, context: Context
) -> ParticipantStreamAssociation | None:
    """The association of a draft's `<participant>` that holds `send` or `recv`."""
    if "send" not in node and "recv" not in node:
        return None
    context.note("a participant holds send and recv, as in drafts (FLD-02)")
    return _stream_association(participant.id, node, ())


def read_stream(element: Element, context: Context) -> MediaStream:
    """`stream`."""
    node = Node(element, _STREAM, context)
    return MediaStream(
        id=node.id("stream_id", "id"),
        session_id=joined(node.attribute("sessionid", "session") or "") or None,
        label=node.text("label") or (node.attribute("label") or "").strip() or None,
        extensions=node.extensions,
    )


def read_session_association(element: Element, context: Context) -> SessionAssociation:
    """`sessionrecordingassoc`."""
    node = Node(element, _TIMED, context)
    start, stop, raw = node.times()
    return SessionAssociation(
        session_id=node.id("session_id", "session", "id"),
        associate_time=start,
        disassociate_time=stop,
        extensions=node.extensions,
        raw_times=raw,
    )


def read_participant_session(element: Element, context: Context) -> ParticipantSessionAssociation:
    """`participantsessionassoc`."""
    node = Node(element, _PARTICIPANT_SESSION, context)
    start, stop, raw = node.times()
    return ParticipantSessionAssociation(
        participant_id=node.id("participant_id", "participant"),
        session_id=node.id("session_id", "session"),
        associate_time=start,
        disassociate_time=stop,
        params=tuple(_read_param(each) for each in node.all("param")),
        extensions=node.extensions,
        raw_times=raw,
    )


def read_participant_stream(element: Element, context: Context) -> ParticipantStreamAssociation:
    """`participantstreamassoc`; the times may stand before or after the ids."""
    node = Node(element, _PARTICIPANT_STREAM, context)
    return _stream_association(node.id("participant_id", "participant"), node, node.extensions)


def _stream_association(
    participant_id: str, node: Node, extensions: tuple[str, ...]
) -> ParticipantStreamAssociation:
    start, stop, raw = node.times()
    return ParticipantStreamAssociation(
        participant_id=participant_id,
        send=_stream_ids(node.all("send")),
        recv=_stream_ids(node.all("recv")),
        associate_time=start,
        disassociate_time=stop,
        send_present="send" in node,
        recv_present="recv" in node,
        extensions=extensions,
        raw_times=raw,
    )


def _stream_ids(elements: Iterable[Element]) -> tuple[str, ...]:
    """The ids in send or recv, which drafts wrap in `id` elements once more."""
    ids: list[str] = []
    for element in elements:
        nested = [joined(child.text) for child in element.children]
        ids += [each for each in (nested or [joined(element.text)]) if each]
    return tuple(dict.fromkeys(ids))


def _read_reason(element: Element, context: Context) -> Reason:
    attributes = {key_of(name): value for name, value in element.attributes.items()}
    cause = attributes.get("cause", "").strip()
    if _SHORT.fullmatch(cause) is None:
        context.note("a reason has no numeric cause (RFC 7865 section 6.3.1)")
    return Reason(
        cause=int(cause) if _SHORT.fullmatch(cause) else None,
        protocol=attributes.get("protocol") or "SIP",
        text=element.text,
    )


def _read_name_id(element: Element, context: Context) -> NameId:
    attributes = {key_of(name): value for name, value in element.attributes.items()}
    aor = attributes.get("aor")
    if aor is None:
        context.note("a nameID has no aor attribute (RFC 7865 section 6.5.1)")
        aor = next((child.text for child in element.children if key_of(child.local) == "aor"), "")
    return _with_name(aor.strip(), [child for child in element.children if key_of(child.local) == "name"])


def _with_name(aor: str, names: list[Element]) -> NameId:
    if not names:
        return NameId(aor=aor)
    return NameId(aor=aor, name=names[0].text or None, lang=names[0].attributes.get("xml:lang"))


def _read_param(element: Element) -> tuple[str, str]:
    attributes = {key_of(name): value for name, value in element.attributes.items()}
    return attributes.get("pname", ""), attributes.get("pval", "")
