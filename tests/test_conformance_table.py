"""The table of conformance must not promise what is not there."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
TABLE = ROOT / "docs/reference/conformance-siprec.md"


def test_every_test_in_the_table_exists() -> None:
    defined = {
        name
        for path in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"def (test_\w+)", path.read_text())
    }
    named = set(re.findall(r"`(test_\w+)`", TABLE.read_text()))
    assert named - defined == set()
    assert len(named) > 200


def test_every_row_has_a_test_or_a_reason() -> None:
    rows = re.findall(r"^\| ([A-Z]+-?\d+) \| (.+) \| (.+) \|$", TABLE.read_text(), re.MULTILINE)
    assert len(rows) > 300
    assert [row for row, _, shown in rows if len(shown) < 10] == []
