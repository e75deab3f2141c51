"""How long tests wait for what must happen."""

from __future__ import annotations

import time
from collections.abc import Callable

PATIENCE = 120.0
"""Seconds, longer than any machine is busy: it only ends a test that hangs."""


def wait_until(condition: Callable[[], bool], what: str = "it") -> None:
    """Poll what another thread or process does by its own clock."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, f"{what} did not happen in time"
        time.sleep(0.01)
