"""The times when no recorder was there, and what is missing for that."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from siprecord.render.facts import Absence
from siprecord.render.moments import rfc3339

SLACK_NS = 250_000_000
"""Missing packets so near to an absence are put down to it: the sender's clock is not ours."""
CAUSES = ("restart", "failover")


def absence_span(absence: Absence) -> tuple[int, int]:
    """From when to when packets may be missing for it, in nanoseconds since 1970."""
    return (absence.died_ns or absence.back_ns) - SLACK_NS, absence.back_ns + SLACK_NS


def absence_rows(
    absences: Sequence[Absence], streams: Sequence[Mapping[str, Any]], origin_ns: int
) -> list[dict[str, Any]]:
    """All of them, with the seconds of each stream that are missing for it. `streams` are finished rows."""
    return [_row(absence, streams, origin_ns) for absence in absences]


def _row(absence: Absence, streams: Sequence[Mapping[str, Any]], origin_ns: int) -> dict[str, Any]:
    begin, end = ((moment - origin_ns) / 1e9 for moment in absence_span(absence))
    missing: dict[str, float | None] = {
        row["label"]: round(
            sum(
                gap["end_s"] - gap["start_s"]
                for gap in row["gaps"]
                if gap["cause"] in CAUSES and gap["start_s"] < end and gap["end_s"] > begin
            ),
            6,
        )
        for row in streams
    }
    if absence.elsewhere:
        missing |= {row["label"]: None for row in streams if not row["packets_received"]}
    return {
        "cause": absence.cause,
        "gone": rfc3339(absence.died_ns) if absence.died_ns else None,
        "back": rfc3339(absence.back_ns),
        "missing_s": {label: seconds for label, seconds in missing.items() if seconds != 0},
    }
