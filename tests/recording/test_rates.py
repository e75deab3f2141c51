from __future__ import annotations

import pytest

from siprecord.recording.rates import FLOOD, Bucket, Level, Rate


def levels(bucket: Bucket, count: int, now: float) -> list[Level]:
    return [bucket.take(now) for _ in range(count)]


def test_without_a_rate_there_is_no_limit() -> None:
    bucket = Bucket(Rate())
    assert set(levels(bucket, 10_000, 5.0)) == {Level.WITHIN}
    assert not bucket.is_flooded(5.0)
    assert bucket.take_answer(5.0)


def test_a_burst_passes_then_503_then_silence() -> None:
    bucket = Bucket(Rate(per_second=10, burst=5))
    taken = levels(bucket, 30, 1000.0)
    assert taken[:5] == [Level.WITHIN] * 5
    assert taken.count(Level.WITHIN) == 5
    assert taken.count(Level.OVER) == 5 * FLOOD + 2 - 5  # half a request of tolerance is two of these
    assert taken[-1] is Level.FLOOD
    assert bucket.is_flooded(1000.0)


@pytest.mark.parametrize("offered", [5, 10, 20, 40, 100])
def test_the_rate_holds_over_time(offered: int) -> None:
    bucket = Bucket(Rate(per_second=10, burst=2))
    seconds = 100
    taken = [bucket.take(1e6 + number / offered) for number in range(offered * seconds)]
    expected = min(offered, 10) * seconds
    assert abs(taken.count(Level.WITHIN) - expected) <= 3
    assert (Level.OVER in taken) is (offered > 10)
    assert (Level.FLOOD in taken) is (offered > 10 * FLOOD)


def test_a_flood_ends() -> None:
    bucket = Bucket(Rate(per_second=1, burst=1))
    levels(bucket, 100, 0.0)
    assert bucket.is_flooded(0.0)
    assert not bucket.is_flooded(1.0)
    assert bucket.take(3.0) is Level.WITHIN


def test_answers_do_not_cost_requests() -> None:
    bucket = Bucket(Rate(per_second=10, burst=2))
    answers = [bucket.take_answer(0.0) for _ in range(20)]
    assert answers.count(True) in (8, 9, 10)
    assert not answers[-1]
    assert bucket.take(1.0) is Level.WITHIN


def test_the_burst_is_two_seconds_unless_it_is_set() -> None:
    assert Rate(per_second=50).size == 100
    assert Rate(per_second=0.1).size == 1
    assert Rate(per_second=50, burst=7).size == 7
