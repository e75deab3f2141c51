"""What the media engine has taken from its sockets and not written yet, kept over the recorder's death."""

from __future__ import annotations

import os
import time

import structlog

from siprecord.errors import MediaError
from siprecord.holder import FdStore
from siprecord.media import MediaEngine

SHELTER = "shelter"
_log = structlog.stdlib.get_logger("siprecord.server")


class KeptShelters:
    """One shelter for each life of the engine; those of earlier lives go when all of it is in the logs."""

    def __init__(self, store: FdStore) -> None:
        self._store = store
        self._left: dict[str, int] = {}
        self._own: dict[str, list[int]] = {}

    def inherit(self, name: str, fd: int) -> bool:
        """Take a descriptor that the store handed over; False when it is none of ours."""
        kind, _, number = name.partition(".")
        if kind != SHELTER or not number.isdigit() or name in self._left:
            return False
        self._left[name] = fd
        return True

    def begin(self, engine: MediaEngine, *, fresh: bool) -> None:
        """Keep the engine's own shelter, before it takes anything, and give it those of earlier lives.

        Where the recorder keeps dying, what they hold may be the reason: then it is left alone.
        """
        self._own = {f"{SHELTER}.{time.time_ns()}": [engine.shelter_fileno()]}
        self._store.store(self._own)
        for name in sorted(self._left, key=lambda name: int(name.partition(".")[2])):
            try:
                if not fresh:
                    engine.inherit(self._left[name])
            except MediaError as error:
                _log.error("what an earlier life had received is lost", reason=str(error))
            finally:
                os.close(self._left[name])

    def end(self, engine: MediaEngine) -> None:
        """All calls that can go on do so: write what is left for the others, and let the old shelters go."""
        settled = engine.settle()
        if settled.logs or settled.lost:
            _log.warning(
                "logs of calls that do not go on are completed",
                logs=settled.logs,
                packets=settled.stored,
                lost=settled.lost,
            )
        self._store.remove(*self._left)
        self._left.clear()

    def kept(self) -> dict[str, list[int]]:
        """What is kept of this life, for a store that knows nothing of it."""
        return self._own
