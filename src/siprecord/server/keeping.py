"""The recorder's safety net: who keeps its sockets, what an earlier life left there, our signs of life."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, MutableMapping, Sequence
from pathlib import Path

from siprecord.holder import FdStore, HolderStore
from siprecord.holder.process import DIED_AT, FRESH, HOLDER_PID
from siprecord.server.continuity import Continuity
from siprecord.server.holder_watch import HolderWatch
from siprecord.server.sockets import KeptSockets

BEATS = 3
"""Signs of life in the time after which we would be taken for dead."""


class Keeping:
    """Everything that has to do with a store of descriptors. Takes out at once what an earlier life left."""

    def __init__(self, store: FdStore, spool: Path, environ: MutableMapping[str, str]) -> None:
        holder = environ.get(HOLDER_PID, "")
        self._holder = int(holder) if holder.isdigit() else None
        self._watch: HolderWatch | None = None
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
    def holder_pid(self) -> int | None:
        """The process that holds our sockets; None while there is none."""
        return self._watch.pid if self._watch is not None else self._holder

    @property
    def protected(self) -> bool:
        """Whether calls would survive our death."""
        return self._watch is None or not self._watch.lost

    def serving(self, data_dir: Path) -> None:
        """All ports are open."""
        self.sockets.close_unused()
        self.store.ready()
        if isinstance(self.store, HolderStore):
            self._watch = HolderWatch(self.store, data_dir, self._kept, self._holder)
            self._watch.begin()

    def close(self) -> None:
        """Watch the holder no more."""
        if self._watch is not None:
            self._watch.end()

    def _kept(self) -> Mapping[str, Sequence[int]]:
        return {**self.sockets.kept(), **self.continuity.kept()}

    def stopping(self) -> None:
        """We end on purpose."""
        if self._watch is not None:
            self._watch.stay_alone()
        self.store.stopping()

    async def beat(self) -> None:
        """Tell that the loop still turns, until cancelled."""
        while self.store.watchdog_s is not None:
            self.store.alive()
            await asyncio.sleep(self.store.watchdog_s / BEATS)
