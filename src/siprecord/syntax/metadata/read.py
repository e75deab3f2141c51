"""An XML document to the metadata model: RFC 7865, its drafts, and what vendors made of either.

Elements and attributes are matched by local name without regard to case, hyphens and underscores. Drafts
wrote `id` and `session` for the ids, put `send`, `recv` and times into `participant` itself, and named the
root `recording_metadata`; both forms give the same model. What has no known name, or stands in another
namespace, is kept as an extension of its parent. Broken XML and a foreign root are errors; all else that is
odd is a deviation.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, tzinfo
from typing import Literal

from siprecord.errors import ParseError
from siprecord.syntax.limits import DEFAULT_LIMITS, Limits
from siprecord.syntax.metadata.elements import (
    draft_participant_session,
    draft_participant_stream,
    read_group,
    read_participant,
    read_participant_session,
    read_participant_stream,
    read_session,
    read_session_association,
    read_stream,
)
from siprecord.syntax.metadata.fields import Context, Extension, Node, key_of
from siprecord.syntax.metadata.model import (
    NAMESPACE,
    Group,
    MediaStream,
    MetadataDocument,
    Participant,
    Session,
)
from siprecord.syntax.metadata.xml import Element, read_xml

_ROOTS = frozenset({"recording", "recordingmetadata", "requestsnapshot"})
_MODEL = frozenset(
    {"group", "session", "participant", "stream"}
    | {"sessionrecordingassoc", "participantsessionassoc", "participantstreamassoc"}
)
_Named = Group | Session | Participant | MediaStream
_DOCUMENT = _MODEL | {"datamode", "requestreason"}


def parse_metadata(
    data: bytes, limits: Limits = DEFAULT_LIMITS, *, charset: str | None = None, zone: tzinfo = UTC
) -> MetadataDocument:
    """Read a metadata document.

    `charset` is that of Content-Type, `zone` holds for times without one. Raises `ParseError` when the bytes
    are over the limits, are no XML, have a DOCTYPE or another root; they are worth keeping all the same.
    """
    document, _ = read_metadata(data, limits, charset=charset, zone=zone)
    return document


def read_metadata(
    data: bytes, limits: Limits = DEFAULT_LIMITS, *, charset: str | None = None, zone: tzinfo = UTC
) -> tuple[MetadataDocument, Sequence[Extension]]:
    """As `parse_metadata`, with the extensions as elements too, for those who look into them."""
    deviations: list[str] = []
    root = read_xml(data, limits, charset, deviations)
    context = Context(root, limits, zone, deviations)
    node = Node(root, _DOCUMENT, context)
    if key_of(root.local) not in _ROOTS and not any(key in node for key in _MODEL):
        raise ParseError(f"the document is no recording metadata: its root is {root.local[:40]!r}")
    node.file("")
    return _document(node, context), context.extensions


def _document(node: Node, context: Context) -> MetadataDocument:
    _judge_root(node.element, context)
    mode, present = _mode(node, context)
    groups = [read_group(each, context) for each in node.all("group")]
    sessions = [read_session(each, context) for each in node.all("session")]
    participants = [read_participant(each, context) for each in node.all("participant")]
    in_sessions = [draft_participant_session(*each, context) for each in participants]
    in_streams = [draft_participant_stream(*each, context) for each in participants]
    streams = [read_stream(each, context) for each in node.all("stream")]
    recorded = [read_session_association(each, context) for each in node.all("sessionrecordingassoc")]
    memberships = [read_participant_session(each, context) for each in node.all("participantsessionassoc")]
    flows = [read_participant_stream(each, context) for each in node.all("participantstreamassoc")]
    people = [participant for participant, _ in participants]
    _judge_ids((groups, [session for session, _ in sessions], people, streams), context)
    return MetadataDocument(
        data_mode=mode,
        groups=tuple(groups),
        sessions=tuple([session for session, _ in sessions]),
        participants=tuple(people),
        streams=tuple(streams),
        session_associations=(*[each for _, each in sessions if each], *recorded),
        participant_session_associations=(*[each for each in in_sessions if each], *memberships),
        participant_stream_associations=(*[each for each in in_streams if each], *flows),
        extensions=node.extensions,
        request_snapshot=key_of(node.element.local) == "requestsnapshot",
        request_reason=node.text("requestreason"),
        mode_present=present,
        namespace=node.element.namespace,
        deviations=context.deviations,
    )


def _mode(node: Node, context: Context) -> tuple[Literal["complete", "partial"], bool]:
    """No mode means complete (RFC 7865 section 5.1.2): such a document must never be merged as partial."""
    if "datamode" not in node:
        return "complete", False
    text = (node.text("datamode") or "").lower()
    if text == "partial":
        return "partial", True
    if text != "complete":
        context.note(f"datamode is {text[:20]!r}, taken as complete (RFC 7865 section 5.1.2)")
    return "complete", True


def _judge_root(root: Element, context: Context) -> None:
    if root.namespace != NAMESPACE:
        context.note(f"the namespace is {root.namespace[:80]!r} (RFC 7865 section 6.11, Q43)")
    if root.local not in {"recording", "requestsnapshot"}:
        context.note(f"the root is {root.local[:40]!r} (RFC 7865 section 5.1.2, Q43)")


def _judge_ids(elements: Iterable[Sequence[_Named]], context: Context) -> None:
    """RFC 7865 section 6.10: one id may not name two elements of different kinds at one time."""
    seen: dict[str, type] = {}
    for items in elements:
        for item in items:
            if item.id and seen.setdefault(item.id, type(item)) is not type(item):
                text = f"two kinds of elements share the id {item.id[:60]!r} (RFC 7865 section 6.10)"
                context.note(text)
