from __future__ import annotations

import signal

import pytest

from siprecord.holder.deaths import OUTSIDE, Deaths, HolderSettings
from siprecord.holder.lives import UNKNOWN

CRASH, KILLED = 1, -int(signal.SIGKILL)
BORN_NS = 1_000


class Row:
    """Deaths a second apart."""

    def __init__(self, settings: HolderSettings | None = None) -> None:
        self.deaths = Deaths(settings or HolderSettings())
        self.now = 100.0

    def die(self, *codes: int, handed: bool = True, ready: bool = False) -> Row:
        for code in codes:
            self.now += 1
            self.deaths.ended(served=ready, time_ns=BORN_NS + int(self.now))
            self.deaths.add(
                fault=code not in OUTSIDE, handed=handed, ready=self.now - 0.5 if ready else 0.0, now=self.now
            )
        return self


@pytest.mark.parametrize("code", [CRASH, -int(signal.SIGSEGV), -int(signal.SIGABRT)])
def test_what_dies_three_times_by_its_own_fault_is_to_leave_old_calls_alone(code: int) -> None:
    row = Row().die(KILLED, ready=True).die(code, code)
    assert not row.deaths.fresh
    assert row.die(code).deaths.fresh
    assert not row.die(KILLED, ready=True).deaths.fresh, "one that served wipes it out"


@pytest.mark.parametrize("code", [KILLED, -int(signal.SIGTERM), UNKNOWN])
def test_what_is_killed_from_outside_costs_no_call_before_the_eighth_time(code: int) -> None:
    row = Row().die(KILLED, ready=True).die(*[code] * 7)
    assert not row.deaths.fresh
    assert row.die(code).deaths.fresh
    assert not row.deaths.too_many
    assert row.die(code, code).deaths.too_many


@pytest.mark.parametrize("code", [CRASH, KILLED])
def test_what_dies_before_it_is_handed_anything_does_not_die_of_that(code: int) -> None:
    row = Row().die(KILLED, ready=True).die(*[code] * 9, handed=False)
    assert not row.deaths.fresh
    assert row.die(code).deaths.too_many


def test_kills_in_between_hide_no_fault() -> None:
    row = Row().die(KILLED, ready=True).die(CRASH, KILLED, CRASH, KILLED)
    assert not row.deaths.fresh
    assert row.die(CRASH).deaths.fresh


def test_nobody_serves_since_the_last_one_that_served_has_died() -> None:
    row = Row()
    assert row.deaths.first_ns == 0
    row.die(KILLED, ready=True)
    first = row.deaths.first_ns
    assert first == BORN_NS + 101
    assert row.die(KILLED, CRASH).deaths.first_ns == first
    assert row.die(CRASH, ready=True).deaths.first_ns == BORN_NS + 104


def test_pauses_grow_and_a_steady_life_ends_the_count() -> None:
    row = Row()
    assert [row.die(KILLED, ready=True).deaths.delay for _ in range(8)] == [0, 0, 0.1, 0.2, 0.5, 1, 1, 1]
    row.deaths.add(fault=False, handed=True, ready=row.now, now=row.now + 2)
    assert (len(row.deaths), row.deaths.delay) == (1, 0)


def test_too_many_within_a_time_are_too_many() -> None:
    row = Row(HolderSettings(most_deaths=4, within=10))
    assert not row.die(*[KILLED] * 3, ready=True).deaths.too_many
    row.now += 8
    assert not row.die(KILLED, ready=True).deaths.too_many, "the first ones were long ago"
    assert row.die(*[KILLED] * 3, ready=True).deaths.too_many
