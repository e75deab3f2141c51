from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

from siprecord.media.audio import AudioRenderer
from siprecord.render.continuing import continued_rows, continues_row
from siprecord.render.facts import LogFacts

SECOND = 10**9
SEEN = 1_763_700_000 * SECOND


def renderer(*arrivals: int | None) -> AudioRenderer:
    reports = [SimpleNamespace(first_arrival_ns=each) for each in arrivals]
    return cast(AudioRenderer, SimpleNamespace(reports=reports))


def facts(**event: Any) -> LogFacts:
    return LogFacts(continues={"recording": "r1", "by": "dialog", "value": "c1", "gap_s": 2.5, **event})


def test_a_recording_that_continues_nothing_says_so() -> None:
    assert continues_row(LogFacts(), renderer(SEEN)) is None


def test_R12_the_gap_after_a_death_ends_with_the_first_packet() -> None:
    row = continues_row(
        facts(node="a", cause="failover", last_seen_ns=SEEN),
        renderer(SEEN + 5 * SECOND, None, SEEN + 3 * SECOND),
    )
    assert row is not None
    assert (row["recording_id"], row["node"], row["cause"], row["gap_s"]) == ("r1", "a", "failover", 3.0)
    assert row["last_seen"] == "2025-11-21T04:40:00.000000+00:00"


def test_R12_without_a_packet_nobody_knows_how_long_the_gap_is() -> None:
    row = continues_row(facts(node="a", cause="failover", last_seen_ns=SEEN), renderer(None))
    assert row is not None
    assert (row["gap_s"], row["first_packet"]) == (None, None)


def test_a_client_that_fell_silent_tells_the_gap_itself() -> None:
    row = continues_row(facts(), renderer(SEEN))
    assert row is not None
    assert (row["gap_s"], row["node"], row["cause"]) == (2.5, None, None)


def test_each_recording_that_went_on_is_told_once() -> None:
    event = {"event": "recording.continued", "recording_id": "r2", "node": "b", "cause": "failover"}
    rows = continued_rows(LogFacts(continued=[event, dict(event)]))
    assert rows == [{"recording_id": "r2", "node": "b", "cause": "failover"}]
