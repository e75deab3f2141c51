"""Brings snapshots of calls to Redis behind the calls' backs: a bounded queue with one entry for a call.

Of a call only the newest state counts, so what is put while Redis is away replaces what waits. When Redis
comes back everything that runs is written again, and what is over is deleted: the order of events does not
matter.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from siprecord.cluster.envelope import Snapshot, seal
from siprecord.cluster.store import ClusterError, Fenced, RedisStore

BATCH_CALLS = 128
BATCH_BYTES = 256 * 1024
"""Of one command, so that none of them keeps Redis, or our loop, long."""
GATHER_S = 0.2
"""A state that has just changed changes again at once (INVITE, ACK), and a command costs more than a state in
it: wait so long before it is written. A node that dies meanwhile leaves the state before.
"""
MAX_ENDED = 20_000
"""Ended calls whose deletion waits; above that all is compared with what Redis has."""
RETRY_S = 1.0
KEYS = (b"a=crypto:", b"\xa6theirs")
"""In the state of a call whose media is protected: our key in the SDP, the field that holds theirs."""

_log = structlog.stdlib.get_logger("siprecord.cluster")


@dataclass(slots=True)
class ReplicaFigures:
    """What was done so far; `bytes` is the size of all snapshots that were written."""

    written: int = 0
    bytes: int = 0
    deleted: int = 0
    failures: int = 0
    too_large: int = 0
    withheld: int = 0
    """States with keys that must not go over the network in the clear."""
    largest: int = 0


class Replica:
    """`put` and `drop` never block and never fail. `run` does the work until it is cancelled.

    States that hold keys of SRTP are written only if `secrets`: if the way to Redis is encrypted.
    `on_failure` and `on_success` are told of each attempt, on the loop.
    """

    def __init__(
        self,
        store: RedisStore,
        *,
        secrets: bool = False,
        on_failure: Callable[[ClusterError], object] = lambda error: None,
        on_success: Callable[[], object] = lambda: None,
    ) -> None:
        self.figures = ReplicaFigures()
        self.enabled = False
        """Set while we hold a lease: without one nothing would be taken."""
        self._store = store
        self._secrets = secrets
        self._on_failure, self._on_success = on_failure, on_success
        self._current: dict[str, Snapshot] = {}
        self._dirty: dict[str, float] = {}
        """Calls whose state, or end, Redis has not been told, and since when (monotonic)."""
        self._writing: dict[str, float] = {}
        """Those that are on their way."""
        self._compare = True
        self._news = asyncio.Event()

    def put(self, recording_id: str, document: bytes) -> None:
        """This is the state of a call from now on."""
        if not self._secrets and any(sign in document for sign in KEYS):
            self._withhold(recording_id)
            return
        self._current[recording_id] = Snapshot(document, time.time(), time.monotonic())
        self._mark(recording_id)

    def _withhold(self, recording_id: str) -> None:
        if not self.figures.withheld:
            _log.warning(
                "a call with SRTP would end with this node: its keys are not written to Redis over a "
                "connection in the clear; set cluster.tls",
                recording_id=recording_id,
            )
        self.figures.withheld += 1
        self.drop(recording_id)

    def drop(self, recording_id: str) -> None:
        """The call is over."""
        if self._current.pop(recording_id, None) is not None or recording_id in self._dirty:
            self._mark(recording_id)

    def forget(self, recording_id: str) -> None:
        """Delete what Redis has of a call that was never ours, or was another's."""
        self._current.pop(recording_id, None)
        self._mark(recording_id)

    def again(self) -> None:
        """Redis may have lost or changed what it had: write everything, and compare."""
        self._compare = True
        now = time.monotonic()
        for recording_id in self._current:
            self._dirty.setdefault(recording_id, now)
        self._news.set()

    @property
    def calls(self) -> int:
        """Calls that are to be known in Redis."""
        return len(self._current)

    @property
    def pending(self) -> int:
        """Calls whose newest state Redis does not have."""
        return len(self._writing.keys() | self._dirty.keys())

    @property
    def lag_s(self) -> float:
        """Seconds by which Redis is behind."""
        waiting = (*list(self._writing.values())[:1], *list(self._dirty.values())[:1])
        return max(0.0, time.monotonic() - min(waiting)) if waiting else 0.0

    async def run(self) -> None:
        """Write what is new, until cancelled."""
        while True:
            await self._news.wait()
            await asyncio.sleep(GATHER_S)
            if not self.enabled:
                self._news.clear()
                continue
            try:
                await self.flush()
            except ClusterError as error:
                self.figures.failures += 1
                if isinstance(error, Fenced):
                    self.enabled = False
                self._on_failure(error)
                await asyncio.sleep(RETRY_S)

    async def flush(self) -> None:
        """Write all that waits. Raises ClusterError; what was not written waits on."""
        if self._compare:
            await self._delete_strangers()
        while self._dirty:
            await self._write_some()
        self._news.clear()
        self._on_success()

    async def _delete_strangers(self) -> None:
        """Delete what Redis has and we do not: calls that ended while it was away."""
        stored = await self._store.own()
        now = time.monotonic()
        for recording_id in stored.keys() - self._current.keys():
            self._dirty.setdefault(recording_id, now)
        self._compare = False

    async def _write_some(self) -> None:
        changed, gone, self._writing = self._next_batch()
        try:
            await self._store.push(changed, gone)
        except BaseException:
            self._dirty = self._writing | self._dirty
            raise
        finally:
            self._writing = {}
        figures = self.figures
        figures.written += len(changed)
        figures.bytes += sum(map(len, changed.values()))
        figures.deleted += len(gone)

    def _next_batch(self) -> tuple[dict[str, bytes], list[str], dict[str, float]]:
        """Snapshots to write, ids to delete, and both as they waited."""
        changed: dict[str, bytes] = {}
        gone: list[str] = []
        taken: dict[str, float] = {}
        size = 0
        for recording_id in list(self._dirty)[:BATCH_CALLS]:
            sealed = self._sealed(recording_id)
            size += len(sealed or b"")
            if size > BATCH_BYTES and taken:
                break
            taken[recording_id] = self._dirty.pop(recording_id)
            if sealed is None:
                gone.append(recording_id)
            else:
                changed[recording_id] = sealed
        return changed, gone, taken

    def _sealed(self, recording_id: str) -> bytes | None:
        """None for a call that is over, and for one with more to tell than may be stored."""
        snapshot = self._current.get(recording_id)
        if snapshot is None:
            return None
        sealed = seal(snapshot)
        if sealed is None:
            self.figures.too_large += 1
        else:
            self.figures.largest = max(self.figures.largest, len(sealed))
        return sealed

    def _mark(self, recording_id: str) -> None:
        self._dirty.setdefault(recording_id, time.monotonic())
        if len(self._dirty) > MAX_ENDED + len(self._current):
            self._dirty = {one: since for one, since in self._dirty.items() if one in self._current}
            self._compare = True
        self._news.set()
