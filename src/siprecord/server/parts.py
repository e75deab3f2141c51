"""The outer world of a handler, to be replaced as a whole in tests."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from siprecord.recording.ports import Archive, CallMap
from siprecord.server.continuity import Continuity
from siprecord.server.runner import CallRunner

TOKEN_BYTES = 6
"""Of a recording id: 48 random bits beside the second it began in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What a handler needs. `problems` gives sentences on why no new call can be taken.

    `wall` is the time of day, `token` makes recording ids unique, `node` names this server in recordings.
    """

    archive: Archive
    calls: CallMap[CallRunner]
    problems: Callable[[], Sequence[str]]
    wall: Callable[[], datetime]
    token: Callable[[], str]
    node: str = ""
    continuity: Continuity | None = None
    """What keeps calls alive across our death, where there is somebody to keep them."""


def wall_clock() -> datetime:
    """The time of day, to the microsecond."""
    return datetime.fromtimestamp(time.time_ns() / 1e9, tz=UTC)


def recording_token() -> str:
    """What makes recording ids unique."""
    return secrets.token_hex(TOKEN_BYTES)
