from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from siprecord.store import Layout, safe_name

ROOT = Path("/data")


def test_paths_go_by_date_and_id() -> None:
    layout = Layout(ROOT)
    assert layout.spool_path("a-1") == ROOT / "spool/a-1.pcapng"
    started = datetime(2026, 3, 1, 0, 30, tzinfo=timezone(timedelta(hours=2)))
    assert layout.recording_directory("a-1", started) == ROOT / "recordings/2026/02/28/a-1"


def test_a_moment_without_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="zone"):
        Layout(ROOT).day(datetime(2026, 3, 1))  # noqa: DTZ001


@pytest.mark.parametrize(
    "name", ["..", ".", "", "/etc/passwd", "../../x", "a/b", "a\0b", ".hidden", "-rf", "é", "x" * 300]
)
def test_harmful_ids_become_harmless_names(name: str) -> None:
    assert Layout(ROOT).spool_path(name).parent == ROOT / "spool"
    directory = Layout(ROOT).recording_directory(name, datetime(2026, 1, 1, tzinfo=UTC))
    assert directory.parent == ROOT / "recordings/2026/01/01"
    assert directory.name == safe_name(name) != name


@given(st.text(), st.text())
def test_names_are_safe_stable_and_different(first: str, second: str) -> None:
    name = safe_name(first)
    assert name
    assert not name.startswith((".", "-"))
    assert set(name).isdisjoint("/\\\0\n ")
    assert len(name) <= 120
    assert name.isascii()
    assert (name == safe_name(second)) == (first == second)
