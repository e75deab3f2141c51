"""What becomes of a capture log when its call is over."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from siprecord.control import Row


class Finisher(Protocol):
    """Turns closed capture logs into recordings, off the loop."""

    @property
    def queued(self) -> int:
        """Recordings that wait or are being worked on."""

    @property
    def failed(self) -> int:
        """Recordings that could not be made; their logs are kept."""

    async def start(self) -> None:
        """Begin, with what an earlier life of this server left behind."""

    def submit(self, recording_id: str, log: Path) -> None:
        """A log is closed: make a recording of it. Returns at once."""

    async def close(self) -> None:
        """Finish what is being worked on. What still waits is taken up at the next start."""

    def list(self, limit: int) -> Sequence[Row]:
        """Finished recordings, the newest first. May block."""

    def get(self, recording_id: str) -> Row | None:
        """One finished recording. May block."""


class KeepLogs:
    """No rendering: capture logs stay in the spool folder, for `siprecord render`."""

    queued = 0
    failed = 0

    async def start(self) -> None:
        """Nothing to do."""

    def submit(self, recording_id: str, log: Path) -> None:
        """The log stays where it is."""

    async def close(self) -> None:
        """Nothing to do."""

    def list(self, limit: int) -> Sequence[Row]:
        """There are none."""
        return []

    def get(self, recording_id: str) -> Row | None:
        """There is none."""
        return None
