"""Make an input that breaks something as short as it can be while it breaks the same thing."""

from __future__ import annotations

from fuzz.targets import TARGETS


def failure(target: str, data: bytes) -> str | None:
    """What kind of failure an input brings, or None when all holds."""
    try:
        TARGETS[target].check(data)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001 - a panic of the compiled core is no Exception
        return f"{type(error).__name__} {str(error)[:24]}"
    return None


def minimised(target: str, data: bytes) -> bytes:
    """Leave out ever smaller pieces for as long as the failure stays the same."""
    wanted = failure(target, data)
    if wanted is None:
        return data
    size = len(data) // 2
    while size:
        start = 0
        while start < len(data):
            shorter = data[:start] + data[start + size :]
            if failure(target, shorter) == wanted:
                data = shorter
            else:
                start += size
        size //= 2
    return data
