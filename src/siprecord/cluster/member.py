"""The life of one node among others: it holds a lease, and takes over calls of nodes whose lease has ended.

Redis may go away at any time. Then nobody claims anything; each node records on, and after its return a node
claims only when it has held its own lease for a whole lease time without a break, so that all others had time
to renew theirs.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass

import msgspec
import structlog

from siprecord.aio import finish, spawn
from siprecord.cluster.envelope import DamagedSnapshot, Snapshot, unseal
from siprecord.cluster.marks import node_mark
from siprecord.cluster.replica import Replica
from siprecord.cluster.store import ClusterError, Fenced, NameTaken, NodeRow, RedisStore, TakenRow
from siprecord.cluster.trouble import Trouble

BEATS = 3
"""Signs of life in a lease: one may be lost, and one may be late."""
PATIENCE = 3
"""Leases after which a node is not waited for any more: nobody takes its calls over."""
LEAVE_S = 2.0
MAX_AGE_S = 300.0
"""Ours: who was heard of last before that has no client any more that waits for an answer."""

_log = structlog.stdlib.get_logger("siprecord.cluster")


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberSettings:
    """`instance` is the same in all lives of a node and in no other node; `process` is new in each life."""

    instance: str
    process: str
    lease_s: float
    row: NodeRow
    encrypted: bool = False
    """Whether what goes to Redis is encrypted on its way."""


@dataclass(frozen=True, slots=True)
class Claim:
    """Calls of a node that is dead, which are ours now; of an earlier life of ours if it has our name.

    `seen` is its last sign of life, seconds since 1970.
    """

    node: str
    seen: float
    calls: Mapping[str, Snapshot]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hooks:
    """What a node does with what its membership brings."""

    take_over: Callable[[Claim], Awaitable[Mapping[str, str]]]
    """Go on with calls; answers their recordings, old to new. Those that are missing could not go on."""
    running: Callable[[], Collection[str]]
    """Recordings that run here."""
    release: Callable[[str], bool]
    """A call that we took over runs on where it was: end ours if it has nothing. Answers whether it did."""
    shared: Callable[[str, TakenRow], object]
    """A call that runs here was taken over by another node, which has a recording of it too."""
    serves: Callable[[str], bool]
    """Whether this machine has one of these floating addresses, with blanks between them."""


class Member:
    """A node of a cluster, from `join` to `leave`."""

    def __init__(self, store: RedisStore, settings: MemberSettings, hooks: Hooks) -> None:
        self.trouble = Trouble()
        self.replica = Replica(
            store,
            secrets=settings.encrypted,
            on_failure=self._not_written,
            on_success=lambda: self._well("snapshots"),
        )
        self.nodes: Mapping[str, NodeRow] = {}
        """As of the last look."""
        self.taken_over = 0
        """Calls of other nodes, or of an earlier life of ours, that went on here."""
        self.failed_takeovers = 0
        self._store = store
        self._settings = settings
        self._hooks = hooks
        self._lease_ms = int(settings.lease_s * 1000)
        self._tasks: list[asyncio.Task[None]] = []
        self._since: float | None = None
        """When our lease was taken that has held without a break (monotonic)."""
        self._dead: dict[str, float] = {}
        """Nodes whose lease has ended, and when that was first seen."""
        self._before: NodeRow | None = None
        """What was known of our name when we came."""
        self._new = True
        self._contested: set[str] = set()
        """Calls that run here and that another node took over; it was asked to leave them to us."""

    @property
    def name(self) -> str:
        """Our name."""
        return self._store.node

    @property
    def connected(self) -> bool:
        """Whether our lease was held at the last beat."""
        return self._since is not None

    def awaits(self, cluster: str, tag: str, waited: float) -> bool:
        """Whether the dialog with this tag may be taken over soon: its node was alive a moment ago, and has
        given no sign of life since a request came here instead, which was so many seconds ago.
        """
        made_it = next((name for name in self.nodes if tag.endswith(node_mark(cluster, name))), None)
        if made_it is None or not self.connected:
            return False
        name, row = made_it, self.nodes[made_it]
        for _ in self.nodes:
            if row.state == "taken" and row.by in self.nodes:
                name, row = row.by, self.nodes[row.by]
        now = time.time()
        seen_before = now - PATIENCE * self._settings.lease_s <= row.seen <= now - waited
        return name != self.name and row.state == "up" and seen_before

    async def join(self) -> None:
        """Take our lease. Raises NameTaken; that Redis is away is told in `trouble`, and no error."""
        try:
            await self._acquire()
        except NameTaken:
            raise
        except ClusterError as error:
            self.trouble.note("beats", error)

    def start(self) -> None:
        """Begin with beats and snapshots, when calls can be taken."""
        self._tasks = [
            spawn(self._beat_forever(), name="cluster beats"),
            spawn(self.replica.run(), name="cluster snapshots"),
        ]

    async def leave(self, *, for_good: bool) -> None:
        """End. `for_good`: our calls are over, and nobody is to take anything over."""
        await finish(*self._tasks)
        if for_good and self._store.token:
            try:
                async with asyncio.timeout(LEAVE_S):
                    await self._store.leave(self._row())
            except (ClusterError, TimeoutError) as error:
                _log.warning("the cluster could not be told that this node ends", reason=str(error))
        await self._store.close()

    async def _beat_forever(self) -> None:
        while True:
            try:
                await self._beat()
                self._well("beats")
            except ClusterError as error:
                self._since = None
                if isinstance(error, NameTaken):
                    self._lose_lease()
                self.trouble.note("beats", error)
            await asyncio.sleep(self._settings.lease_s / BEATS)

    async def _beat(self) -> None:
        if not self._store.token:
            await self._acquire()
        try:
            await self._store.beat(self._lease_ms, self._row())
        except Fenced:
            _log.warning("the lease of this node had ended: it is taken anew", node=self.name)
            await self._acquire()
        if self._new:
            await self._go_on_with_own()
        self.replica.enabled = True
        self._since = self._since or time.monotonic()
        self.nodes = await self._store.nodes()
        for recording_id, node in (await self._store.wanted()).items():
            await self._answer_wanted(recording_id, node)
        await self._learn_of_contested()
        await self._claim_from_the_dead()

    async def _acquire(self) -> None:
        """Take our lease, tell who took our calls over that they still run, and write all of them again."""
        self._since = None
        settings = self._settings
        before = await self._store.acquire(settings.instance, settings.process, self._lease_ms, self._row())
        if self._new:
            self._before = before
        running = self._hooks.running()
        wanted: dict[str, list[str]] = {}
        for recording_id, taken in (await self._store.taken()).items():
            if recording_id in running:
                wanted.setdefault(taken.by, []).append(recording_id)
        await self._store.want(wanted)
        self._contested = {each for of in wanted.values() for each in of}
        self.replica.again()

    async def _answer_wanted(self, recording_id: str, node: str) -> None:
        if self._hooks.release(recording_id):
            await self._store.give_back(node, recording_id)
            _log.info("a call is left to the node that it runs on", recording_id=recording_id, node=node)
        else:
            await self._store.keep(node, recording_id)

    async def _learn_of_contested(self) -> None:
        """What the others answered: given back, or recorded there too; then each log is told."""
        if not self._contested:
            return
        taken = await self._store.taken()
        for recording_id in tuple(self._contested):
            row = taken.get(recording_id)
            if row is None or row.kept:
                self._contested.discard(recording_id)
            if row is not None and row.kept:
                self._hooks.shared(recording_id, row)

    async def _go_on_with_own(self) -> None:
        """After a start: take up calls of our own earlier life that nobody else has."""
        running = self._hooks.running()
        stored = {one: data for one, data in (await self._store.own()).items() if one not in running}
        seen = self._before.seen if self._before is not None else 0.0
        self._new = False
        if stored:
            await self._go_on(self.name, seen, stored)

    async def _claim_from_the_dead(self) -> None:
        now = time.monotonic()
        dead = {
            name: row
            for name, row in self.nodes.items()
            if row.state == "up" and not row.lease_ms and name != self.name
        }
        self._dead = {name: self._dead.get(name, now) for name in dead}
        lease = self._settings.lease_s
        if self._since is None or now - self._since < lease:
            return
        for name, row in dead.items():
            if row.addresses and not self._hooks.serves(row.addresses) and now - self._dead[name] < lease:
                continue  # whoever has its address answers its clients: let that one be first
            calls = await self._store.claim(name, row.epoch)
            if calls is not None:
                _log.warning("a node is dead: its calls go on here", dead=name, calls=len(calls))
                await self._go_on(name, row.seen, calls)

    async def _go_on(self, node: str, seen: float, stored: Mapping[str, bytes]) -> None:
        new: Mapping[str, str] = {}
        if time.time() - seen > MAX_AGE_S:
            _log.error("calls are too old to go on with", of=node, calls=len(stored))
        else:
            new = await self._hooks.take_over(Claim(node, seen, self._readable(node, stored)))
        self.taken_over += len(new)
        self.failed_takeovers += len(stored) - len(new)
        for recording_id in stored:
            self.replica.forget(recording_id)
        await self._store.tell_taken(node, new)

    def _readable(self, node: str, stored: Mapping[str, bytes]) -> dict[str, Snapshot]:
        calls = {}
        for recording_id, data in stored.items():
            try:
                calls[recording_id] = unseal(data)
            except DamagedSnapshot as error:
                _log.error("a call can't go on here", recording_id=recording_id, of=node, reason=str(error))
        return calls

    def _row(self) -> NodeRow:
        return msgspec.structs.replace(
            self._settings.row,
            seen=time.time(),
            calls=len(self._hooks.running()),
            lag_s=round(self.replica.lag_s, 3),
        )

    def _lose_lease(self) -> None:
        self._store.token = ""
        self.replica.enabled = False

    def _not_written(self, error: ClusterError) -> None:
        if isinstance(error, Fenced):
            self._lose_lease()
        else:
            self.trouble.note("snapshots", error)

    def _well(self, what: str) -> None:
        if self.trouble.over(what) and what == "beats":
            self.replica.again()
