"""What joins a recording to others: ids and people, as the events of its capture log tell them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from siprecord.recording.addresses import address_key
from siprecord.recording.story import LINKING, Key

SHORTEST = 8
"""Characters of an id that may join recordings; ours. A client that counts its groups from 1 begins anew."""
_UUID = re.compile(r"[A-Za-z0-9+/]{22}==")

Fields = Mapping[str, Any]
"""Of a `session.model` or a `call.identity` event."""


def keys_of(model: Fields, call: Fields, client: str) -> list[Key]:
    """The ids that join, in order. An id that is no UUID means something to that client (host) only."""
    return list(dict.fromkeys(_keys(model, call, client)))


def parties_of(model: Fields) -> frozenset[str]:
    """The people, as address keys."""
    found = {
        address_key(str(name.get("aor") or ""))
        for row in model.get("participants") or ()
        if isinstance(row, Mapping)
        for name in row.get("names") or ()
        if isinstance(name, Mapping)
    }
    return frozenset(found - {""})


def _keys(model: Fields, call: Fields, client: str) -> Iterable[Key]:
    for kind, name in (("group", "groups"), ("session", "sessions")):
        for row in model.get(name) or ():
            key = str(row.get("id") or "") if isinstance(row, Mapping) else ""
            if len(key) >= SHORTEST:
                yield kind, key if _UUID.fullmatch(key) else f"{client}/{key}"
    for row in call.get("correlation") or ():
        if isinstance(row, Mapping) and row.get("kind") in LINKING and row.get("value"):
            yield str(row["kind"]), str(row["value"])
