"""The table of SIP requirements names tests that exist, and leaves no requirement out."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TABLE = ROOT / "docs/reference/conformance-sip.md"
ROW = re.compile(r"^\| ([A-Z]+-\d\d) \| (.+) \|$", re.MULTILINE)
TEST = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")
SHORTEST_REASON = 20

REQUIRED = {
    "TP": (19, ()), "PRS": (18, ()), "TXN": (17, ()), "UAS": (16, (14, 15)), "DLG": (11, ()), "INV": (22, ()),
    "TMR": (11, ()), "REL": (5, ()), "UPD": (7, ()), "EXT": (5, (2,)), "KA": (3, ()), "SEC": (14, (13,)),
    "OVL": (7, (5,)), "TORT": (7, ()),
}  # fmt: skip
"""For each family its last number, and those in between that are of priority 3 and not done."""


def wanted() -> set[str]:
    return {
        f"{family}-{number:02}"
        for family, (last, left_out) in REQUIRED.items()
        for number in range(1, last + 1)
        if number not in left_out
    }


def rows() -> dict[str, str]:
    return dict(ROW.findall(TABLE.read_text()))


@cache
def names_in(path: str) -> frozenset[str]:
    tree = ast.parse((ROOT / path).read_text())
    kinds = ast.FunctionDef | ast.AsyncFunctionDef
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, kinds))


def test_every_requirement_has_its_row() -> None:
    assert set(rows()) == wanted()


@pytest.mark.parametrize("requirement", sorted(wanted()))
def test_a_row_names_tests_that_exist_or_a_reason(requirement: str) -> None:
    cell = rows()[requirement]
    named = TEST.findall(cell)
    for path, name in named:
        assert requirement.replace("-", "_") in name
        assert name in names_in(path), f"{path} has no {name}"
    assert named or len(cell) > SHORTEST_REASON
