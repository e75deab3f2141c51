"""The figures of a load test, made of what became of its calls."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from siprecord.client.load import CallOutcome
from siprecord.client.report import CallReport, CallStatus

_WARNING = re.compile(r'^\d{3} \S+ "([^"]+)"')
"""The text of a Warning header (RFC 3261 section 20.43)."""
_TEXTS = {
    CallStatus.NO_ANSWER: "no answer in time",
    CallStatus.UNREACHABLE: "connection refused",
    CallStatus.CANCELLED: "given up before the answer",
    CallStatus.HUNG_UP: "we hung up before everything was sent",
    CallStatus.ENDED_BY_PEER: "ended by the recorder",
    CallStatus.UNUSABLE: "taken, but no stream of it",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadFigures:
    """Figures of all calls together; times in milliseconds are from INVITE to the final response."""

    calls: int
    calls_answered: int
    calls_failed: int
    calls_peak: int
    """Most calls that were up at a time."""
    byes_failed: int
    """Calls that we hung up, and the recorder may not know it. That alone makes no call a failed one."""
    failures: dict[str, int]
    """Why calls failed, and how many for each reason, the most frequent first."""
    duration_s: float
    """From the first INVITE to the end of the last call."""
    calls_per_second: float
    """How fast they were placed in truth."""
    setup_ms_p50: float | None
    setup_ms_p99: float | None
    setup_ms_max: float | None


def figures(outcomes: Sequence[CallOutcome]) -> LoadFigures:
    """What the outcomes of all placed calls amount to."""
    answered = [each for each in outcomes if _answered(each.report)]
    setups = sorted(
        each.report.setup_ms
        for each in answered
        if each.report is not None and each.report.setup_ms is not None
    )
    failures = Counter(why for each in outcomes if (why := failure(each)) is not None)
    placed = sorted(each.placed_at for each in outcomes)
    span = placed[-1] - placed[0] if placed else 0.0
    return LoadFigures(
        calls=len(outcomes),
        calls_answered=len(answered),
        calls_failed=sum(failures.values()),
        calls_peak=peak((_answered_at(each), each.ended_at) for each in answered),
        byes_failed=sum(each.report is not None and bool(each.report.bye_failed) for each in outcomes),
        failures=dict(failures.most_common()),
        duration_s=round(max(each.ended_at for each in outcomes) - placed[0], 3) if placed else 0.0,
        calls_per_second=round((len(placed) - 1) / span, 2) if span > 0 else float(len(placed)),
        setup_ms_p50=percentile(setups, 50),
        setup_ms_p99=percentile(setups, 99),
        setup_ms_max=setups[-1] if setups else None,
    )


def failure(outcome: CallOutcome) -> str | None:
    """Why a call failed, in words that are the same for the same reason; None if it did not."""
    report = outcome.report
    if report is None:
        return outcome.error or "it could not be placed"
    if report.ok:
        return None
    if report.status is CallStatus.REFUSED:
        text = f"refused: {report.code} {report.reason}".rstrip()
        said = next((found[1] for found in map(_WARNING.search, report.remarks) if found), "")
        return f"{text} ({said})" if said else text
    if report.status is CallStatus.COMPLETED:
        refused = next(stream.refused for stream in report.streams if stream.refused)
        return f"a stream was refused: {refused}"
    return _TEXTS[report.status]


def percentile(ordered: Sequence[float], percent: float) -> float | None:
    """The nearest-rank percentile of sorted values; None of nothing."""
    if not ordered:
        return None
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


def peak(intervals: Iterable[tuple[float, float]]) -> int:
    """How many of these spans of time overlap at most; one that ends when another begins does not."""
    steps = sorted(step for begin, end in intervals for step in ((begin, 1), (end, -1)))
    most = now = 0
    for _, step in steps:
        now += step
        most = max(most, now)
    return most


def late_ms(counts: Sequence[int], percent: float) -> float | None:
    """An upper bound in milliseconds for how late this percentage of packets left.

    `counts`: entry n has the packets less than 2**n microseconds late.
    """
    wanted = math.ceil(sum(counts) * percent / 100)
    so_far = 0
    for power, count in enumerate(counts):
        so_far += count
        if so_far >= wanted > 0:
            return float(1 << power) / 1000
    return None


def _answered(report: CallReport | None) -> bool:
    return report is not None and report.code is not None and 200 <= report.code < 300


def _answered_at(outcome: CallOutcome) -> float:
    setup = outcome.report.setup_ms if outcome.report is not None else None
    return outcome.placed_at + (setup or 0.0) / 1000
