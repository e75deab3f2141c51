"""The engine's cost of a packet, beside the least that a recorder must do."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.ingest_floor import Plan, measure
from benchmarks.result import Result

RATIO_TARGET = 1.3


def run() -> Sequence[Result]:
    """Engine and bare loops fed by one sender at the same time; the round with the median ratio."""
    outcome = measure(Plan())
    return [
        Result(
            "ingest_floor_ratio", outcome.ratio, "times", RATIO_TARGET, note="bare loop stores payloads only"
        ),
        Result(
            "ingest_same_stores_ratio", outcome.ratio_same_stores, "times", note="bare loop stores as much"
        ),
        Result("ingest_us_per_packet", outcome.engine.us_per_packet, "µs"),
        Result("ingest_floor_us_per_packet", outcome.bare.us_per_packet, "µs"),
    ]
