"""The recorder's safety net: who keeps its sockets, what an earlier life left there, our signs of life."""

from __future__ import annotations

import asyncio
import os
from collections.abc import MutableMapping
from pathlib import Path

from siprecord.holder import FdStore, HolderStore
from siprecord.server.continuity import Continuity
from siprecord.server.sockets import KeptSockets

DIED_AT = "SIPRECORD_INTERNAL_DIED_AT"
FRESH = "SIPRECORD_INTERNAL_FRESH"
BEATS = 3
"""Signs of life in the time after which we would be taken for dead."""


class Keeping:
    """Everything that has to do with a store of descriptors. Takes out at once what an earlier life left."""

    def __init__(self, store: FdStore, spool: Path, environ: MutableMapping[str, str]) -> None:
        died, fresh = environ.pop(DIED_AT, ""), environ.pop(FRESH, "")
        self.store = store
        self.sockets = KeptSockets(store)
        self.continuity = Continuity(
            store, spool, died_ns=int(died) if died.isdigit() else None, fresh=bool(fresh)
        )
        for name, fd in store.take():
            if not (self.sockets.inherit(name, fd) or self.continuity.inherit(name, fd)):
                store.remove(name)
                os.close(fd)

    @property
    def holder_fd(self) -> int | None:
        """Readable when the holder has died; None without one."""
        return self.store.fileno() if isinstance(self.store, HolderStore) else None

    def serving(self) -> None:
        """All ports are open."""
        self.sockets.close_unused()
        self.store.ready()

    def stopping(self) -> None:
        """We end on purpose."""
        self.store.stopping()

    async def beat(self) -> None:
        """Tell that the loop still turns, until cancelled."""
        while self.store.watchdog_s is not None:
            self.store.alive()
            await asyncio.sleep(self.store.watchdog_s / BEATS)
