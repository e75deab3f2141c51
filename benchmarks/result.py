"""What a benchmark returns, and how results are shown and kept."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).parents[1]
LATEST = Path(__file__).parent / "latest.json"


@dataclass(frozen=True)
class Result:
    """One figure. `target` is None where a figure is only shown; else `value` is held against it."""

    name: str
    value: float
    unit: str
    target: float | None = None
    at_most: bool = True
    note: str = ""

    @property
    def meets(self) -> bool | None:
        if self.target is None:
            return None
        return self.value <= self.target if self.at_most else self.value >= self.target


Benchmark = Callable[[], Sequence[Result]]


def show(results: Sequence[Result]) -> None:
    table = Table("name", "value", "unit", "target", "meets", "note", title="Siprecord benchmarks")
    for result in results:
        bound = "" if result.target is None else f"{'≤' if result.at_most else '≥'} {result.target:g}"
        verdict = {None: "", True: "yes", False: "no"}[result.meets]
        table.add_row(result.name, f"{result.value:,.4g}", result.unit, bound, verdict, result.note)
    Console(width=None if os.isatty(1) else 140).print(table)


def keep(results: Sequence[Result]) -> None:
    """Write `benchmarks/latest.json`: each figure by name, the machine and the commit."""
    document: dict[str, object] = {
        result.name: {
            "value": result.value,
            "unit": result.unit,
            "target": result.target,
            "meets": result.meets if result.meets is not None else True,
            "note": result.note,
        }
        for result in results
    }
    LATEST.write_text(json.dumps({**document, "machine": machine(), "commit": commit()}, indent=2) + "\n")


def machine() -> dict[str, object]:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next(
        (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "unknown"
    )
    return {
        "cores": os.cpu_count(),
        "cpu": model,
        "kernel": platform.release(),
        "python": platform.python_version(),
    }


def commit() -> str:
    described = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return described.stdout.strip() or "unknown"
