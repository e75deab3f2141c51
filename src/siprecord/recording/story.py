"""Stitches recordings into conversations: transfers, forks, failovers and conferences as one story.

Recordings belong together when they share an id that means one call in many systems, or when the same two
people are in both at nearly the same time. Each join says what it was decided from. Only facts of finished
recordings go in, so a story may be told again with more of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

LINKING = (
    "group", "session", "session-id", "ucid", "guid", "genesys-uuid", "global-session-id", "cisco-refci",
    "cisco-farend-guid", "correlation-id", "tracking-id", "gcid", "channel-uuid", "call-sid",
    "ac-session-id", "broadworks-call-id", "call-id",
)  # fmt: skip
"""Kinds of ids that join recordings, the strongest first."""
WEAK_PARTIES = 2
"""People that two recordings must share, where no id joins them. One is too few: an agent who takes one call
right after the other would make them one story."""
NEARBY = timedelta(seconds=30)
SHORTEST = 8
"""Characters of an id that may join recordings; ours. A client that counts its groups from 1 begins anew."""
_UUID = re.compile(r"[A-Za-z0-9+/]{22}==")

Key = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Chapter:
    """One recording as a part of a story. `parties` are address keys."""

    recording_id: str
    started: datetime
    ended: datetime | None = None
    keys: tuple[Key, ...] = ()
    parties: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Link:
    """Why two recordings are one story: the kind of id and the id, or "parties and time" and the people."""

    first: str
    second: str
    by: str
    value: str


@dataclass(frozen=True, slots=True)
class Conversation:
    """A story: its recordings in order of time, and what joins them."""

    chapters: tuple[Chapter, ...]
    links: tuple[Link, ...]

    @property
    def started(self) -> datetime:
        """When the first one began."""
        return self.chapters[0].started


def stitch(chapters: Iterable[Chapter]) -> list[Conversation]:
    """All stories, in order of time; a recording that belongs to no other is a story of its own."""
    ordered = sorted(chapters, key=lambda each: (each.started, each.recording_id))
    links = [*_by_key(ordered), *_by_parties(ordered)]
    leader = {each.recording_id: each.recording_id for each in ordered}
    kept = [link for link in links if _join(leader, link)]
    stories: dict[str, list[Chapter]] = {}
    for chapter in ordered:
        stories.setdefault(_lead(leader, chapter.recording_id), []).append(chapter)
    return [
        Conversation(
            tuple(parts),
            tuple(link for link in kept if _lead(leader, link.first) == name),
        )
        for name, parts in stories.items()
    ]


def strongest(keys: Iterable[Key]) -> Key | None:
    """The id that says most; None when none of them joins anything."""
    known = [key for key in keys if key[0] in LINKING]
    return min(known, key=lambda key: (LINKING.index(key[0]), key[1]), default=None)


def scoped_id(id: str, client: str) -> str:
    """An id of the metadata as it is known everywhere; empty when it is too short to mean anything.

    One that is no UUID means something to its client only.
    """
    if len(id) < SHORTEST:
        return ""
    return id if _UUID.fullmatch(id) else f"{client}/{id}"


def _by_key(ordered: list[Chapter]) -> list[Link]:
    holders: dict[Key, list[str]] = {}
    for chapter in ordered:
        for key in dict.fromkeys(chapter.keys):
            if key[0] in LINKING:
                holders.setdefault(key, []).append(chapter.recording_id)
    found = [
        Link(first, second, key[0], key[1])
        for key, holding in holders.items()
        for first, second in pairwise(holding)
    ]
    return sorted(found, key=lambda link: LINKING.index(link.by))


def _by_parties(ordered: list[Chapter]) -> list[Link]:
    """Each recording with the latest earlier one of the same people, if that is near in time."""
    last: dict[frozenset[str], Chapter] = {}
    found = []
    for chapter in ordered:
        if len(chapter.parties) < WEAK_PARTIES:
            continue
        before = last.get(chapter.parties)
        if before is not None and _near(before, chapter):
            people = ", ".join(sorted(chapter.parties))
            found.append(Link(before.recording_id, chapter.recording_id, "parties and time", people))
        last[chapter.parties] = chapter
    return found


def _near(before: Chapter, after: Chapter) -> bool:
    return after.started <= (before.ended or before.started) + NEARBY


def _lead(leader: dict[str, str], name: str) -> str:
    while leader[name] != name:
        leader[name] = leader[leader[name]]
        name = leader[name]
    return name


def _join(leader: dict[str, str], link: Link) -> bool:
    """True when the two were not in one story before."""
    first, second = _lead(leader, link.first), _lead(leader, link.second)
    leader[max(first, second)] = min(first, second)
    return first != second
