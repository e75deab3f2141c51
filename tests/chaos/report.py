"""The report of `make chaos`: what was tried, at what scale, and what came of it."""

from __future__ import annotations

import dataclasses
import json
import os
import platform
import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from tests.chaos.proof import Proof, Requirement, Scale

ROOT = Path(__file__).parents[2]
Result = Literal["proved", "FAILED", "not built"]
CODES: dict[Result, int] = {"proved": 0, "not built": 3, "FAILED": 1}
WORST: tuple[Result, ...] = ("FAILED", "not built", "proved")
MOST = 3000
"""Characters of a failure."""


@dataclass(frozen=True)
class Shown:
    """What one proof saw."""

    proof: str
    result: Result
    text: str
    seconds: float


@dataclass(frozen=True)
class Line:
    """One requirement."""

    name: str
    title: str
    shown: tuple[Shown, ...]

    @classmethod
    def of(cls, name: str, title: str, result: Result, text: str, seconds: float) -> Line:
        return cls(name, title, (Shown("report", result, text, round(seconds, 1)),))

    @property
    def result(self) -> Result:
        """That of the worst proof; without any it is not built."""
        results = {each.result for each in self.shown} or {"not built"}
        return next(each for each in WORST if each in results)

    def __str__(self) -> str:
        head = f"{self.name:<5} {self.result:<9}  {self.title}"
        rows = [
            f"      {'' if each.result == 'proved' else each.result + ': '}{each.text} ({each.seconds:.0f} s)"
            for each in self.shown
        ]
        return "\n".join((head, *rows))


@dataclass
class Report:
    """All lines so far."""

    scale: Scale
    started: datetime
    lines: list[Line] = field(default_factory=list)

    def add(self, line: Line) -> None:
        self.lines.append(line)

    @property
    def seconds(self) -> float:
        return (datetime.now(UTC) - self.started).total_seconds()

    @property
    def code(self) -> int:
        """The exit code: a failure is worse than what is not built."""
        results = {line.result for line in self.lines} or {"not built"}
        return CODES[next(each for each in WORST if each in results)]

    def head(self) -> str:
        where = machine()
        return (
            f"siprecord {commit()}, {self.started:%Y-%m-%d %H:%M} UTC, {where['cores']} cores, "
            f"Linux {where['kernel']}; {self.scale.calls} calls, {self.scale.kills} kills, "
            f"seed {self.scale.seed}"
        )

    def write(self, path: Path) -> None:
        """As JSON, and as text beside it."""
        document = {
            "commit": commit(),
            "machine": machine(),
            "started": self.started.isoformat(),
            "seconds": round(self.seconds, 1),
            "scale": dataclasses.asdict(self.scale),
            "result": WORST[min((WORST.index(line.result) for line in self.lines), default=1)],
            "lines": [{"result": line.result, **dataclasses.asdict(line)} for line in self.lines],
        }
        path.write_text(json.dumps(document, indent=2) + "\n")
        path.with_suffix(".txt").write_text("\n".join((self.head(), *map(str, self.lines))) + "\n")


def prove(requirement: Requirement, scale: Scale) -> Line:
    """Run all proofs of a requirement, also after one that failed."""
    shown = tuple(_shown(requirement.name, proof, scale) for proof in requirement.proofs)
    return Line(requirement.name, requirement.title, shown)


def _shown(name: str, proof: Proof, scale: Scale) -> Shown:
    begun = time.monotonic()
    result: Result = "proved"
    directory = Path(tempfile.mkdtemp(prefix=f"siprecord-chaos-{name}-"))
    try:
        text = proof(scale, directory)
        shutil.rmtree(directory, ignore_errors=True)
    except Exception as error:  # noqa: BLE001 - a proof that is broken must not cost the others
        words = " ".join(f"{type(error).__name__}: {error}".split())[:MOST]
        text, result = f"{words} (what is left of it: {directory})", "FAILED"
    return Shown(proof.__name__, result, text, round(time.monotonic() - begun, 1))


def machine() -> dict[str, object]:
    return {
        "cores": os.cpu_count(),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "load": os.getloadavg()[0],
    }


def commit() -> str:
    described = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return described.stdout.strip() or "unknown"
