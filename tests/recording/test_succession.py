"""What a new INVITE has to do with recordings there are, here or on another node."""

from __future__ import annotations

from typing import Any

import pytest

from siprecord.recording.refusal import Refusal
from siprecord.recording.succession import (
    SILENT_S,
    Candidate,
    Continuation,
    Newcomer,
    Takeover,
    find_predecessor,
)

UCID, GROUP = ("ucid", "10000098761234"), ("group", "7+OTCyoxTmqmqyA/1weDAg==")


def candidate(**given: Any) -> Candidate:
    known: dict[str, Any] = {
        "recording_id": "a",
        "trunk": "t",
        "client": "192.0.2.7",
        "dialog": "d",
        "keys": frozenset({UCID}),
        "silent_s": 4.0,
    }
    return Candidate(**(known | given))


def newcomer(**given: Any) -> Newcomer:
    known: dict[str, Any] = {"trunk": "t", "client": "192.0.2.7", "keys": frozenset({UCID, GROUP})}
    return Newcomer(**(known | given))


def test_EXT_03_replaces_takes_over_whatever_else_is_known() -> None:
    other = candidate(recording_id="b", dialog="e")
    wanted = newcomer(replaces="d", client="192.0.2.8", keys=frozenset())
    assert find_predecessor(wanted, [other, candidate(silent_s=0.0)]) == Takeover("a")


@pytest.mark.parametrize(("given", "status"), [({"trunk": "u"}, 403), ({"dialog": "x"}, 481)])
def test_EXT_03_only_its_own_trunk_may(given: dict[str, str], status: int) -> None:
    found = find_predecessor(newcomer(replaces="d"), [candidate(**given)])
    assert isinstance(found, Refusal)
    assert found.status == status


def test_R6_the_same_client_with_the_same_id_continues_what_fell_silent() -> None:
    assert find_predecessor(newcomer(), [candidate()]) == Continuation("a", *UCID, gap_s=4.0)


@pytest.mark.parametrize(
    "given",
    [
        {"trunk": "u"},
        {"client": "192.0.2.9"},
        {"keys": frozenset({("ucid", "other")})},
        {"silent_s": SILENT_S / 2},
    ],
)
def test_R6_another_client_or_a_call_that_goes_on_is_not_continued(given: dict[str, Any]) -> None:
    assert find_predecessor(newcomer(), [candidate(**given)]) is None


def test_R6_the_strongest_id_decides_and_then_the_latest() -> None:
    weak, old = candidate(recording_id="weak", silent_s=2.5), candidate(recording_id="old", silent_s=90.0)
    strong = candidate(recording_id="strong", keys=frozenset({GROUP}), silent_s=60.0)
    found = find_predecessor(newcomer(), [weak, old, strong])
    assert isinstance(found, Continuation)
    assert (found.recording_id, found.by) == ("strong", "group")
    assert find_predecessor(newcomer(), [old, weak]) == Continuation("weak", *UCID, gap_s=2.5)


ALICE_AND_BOB = frozenset({"alice@example.com", "bob@example.com"})


def test_R6_where_no_id_joins_the_same_people_do_shortly_after() -> None:
    before = candidate(keys=frozenset(), parties=ALICE_AND_BOB, silent_s=20.0)
    found = find_predecessor(newcomer(parties=ALICE_AND_BOB), [before])
    value = "alice@example.com, bob@example.com"
    assert found == Continuation("a", "parties and time", value, gap_s=20.0)


@pytest.mark.parametrize(
    ("parties", "silent_s"),
    [(ALICE_AND_BOB, 31.0), (frozenset({"alice@example.com"}), 5.0), (frozenset(), 5.0)],
)
def test_R6_people_alone_join_nothing_later_or_when_they_are_fewer(
    parties: frozenset[str], silent_s: float
) -> None:
    before = candidate(keys=frozenset(), parties=parties, silent_s=silent_s)
    assert find_predecessor(newcomer(parties=parties), [before]) is None
