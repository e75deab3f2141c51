"""The shape of the source and of what stands beside it: sizes, and what may stand where."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = sorted((ROOT / "src").rglob("*.py"))
BESIDES = sorted(
    path
    for room in ("tests", "benchmarks", "scripts", "fuzz", "examples")
    for path in (ROOT / room).rglob("*.py")
)
"""What is not shipped is read as often, and keeps the same sizes."""
RUST_SOURCES = sorted((ROOT / "rust").rglob("*.rs"))
MAX_FILE_LINES = 500
MAX_FUNCTION_LINES = 60


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", SOURCES + BESIDES + RUST_SOURCES, ids=name)
def test_files_stay_small(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= MAX_FILE_LINES


@pytest.mark.parametrize("path", SOURCES + BESIDES, ids=name)
def test_functions_stay_small(path: Path) -> None:
    long = [
        f"{node.name}: {(node.end_lineno or 0) - node.lineno + 1} lines"
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or 0) - node.lineno + 1 > MAX_FUNCTION_LINES
    ]
    assert long == []


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_exceptions_are_made_where_they_are_raised(path: Path) -> None:
    """An exception object made at import and raised many times keeps every traceback alive: a leak."""
    module = ast.parse(path.read_text())
    held = [
        ast.unparse(node)
        for node in module.body
        if isinstance(node, ast.Assign | ast.AnnAssign)
        and isinstance(node.value, ast.Call)
        and re.search(r"(Error|Exception)$", ast.unparse(node.value.func))
    ]
    assert held == []


def test_pure_rust_crate_forbids_unsafe_and_has_no_dependency() -> None:
    assert "#![forbid(unsafe_code)]" in (ROOT / "rust/core/src/lib.rs").read_text()
    assert "[dependencies]" not in (ROOT / "rust/core/Cargo.toml").read_text()


def test_each_decision_has_a_number_of_its_own_and_begins_with_it() -> None:
    pages = sorted((ROOT / "docs/decisions").glob("*.md"))
    numbers = [page.name.partition("-")[0] for page in pages]
    assert numbers == [f"{number:04}" for number in range(1, len(pages) + 1)]
    assert [page.read_text().partition(".")[0] for page in pages] == [
        f"# {int(number)}" for number in numbers
    ]
