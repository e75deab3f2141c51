"""`python -m fuzz.run --target sip --inputs 1000000 --seed 7 --jobs 2`: mutate, check, report.

Exit status 1 when anything was found. Findings are files in fuzz/findings, each with the command that
repeats it.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path

from fuzz.corpus import save
from fuzz.minimise import failure, minimised
from fuzz.runner import Finding, Plan, Report, run
from fuzz.targets import TARGETS


def main(arguments: list[str] | None = None) -> int:
    """Run targets, or one input again."""
    options = _options(arguments)
    if options.repeat or options.minimise:
        return _again(options)
    names = list(TARGETS) if options.target == "all" else [options.target]
    found = False
    for name in names:
        plan = Plan(
            target=name,
            inputs=options.inputs,
            seed=options.seed,
            max_growth=options.max_growth,
            progress=True,
        )
        report = merged(_reports(plan, options.jobs))
        _print(report)
        found = found or bool(report.findings)
    return 1 if found else 0


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m fuzz.run", description="Feed mutated input to the parsers."
    )
    parser.add_argument("--target", required=True, choices=[*TARGETS, "all"])
    parser.add_argument("--inputs", type=int, default=200_000, help="for each target (default %(default)s)")
    parser.add_argument("--seed", type=int, default=7, help="the same seed makes the same inputs")
    parser.add_argument("--jobs", type=int, default=1, help="processes that share the inputs of a target")
    parser.add_argument("--max-growth", type=float, default=32.0, help="MiB of growth after the warm-up")
    parser.add_argument("--repeat", type=Path, metavar="FILE", help="check this input and show what happens")
    parser.add_argument("--minimise", type=Path, metavar="FILE", help="make an input that breaks shorter")
    return parser.parse_args(arguments)


def _again(options: argparse.Namespace) -> int:
    if options.target == "all":
        raise SystemExit("--repeat and --minimise need one target")
    if options.repeat:
        print(TARGETS[options.target].check(options.repeat.read_bytes()))
        return 0
    short = minimised(options.target, options.minimise.read_bytes())
    print(
        f"{failure(options.target, short)}\n{len(short)} octets in {save(options.target, short)}\n{short!r}"
    )
    return 0


def _reports(plan: Plan, jobs: int) -> list[Report]:
    if jobs <= 1:
        return [run(plan)]
    share = -(-plan.inputs // jobs)
    plans = [replace(plan, inputs=share, seed=plan.seed + 1000 * job) for job in range(jobs)]
    with get_context("spawn").Pool(jobs) as pool:
        return pool.map(run, plans, chunksize=1)


def merged(reports: Iterable[Report]) -> Report:
    """The reports of several processes as one; outcomes are those of the process that saw most."""
    first, *others = reports
    for other in others:
        first.inputs += other.inputs
        first.rejected += other.rejected
        first.shapes = max(first.shapes, other.shapes)
        first.seconds = max(first.seconds, other.seconds)
        if other.slowest > first.slowest:
            first.slowest, first.slowest_size = other.slowest, other.slowest_size
        if other.growth > first.growth:
            first.rss_before, first.rss_after = other.rss_before, other.rss_after
        first.findings += other.findings
    return first


def _print(report: Report) -> None:
    share = 100 * report.rejected / max(1, report.inputs)
    print(
        f"== {report.target}: {report.inputs} inputs, {report.inputs / max(report.seconds, 1e-9):.0f}/s, "
        f"{share:.0f} % rejected, {report.shapes} outcomes, slowest {report.slowest * 1000:.1f} ms "
        f"({report.slowest_size} octets), RSS {report.rss_before:.0f} -> {report.rss_after:.0f} MiB, "
        f"{len(report.findings)} findings",
        flush=True,
    )
    for finding in report.findings:
        print(f"   FOUND {finding.what}\n         {_command(report.target, finding)}", flush=True)


def _command(target: str, finding: Finding) -> str:
    if finding.path == Path():
        return ""
    return f"python -m fuzz.run --target {target} --repeat {finding.path}"


if __name__ == "__main__":
    sys.exit(main())
