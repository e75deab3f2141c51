"""Finds the other recordings of a conversation among those of the days around it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from siprecord.recording.story import Chapter, Conversation, stitch

if TYPE_CHECKING:
    from siprecord.store import LocalStore

DAYS = timedelta(days=1)
MAX_RECORDINGS = 5000
"""Recordings that are looked at; ours. A library of more needs an index."""

Json = dict[str, Any]


def find_story(store: LocalStore, document: Mapping[str, Any]) -> Json:
    """What metadata.json says of the conversation, with the recordings it consists of and why."""
    own = dict(document.get("conversation") or {})
    chapter = chapter_of(document)
    if chapter is None:
        return own
    near = store.list(MAX_RECORDINGS, since=chapter.started - DAYS)
    found = [each for each in map(chapter_of, _documents(store, near)) if each is not None]
    others = [
        each
        for each in found
        if each.recording_id != chapter.recording_id and abs(each.started - chapter.started) <= DAYS
    ]
    story = next(each for each in stitch([chapter, *others]) if chapter in each.chapters)
    return {**own, "recordings": _rows(story), "joined_by": _links(story)}


def chapter_of(document: Mapping[str, Any]) -> Chapter | None:
    """A recording as a part of a story; None for one whose document is too old or too broken."""
    conversation = document.get("conversation")
    started = _time(document.get("started"))
    if not isinstance(conversation, dict) or started is None:
        return None
    keys = ((str(key.get("kind")), str(key.get("value"))) for key in conversation.get("keys") or ())
    return Chapter(
        recording_id=str(document.get("recording_id")),
        started=started,
        ended=_time(document.get("ended")),
        keys=tuple(keys),
        parties=frozenset(map(str, conversation.get("parties") or ())),
    )


def _documents(store: LocalStore, recordings: Iterable[Any]) -> Iterable[Json]:
    return (document for each in recordings if (document := store.load_metadata(each)) is not None)


def _rows(story: Conversation) -> list[Json]:
    return [
        {"recording_id": part.recording_id, "started": part.started.isoformat()} for part in story.chapters
    ]


def _links(story: Conversation) -> list[Json]:
    return [
        {"first": link.first, "second": link.second, "by": link.by, "value": link.value}
        for link in story.links
    ]


def _time(text: object) -> datetime | None:
    try:
        time = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return time if time.tzinfo is not None else None
