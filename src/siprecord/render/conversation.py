"""What joins a recording to others of the same conversation, taken from its own log."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from siprecord.recording.addresses import address_key
from siprecord.recording.story import LINKING, scoped_id, strongest
from siprecord.render.facts import LogFacts


def conversation(facts: LogFacts) -> dict[str, Any]:
    """The ids that join, the strongest as the name of the conversation, and the people.

    Recordings with one id in common are one conversation; `siprecord recordings show` finds the others.
    """
    keys = list(dict.fromkeys(_keys(facts)))
    best = strongest(keys)
    return {
        "id": f"{best[0]}:{best[1]}" if best else None,
        "decided_from": best[0] if best else None,
        "keys": [{"kind": kind, "value": value} for kind, value in keys],
        "parties": sorted(_parties(facts)),
    }


def _keys(facts: LogFacts) -> Iterable[tuple[str, str]]:
    for kind, name in (("group", "groups"), ("session", "sessions")):
        for row in facts.model.get(name) or ():
            key = scoped_id(str(row.get("id") or ""), _client(facts)) if isinstance(row, dict) else ""
            if key:
                yield kind, key
    for row in facts.call.get("correlation") or ():
        if isinstance(row, dict) and row.get("kind") in LINKING and row.get("value"):
            yield str(row["kind"]), str(row["value"])


def _client(facts: LogFacts) -> str:
    """The host of the recording client: an id that is no UUID means something to that client only."""
    return str(facts.started.get("source") or "").rpartition(":")[0]


def _parties(facts: LogFacts) -> set[str]:
    found = {
        address_key(str(name.get("aor") or ""))
        for row in facts.model.get("participants") or ()
        if isinstance(row, dict)
        for name in row.get("names") or ()
        if isinstance(name, dict)
    }
    return found - {""}
