"""Date-times of metadata (RFC 3339, as RFC 7865 section 6.9 asks), and the ways clients miss that form."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo

_TIME = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:[.,](\d{1,12})\d*)?"
    r"[ \t]*(?:([Zz])|([+-])(\d\d):?(\d\d))?",
    re.ASCII,
)
_STRICT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)", re.ASCII)
_FIRST_PLAUSIBLE_YEAR = 2000  # SIPREC is younger; clocks that were never set say 1970


def read_time(text: str, zone: tzinfo, deviations: list[str]) -> datetime | None:
    """The time in UTC, or None when it can't be read. `zone` holds for a time without one."""
    if _STRICT.fullmatch(text) is not None and (usual := _usual(text)) is not None:
        return usual
    match = _TIME.fullmatch(text)
    if match is None:
        deviations.append(f"a time can't be read: {text[:40]!r} (RFC 7865 section 6.9)")
        return None
    try:
        time = _value(match, zone).astimezone(UTC)
    except (ValueError, OverflowError):
        deviations.append(f"a time does not exist: {text[:40]!r} (RFC 7865 section 6.9)")
        return None
    if match[8] is None and match[9] is None:
        deviations.append(f"times have no zone; {zone} was assumed (RFC 7865 section 6.9, Q52)")
    elif _STRICT.fullmatch(text) is None:
        deviations.append("times are not written as RFC 3339 says (RFC 7865 section 6.9)")
    if time.year < _FIRST_PLAUSIBLE_YEAR:
        deviations.append("times are older than SIPREC itself: the client's clock is not set")
    return time


def _usual(text: str) -> datetime | None:
    """A time as RFC 3339 wants it and as clocks that are set say it; None leaves the judgement to others."""
    try:
        time = datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return time if time.year >= _FIRST_PLAUSIBLE_YEAR else None


def write_time(time: datetime) -> str:
    """RFC 3339 in UTC, with upper-case T and Z."""
    return time.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _value(match: re.Match[str], zone: tzinfo) -> datetime:
    year, month, day, hour, minute, second = (int(match[index]) for index in range(1, 7))
    microsecond = int((match[7] or "0").ljust(6, "0")[:6])
    if match[8]:
        zone = UTC
    elif match[9]:
        offset = timedelta(hours=int(match[10]), minutes=int(match[11]))
        zone = timezone(-offset if match[9] == "-" else offset)
    # A leap second has no datetime of its own.
    return datetime(
        year, month, day, hour, minute, min(second, 59) if second == 60 else second, microsecond, zone
    )
