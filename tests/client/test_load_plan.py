from __future__ import annotations

from dataclasses import replace

import pytest

from siprecord.client import CallError, FaultRates, LoadPlan
from siprecord.client.load_plan import call_plans, faults_of, pattern

PLAN = LoadPlan(uris=("sip:a;transport=udp", "sip:a;transport=tcp"), calls=5, rate=10, seconds=2, seed=7)


def test_calls_take_the_uris_in_turn_and_share_one_audio() -> None:
    plans = list(call_plans(PLAN))
    assert [plan.uri for plan in plans] == [*PLAN.uris, *PLAN.uris, PLAN.uris[0]]
    assert len({id(party.audio) for plan in plans for party in plan.parties}) == 1
    assert {party.packets for plan in plans for party in plan.parties} == {100}


def test_every_stream_has_a_mark_of_its_own() -> None:
    marks = [party.mark for plan in call_plans(PLAN) for party in plan.parties]
    assert marks == list(range(10))
    assert [*PLAN.marks(4)] == [8, 9]


def test_no_two_frames_of_the_pattern_are_alike() -> None:
    audio = pattern(replace(PLAN, seconds=60))
    frames = {audio[at : at + 160] for at in range(0, len(audio), 160)}
    assert len(frames) == 3000


def test_faults_come_as_often_as_asked_for_and_the_same_again() -> None:
    plan = replace(PLAN, seconds=1000, faults=FaultRates(loss=1, duplicate=5, reorder=0))
    faults = faults_of(plan, 3)
    assert 350 < len(faults.lost) < 650  # 500 of 50,000
    assert 2200 < len(faults.duplicated) < 2800
    assert faults.reordered == ()
    for indexes in (faults.lost, faults.duplicated):
        assert list(indexes) == sorted(set(indexes))
        assert 0 <= indexes[0] <= indexes[-1] < plan.packets
    assert faults_of(plan, 3) == faults
    assert faults_of(plan, 4) != faults


def test_as_many_calls_are_up_as_rate_and_length_make() -> None:
    assert PLAN.peak == 5
    assert replace(PLAN, calls=1000, rate=0.3, seconds=10).peak == 3


@pytest.mark.parametrize(
    ("change", "option"),
    [
        ({"calls": 0}, "--calls 0"),
        ({"calls": 20_001}, "--calls 20001"),
        ({"rate": 0}, "--rate 0"),
        ({"rate": float("nan")}, "--rate nan"),
        ({"seconds": 3601}, "--seconds 3601"),
        ({"streams": 9}, "--streams 9"),
        ({"faults": FaultRates(loss=51)}, "--loss 51"),
        ({"faults": FaultRates(reorder=-1)}, "--reorder -1"),
    ],
)
def test_plans_beyond_all_bounds_are_refused(change: dict[str, object], option: str) -> None:
    with pytest.raises(CallError, match=f"{option} is out of bounds"):
        replace(PLAN, **change)  # type: ignore[arg-type]
