"""How a recording is linked to those of other nodes: what it goes on with, and who went on with it."""

from __future__ import annotations

from typing import Any

from siprecord.media.audio import AudioRenderer
from siprecord.render.facts import LogFacts
from siprecord.render.moments import rfc3339

_LINK = ("recording_id", "node", "cause")


def continues_row(facts: LogFacts, renderer: AudioRenderer) -> dict[str, Any] | None:
    """The recording that this one continues, and the gap between them.

    Where its node has died, the gap begins with the last sign of life of that, which was at most a third of a
    lease before its death, and ends with our first packet; `gap_s` is None when no packet came. Where the
    client had fallen silent, the gap is as long as that.
    """
    event = facts.continues
    if event is None:
        return None
    seen, silent_s = event.get("last_seen_ns"), event.get("gap_s")
    arrivals = [report.first_arrival_ns for report in renderer.reports]
    first = min((each for each in arrivals if each), default=0)
    return {
        "recording_id": event.get("recording"),
        **{name: event.get(name) for name in ("node", "cause", "by", "value")},
        "last_seen": rfc3339(seen),
        "first_packet": rfc3339(first or None),
        "gap_s": _gap_s(seen, first) if isinstance(seen, int) else silent_s,
    }


def _gap_s(seen: int, first: int) -> float | None:
    return round(max(0, first - seen) / 1e9, 3) if first else None


def continued_rows(facts: LogFacts) -> list[dict[str, Any]]:
    """The recordings of other nodes that went on with this one."""
    rows = [{name: event.get(name) for name in _LINK} for event in facts.continued]
    return [row for number, row in enumerate(rows) if row not in rows[:number]]
