"""The recorder's safety net: who keeps its sockets, what an earlier life left there, our signs of life."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Mapping, MutableMapping, Sequence
from pathlib import Path

from siprecord.holder import FdStore, HolderStore, Kept, SystemdStore
from siprecord.holder.deaths import HolderSettings
from siprecord.holder.process import DIED_AT, FRESH, HOLDER_PID
from siprecord.server.continuity import Continuity
from siprecord.server.holder_watch import HolderWatch
from siprecord.server.sockets import LISTEN, KeptSockets

BEATS = 3
"""Signs of life in the time after which we would be taken for dead."""
START = "start"
"""Under systemd a name for each start since a recorder served, with its number and when its process began."""


class Keeping:
    """Everything that has to do with a store of descriptors. Takes out at once what an earlier life left."""

    def __init__(self, store: FdStore, spool: Path, environ: MutableMapping[str, str]) -> None:
        holder = environ.get(HOLDER_PID, "")
        self._holder = int(holder) if holder.isdigit() else None
        self._watch: HolderWatch | None = None
        died, fresh = environ.pop(DIED_AT, ""), bool(environ.pop(FRESH, ""))
        died_ns = int(died) if died.isdigit() else None
        self.store = store
        self._starts: list[str] = []
        kept = store.take()
        if isinstance(store, SystemdStore):
            died_ns, fresh = self._look_back(kept)
        self.sockets = KeptSockets(store)
        self.continuity = Continuity(store, spool, died_ns=died_ns, fresh=fresh)
        for name, fd in kept:
            if name in self._starts:
                os.close(fd)
            elif not (self.sockets.inherit(name, fd) or self.continuity.inherit(name, fd)):
                store.remove(name)
                os.close(fd)

    def _look_back(self, kept: Kept) -> tuple[int | None, bool]:
        """What systemd does not tell: by when nobody served any more, and whether all keep dying (of what,
        nobody knows).
        """
        self._starts = [name for name, _ in kept if name.partition(".")[0] == START]
        began = process_began_ns()
        fresh = len(self._starts) >= HolderSettings().fresh_after_any
        again = any(name.partition(".")[0] != LISTEN for name, _ in kept)
        died_ns = min(filter(None, (began, *map(_began, self._starts))))
        name = f"{START}.{len(self._starts)}.{began}"
        with Path(os.devnull).open("rb") as nothing:
            self.store.store({name: [nothing.fileno()]})
        self._starts.append(name)
        return died_ns if again else None, fresh

    @property
    def kept_by(self) -> str:
        """`holder` or `systemd`."""
        return "systemd" if isinstance(self.store, SystemdStore) else "holder"

    @property
    def holder_pid(self) -> int | None:
        """The process that holds our sockets; None while there is none."""
        return self._watch.pid if self._watch is not None else self._holder

    @property
    def protected(self) -> bool:
        """Whether calls would survive our death."""
        return self._watch is None or not self._watch.lost

    @property
    def trouble(self) -> str:
        """Why no other holder could take us on while there is none; else empty."""
        return self._watch.trouble if self._watch is not None else ""

    def serving(self, data_dir: Path) -> None:
        """All ports are open."""
        self.sockets.close_unused()
        self.store.remove(*self._starts)
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


def _began(start: str) -> int:
    """When the process of an earlier start began; 0 where its name does not tell."""
    began = start.split(".")[2:]
    return int(began[0]) if began and began[0].isdigit() else 0


def process_began_ns() -> int:
    """When this process was made, in nanoseconds since 1970, to a tick of the kernel."""
    ticks = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])
    began = ticks * 1_000_000_000 // os.sysconf("SC_CLK_TCK")
    return time.time_ns() - (time.clock_gettime_ns(time.CLOCK_BOOTTIME) - began)
