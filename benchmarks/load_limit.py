"""How many concurrent calls are stored: more and more of them, each count on a server of its own.

Takes several minutes, so it runs only when asked for: `make bench ONLY=calls_stored`. The table and the plot
go to `benchmarks/results/`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from benchmarks.loads import Shape, measure, memory_per_call_kib
from benchmarks.plot import Curve, chart
from benchmarks.result import ROOT, Result, commit, machine

COUNTS = (500, 1000, 1500, 2000, 2500)
RATE = 100.0
STEADY_SECONDS = 20.0
"""How long all calls are up together."""
LAST_STEADY_SECONDS = 60.0
"""The same for the last count, the one that is asked for."""
STORED = 0.99999
PACE_MS = 100.0
"""99 % of the packets leave within it: the recorder looks that often, and sees no difference below."""
TARGET = 2500
RESULTS = ROOT / "benchmarks" / "results"
COLUMNS = {
    "calls": "calls",
    "steady": "all up, s",
    "failed": "failed",
    "sent": "packets sent",
    "lost": "lost",
    "foreign": "foreign",
    "cpu": "server CPU, cores",
    "generator": "generator CPU, cores",
    "memory": "KiB a call",
    "setup": "set-up p99, ms",
    "late": "left late p99, ms",
    "load": "load average before",
}


def run() -> Sequence[Result]:
    """Every count, though one before it failed: the plot shows how it ends."""
    reports = {}
    for count in COUNTS:
        before = round(os.getloadavg()[0], 2)
        reports[count] = {**measure(shape(count)), "load_average_before": before}
        print(f"   {count} calls: {reports[count]['packets_lost']} lost", flush=True)
    keep(reports)
    good = [count for count in COUNTS if stored(reports[count], count)]
    note = (
        f"all calls at once for {STEADY_SECONDS:g} s, {COUNTS[-1]:,} of them for {LAST_STEADY_SECONDS:g} s; "
        "20,000 open files are this machine's limit"
    )
    return [Result("calls_stored", max(good, default=0), "calls", TARGET, at_most=False, note=note)]


def shape(count: int) -> Shape:
    return Shape(calls=count, rate=RATE, seconds=count / RATE + steady_seconds(count))


def steady_seconds(count: int) -> float:
    return LAST_STEADY_SECONDS if count == COUNTS[-1] else STEADY_SECONDS


def stored(report: dict[str, Any], count: int) -> bool:
    """All calls up at once, nearly everything stored, and the generator in time."""
    enough = report["packets_stored"] >= STORED * report["packets_sent"]
    kept = report["late_ms_p99"] is not None and report["late_ms_p99"] <= PACE_MS
    return enough and kept and not report["calls_failed"] and report["calls_peak"] == count


def row(count: int, report: dict[str, Any]) -> dict[str, Any]:
    server = report["server"]
    return {
        "calls": count,
        "steady": round(steady_seconds(count)),
        "failed": report["calls_failed"],
        "sent": report["packets_sent"],
        "lost": report["packets_lost"],
        "foreign": report["packets_foreign"],
        "cpu": round(server["cpu_ms_per_call_second"] * count / 1000, 3),
        "generator": round(report["generator_cpu_s"] / report["duration_s"], 3),
        "memory": round(memory_per_call_kib(report), 1),
        "setup": report["setup_ms_p99"],
        "late": report["late_ms_p99"],
        "load": report["load_average_before"],
    }


def keep(reports: dict[int, dict[str, Any]]) -> None:
    """Write the table, the plot, and where they come from."""
    rows = [row(count, report) for count, report in reports.items()]
    name = f"{datetime.now(UTC):%Y-%m-%d}-load"
    plot = chart(
        "Concurrent calls of two G.711 streams",
        "calls",
        [
            Curve("packets lost, per million", [(r["calls"], r["lost"] / r["sent"] * 1e6) for r in rows]),
            Curve("server CPU, cores", [(r["calls"], r["cpu"]) for r in rows]),
            Curve("generator CPU, cores", [(r["calls"], r["generator"]) for r in rows]),
        ],
    )
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.svg").write_text(plot)
    (RESULTS / f"{name}.md").write_text(document(name, rows))


def document(name: str, rows: Sequence[dict[str, Any]]) -> str:
    lines = ["| " + " | ".join(COLUMNS.values()) + " |", "|" + "---:|" * len(COLUMNS)]
    lines += ["| " + " | ".join(f"{value:,}" for value in each.values()) + " |" for each in rows]
    table = "\n".join(lines)
    return f"""# How many calls are stored

Concurrent SIPREC calls of two PCMU streams on one machine: `siprecord serve` and `siprecord bench` beside
each other. All calls are up together for as long as the table says; every packet in the capture logs is
compared with what was sent. Server CPU is what the recorder needs when all calls are up, set-up and end
included.

A count is reached when 99.999 % of the packets are stored, no call failed, and 99 % of the packets left
within {PACE_MS:g} ms of their time. The load average includes the run before; where it is high at the first
count, others used the cores too, and lateness says more about the machine than about the generator.

{table}

![packets lost and CPU against the number of calls]({name}.svg)

- Command: `make bench ONLY=calls_stored`; for each count N: `siprecord bench URI --calls N --rate {RATE:g}
  --seconds S --verify`, where S is N/{RATE:g} and the time that all are up
- Commit: `{commit()}`
- Machine: `{json.dumps(machine())}`; at most 20,000 open files, five for each call
- Rendering is off: it takes place in other processes, after the call.
"""
