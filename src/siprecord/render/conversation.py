"""What joins a recording to others of the same conversation, taken from its own log."""

from __future__ import annotations

from typing import Any

from siprecord.recording.joining import keys_of, parties_of
from siprecord.recording.story import strongest
from siprecord.render.facts import LogFacts


def conversation(facts: LogFacts) -> dict[str, Any]:
    """The ids that join, the strongest as the name of the conversation, and the people.

    Recordings with one id in common are one conversation; `siprecord recordings show` finds the others.
    """
    client = str(facts.started.get("source") or "").rpartition(":")[0]
    keys = keys_of(facts.model, facts.call, client)
    best = strongest(keys)
    return {
        "id": f"{best[0]}:{best[1]}" if best else None,
        "decided_from": best[0] if best else None,
        "keys": [{"kind": kind, "value": value} for kind, value in keys],
        "parties": sorted(parties_of(facts.model)),
    }
