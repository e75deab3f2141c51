"""How a recording is linked to those of other nodes: what it goes on with, and who went on with it."""

from __future__ import annotations

from typing import Any

from siprecord.media.audio import AudioRenderer
from siprecord.render.facts import LogFacts
from siprecord.render.moments import rfc3339

_LINK = ("recording_id", "node", "cause")


def continues_row(facts: LogFacts, renderer: AudioRenderer) -> dict[str, Any] | None:
    """The recording that this one continues, and the gap between them.

    The gap begins when its node gave its last sign of life, which was at most a third of a lease before it
    died, and ends with our first packet; `gap_s` is None when no packet came.
    """
    event = facts.continues
    if event is None:
        return None
    seen = event.get("last_seen_ns")
    arrivals = [report.first_arrival_ns for report in renderer.reports]
    first = min((each for each in arrivals if each), default=0)
    return {
        **{name: event.get(name) for name in (*_LINK, "by", "value")},
        "last_seen": rfc3339(seen),
        "first_packet": rfc3339(first or None),
        "gap_s": round(max(0, first - seen) / 1e9, 3) if isinstance(seen, int) and first else None,
    }


def continued_rows(facts: LogFacts) -> list[dict[str, Any]]:
    """The recordings of other nodes that went on with this one."""
    rows = [{name: event.get(name) for name in _LINK} for event in facts.continued]
    return [row for number, row in enumerate(rows) if row not in rows[:number]]
