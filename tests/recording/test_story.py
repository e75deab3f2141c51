"""Which recordings are one conversation, and why."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from siprecord.recording.story import Chapter, Conversation, scoped_id, stitch, strongest

START = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)


def chapter(name: str, at: float, *keys: tuple[str, str], people: str = "", seconds: float = 60) -> Chapter:
    began = START + timedelta(seconds=at)
    return Chapter(
        recording_id=name,
        started=began,
        ended=began + timedelta(seconds=seconds),
        keys=keys,
        parties=frozenset(people.split()),
    )


def names(stories: list[Conversation]) -> list[list[str]]:
    return [[part.recording_id for part in story.chapters] for story in stories]


@pytest.mark.parametrize("kind", ["group", "session-id", "ucid", "guid", "genesys-uuid", "cisco-refci"])
def test_Q58_ARCH_02_one_id_is_one_story(kind: str) -> None:
    (story,) = stitch([chapter("b", 100, (kind, "7")), chapter("a", 0, (kind, "7"))])
    assert [part.recording_id for part in story.chapters] == ["a", "b"]
    assert [(link.by, link.value) for link in story.links] == [(kind, "7")]


def test_Q58_a_transfer_is_chained_by_different_ids() -> None:
    first = chapter("1", 0, ("session-id", "x"))
    second = chapter("2", 60, ("session-id", "x"), ("ucid", "9"))
    third = chapter("3", 120, ("ucid", "9"))
    assert names(stitch([third, first, second])) == [["1", "2", "3"]]


def test_Q57_reusable_values_join_nothing() -> None:
    assert len(stitch([chapter("1", 0, ("label", "1")), chapter("2", 5, ("label", "1"))])) == 2


def test_ARCH_03_the_same_people_shortly_after_go_on() -> None:
    story = stitch([chapter("1", 0, people="100 200"), chapter("2", 65, people="200 100")])
    assert names(story) == [["1", "2"]]
    assert story[0].links[0].by == "parties and time"
    assert story[0].links[0].value == "100, 200"


def test_the_same_people_later_have_another_conversation() -> None:
    assert len(stitch([chapter("1", 0, people="100 200"), chapter("2", 600, people="100 200")])) == 2


def test_one_person_in_common_is_not_enough() -> None:
    assert len(stitch([chapter("1", 0, people="100 200"), chapter("2", 61, people="100 300")])) == 2


def test_the_strongest_id_names_a_story() -> None:
    assert strongest([("call-id", "a"), ("ucid", "1"), ("group", "g"), ("colour", "red")]) == ("group", "g")
    assert strongest([("colour", "red")]) is None


PARTS = st.lists(st.tuples(st.integers(0, 300), st.sampled_from("abc"), st.sampled_from("xyz")), max_size=12)


@given(PARTS, st.randoms())
def test_every_recording_is_told_once_whatever_the_order(
    parts: list[tuple[int, str, str]], random: object
) -> None:
    chapters = [
        chapter(str(number), at, ("ucid", ucid), ("guid", guid))
        for number, (at, ucid, guid) in enumerate(parts)
    ]
    told = names(stitch(chapters))
    assert sorted(name for story in told for name in story) == sorted(each.recording_id for each in chapters)
    assert told == names(stitch(list(reversed(chapters))))


@pytest.mark.parametrize(
    ("id", "scoped"),
    [
        ("1", ""),
        ("session-0001", "192.0.2.7/session-0001"),
        ("7+OTCyoxTmqmqyA/1weDAg==", "7+OTCyoxTmqmqyA/1weDAg=="),
    ],
)
def test_an_id_that_is_no_uuid_means_something_to_its_client_only(id: str, scoped: str) -> None:
    assert scoped_id(id, "192.0.2.7") == scoped
