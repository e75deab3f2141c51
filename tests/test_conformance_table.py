"""The tables of conformance must not promise what is not there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TABLES = {"conformance-siprec.md": (300, 200), "conformance-media.md": (100, 90)}
"""How many rows and how many names of tests each has at least."""
_ROW = re.compile(r"^\| ([A-Z]+-?\d+) \| (.+) \| (.+) \|$", re.MULTILINE)
_NAME = re.compile(r"`(\w+_\w+_\w+)`")


def defined() -> set[str]:
    """The names of all tests, in Python and in Rust."""
    python = (path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
    rust = (path.read_text() for path in (ROOT / "rust").rglob("*.rs"))
    found = {name for text in python for name in re.findall(r"def (test_\w+)", text)}
    return found | {name for text in rust for name in re.findall(r"#\[test\]\s+fn (\w+)", text)}


def read(table: str) -> str:
    return (ROOT / "docs/reference" / table).read_text()


@pytest.mark.parametrize("table", TABLES)
def test_every_test_in_the_table_exists(table: str) -> None:
    named = {name for _, _, shown in _ROW.findall(read(table)) for name in _NAME.findall(shown)}
    tests = {name for name in named if name.startswith("test_") or table == "conformance-media.md"}
    assert tests - defined() - {"clock_drift_ppm"} == set()
    assert len(tests) > TABLES[table][1]


@pytest.mark.parametrize("table", TABLES)
def test_every_row_has_a_test_or_a_reason(table: str) -> None:
    rows = _ROW.findall(read(table))
    assert len(rows) > TABLES[table][0]
    assert [row for row, _, shown in rows if len(shown) < 10] == []
