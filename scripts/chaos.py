"""`make chaos`: kills, cuts, fills and starves under real calls, and proves R1 to R15, one line each.

The exit code is 1 when a requirement failed, 3 when one is not built, else 0. The report is written as JSON
and, beside it, as plain text.
"""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.chaos.proof import Requirement, Scale
from tests.chaos.report import ROOT, Line, Report, prove
from tests.chaos.requirements import REPORT, REQUIREMENTS


def main() -> int:
    options = arguments()
    scale = Scale(options.calls, options.kills, *([options.seed] if options.seed is not None else []))
    report = Report(scale, datetime.now(UTC))
    print(report.head(), flush=True)
    for requirement in chosen(options.only):
        report.add(prove(requirement, scale))
        print(report.lines[-1], flush=True)
        report.write(options.output)  # also what is known when the next one hangs
    if not options.only:
        report.add(summary(report))
        print(report.lines[-1], flush=True)
    report.write(options.output)
    print(f"report: {options.output} and {options.output.with_suffix('.txt')}", flush=True)
    return report.code


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=100, help="calls up while the recorder is killed")
    parser.add_argument("--kills", type=int, default=20, help="how often it is killed")
    parser.add_argument("--only", nargs="+", help="some of R1 to R14, or proofs by name", metavar="NAME")
    parser.add_argument("--seed", type=int, help="the same faults again")
    parser.add_argument("--output", type=Path, default=ROOT / "chaos-report.json", help="where to write it")
    return parser.parse_args()


def chosen(names: list[str] | None) -> list[Requirement]:
    """The requirements of these names, or the single proofs."""
    if not names:
        return list(REQUIREMENTS)
    found = []
    for each in REQUIREMENTS:
        proofs = tuple(proof for proof in each.proofs if proof.__name__ in names)
        if each.name in names or proofs:
            found.append(Requirement(each.name, each.title, each.proofs if each.name in names else proofs))
    return found


def summary(report: Report) -> Line:
    """The last line: whether all others have a result."""
    missing = [line.name for line in report.lines if not line.shown]
    text = f"no result: {', '.join(missing)}" if missing else f"{len(report.lines)} lines with a result each"
    return Line.of(*REPORT, "FAILED" if missing else "proved", text, seconds=report.seconds)


if __name__ == "__main__":
    sys.exit(main())
