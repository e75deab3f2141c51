"""Where nothing is heard, and why: of each stream, and of the whole recording by cause."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from siprecord.media.audio import Gap, StreamReport
from siprecord.render.facts import Absence

MAX_GAPS = 10_000
"""Gaps of one stream that are listed; the rest is counted."""

Row = dict[str, Any]


def gap_rows(report: StreamReport, rate: int, absences: Sequence[Absence], origin_ns: int) -> list[Row]:
    """All gaps of a stream, in order.

    In a recording that goes on with one whose node has died, the first one begins before the first sample:
    with the last sign of life of that node. It ends with the first audio of the stream.
    """
    rows = [_row(gap, rate) for gap in report.gaps]
    before = next((each for each in absences if each.elsewhere), None)
    if before is None or not report.received:
        return rows
    start = round((before.died_ns - origin_ns) / 1e9, 6)
    first = rows[0] if rows and rows[0]["start_s"] == 0 else None
    if start >= 0 or (first is not None and first["cause"] != "before_start"):
        return rows  # on hold, paused: nothing was to come
    end = 0.0 if first is None else rows.pop(0)["end_s"]
    return [{"start_s": start, "end_s": end, "cause": before.cause}, *rows]


def pauses_after(silences: Sequence[tuple[int, int, str]], origin_ns: int, end_s: float) -> list[Row]:
    """What was withheld when the audio had ended, at `end_s`: on no time line, and missing all the same."""
    spans = [
        ((since - origin_ns) / 1e9, (until - origin_ns) / 1e9, cause) for since, until, cause in silences
    ]
    return [
        {"start_s": round(max(start, end_s), 6), "end_s": round(end, 6), "cause": cause}
        for start, end, cause in spans
        if cause == "pause" and end > end_s
    ]


def gap_sums(streams: Sequence[Mapping[str, Any]]) -> list[Row]:
    """The gaps of all streams together: how many of each cause, and how long they are."""
    sums: dict[str, Row] = {}
    for gap in (gap for row in streams for gap in row["gaps"]):
        cause = gap["cause"]
        known = sums.setdefault(cause, {"cause": cause, "count": 0, "seconds": 0.0})
        known["count"] += 1
        known["seconds"] = round(known["seconds"] + gap["end_s"] - gap["start_s"], 6)
    return [sums[cause] for cause in sorted(sums)]


def cut_short(row: Row) -> None:
    """Leave out of a stream what nobody would read."""
    row["gaps_omitted"] = max(0, len(row["gaps"]) - MAX_GAPS)
    del row["gaps"][MAX_GAPS:]


def _row(gap: Gap, rate: int) -> Row:
    return {"start_s": round(gap.start / rate, 6), "end_s": round(gap.end / rate, 6), "cause": gap.cause}
