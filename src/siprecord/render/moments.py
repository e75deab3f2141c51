"""Moments as people and programs read them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

_LATEST_NS = 1 << 62
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def rfc3339(time_ns: object) -> str | None:
    """A wall-clock moment with its zone, to the microsecond; nothing for what is no moment."""
    if not isinstance(time_ns, int) or not 0 < time_ns < _LATEST_NS:
        return None
    return (_EPOCH + timedelta(microseconds=time_ns // 1000)).isoformat(timespec="microseconds")
