"""Date-times, well and badly written."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from siprecord.syntax.metadata.times import read_time, write_time

WHEN = datetime(2010, 12, 16, 23, 41, 7, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2010-12-16T23:41:07Z", WHEN),
        ("2010-12-17T01:41:07+02:00", WHEN),
        ("2010-12-16T23:41:07.25Z", WHEN + timedelta(milliseconds=250)),
        ("2010-12-16T23:41:07.123456789Z", WHEN + timedelta(microseconds=123456)),
    ],
)
def test_META_70_rfc_3339(text: str, expected: datetime) -> None:
    notes: list[str] = []
    assert read_time(text, UTC, notes) == expected
    assert notes == []


@pytest.mark.parametrize(
    "text",
    ["2010-12-16t23:41:07z", "2010-12-16 23:41:07 Z", "2010-12-16T23:41:07+0000", "2010-12-16T23:41:07"],
)
def test_META_71_Q52_other_forms_are_noted(text: str) -> None:
    notes: list[str] = []
    assert read_time(text, UTC, notes) == WHEN
    assert len(notes) == 1


def test_META_71_the_given_zone_holds() -> None:
    assert read_time("2010-12-16T23:41:07", timezone(timedelta(hours=-5)), []) == WHEN + timedelta(hours=5)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "now",
        "2010-13-16T23:41:07Z",
        "2010-12-16T25:41:07Z",
        "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00+05:00",
        "9999-12-31T23:59:59-05:00",
        "2010-12-16T23:41:07+99:00",
        "2010-12-16",
        "٢٠١٠-12-16T23:41:07Z",
    ],
)
def test_what_is_no_time_is_noted(text: str) -> None:
    notes: list[str] = []
    assert read_time(text, UTC, notes) is None
    assert len(notes) == 1


def test_leap_seconds_and_unset_clocks() -> None:
    notes: list[str] = []
    assert read_time("2016-12-31T23:59:60Z", UTC, notes) == datetime(2016, 12, 31, 23, 59, 59, tzinfo=UTC)
    assert read_time("1970-01-01T00:00:00Z", UTC, notes) == datetime(1970, 1, 1, tzinfo=UTC)
    assert len(notes) == 1


@given(
    st.datetimes(
        min_value=datetime(2000, 1, 2),  # noqa: DTZ001
        timezones=st.just(UTC),
    )
)
def test_what_is_written_is_read_back(time: datetime) -> None:
    notes: list[str] = []
    assert read_time(write_time(time), UTC, notes) == time
    assert notes == []
