"""The cluster in Redis: leases of nodes, snapshots of their calls, and who took over whose."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import msgspec
from redis.exceptions import ReadOnlyError, RedisError

from siprecord.cluster import scripts
from siprecord.cluster.connect import RedisSettings, connect
from siprecord.cluster.faults import NONSENSE, words_for
from siprecord.errors import SiprecordError

P = ParamSpec("P")
T = TypeVar("T")
REMEMBER_S = 7 * 86_400
"""How long it is remembered who took over the calls of a dead node: until then it may come back and ask."""
FIRST_WITH_FLAGS = 7
"""The release of Redis that knows flags of scripts; every Valkey knows them."""
SECONDS_MORE = 1.0
"""What a command may take beyond the time-out of its socket, such as to connect first."""


class ClusterError(SiprecordError):
    """Redis can't be used at present; the text says why."""


class Fenced(ClusterError):
    """Our lease has ended or is somebody else's: what we write is not taken."""


class NameTaken(ClusterError):
    """Another node with our name is alive."""


class NodeRow(msgspec.Struct, frozen=True, kw_only=True):
    """A node as the others see it. `seen` is its wall clock at its last sign of life, in seconds."""

    instance: str
    host: str = ""
    pid: int = 0
    version: str = ""
    epoch: str = ""
    state: str = "up"
    """up, left (it ended on purpose) or taken (it died, and `by` has taken over its calls)."""
    by: str = ""
    since: float = 0.0
    seen: float = 0.0
    calls: int = 0
    lag_s: float = 0.0
    addresses: str = ""
    """Its floating addresses, with blanks between them."""
    lease_ms: int = 0
    """What is left of its lease; 0: it has none. Filled in by `nodes`."""


class TakenRow(msgspec.Struct, frozen=True, kw_only=True):
    """Who took over a call, when (seconds since 1970), and as which recording it goes on there, if any."""

    by: str
    at: str = ""
    recording_id: str = msgspec.field(default="", name="as")
    kept: bool = False
    """Its node lives after all and was told that both recordings stay."""


@dataclass(frozen=True, slots=True)
class _Keys:
    """Names of keys; the braces put all of them in one slot of a Redis cluster."""

    cluster: str

    def __call__(self, *parts: str) -> str:
        return ":".join((f"{{{self.cluster}}}", *parts))


def _sensible(method: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, Coroutine[Any, Any, T]]:
    """An answer that can't be read is trouble with Redis, like any other."""

    @wraps(method)
    async def read(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return await method(*args, **kwargs)
        except NONSENSE as error:
            raise ClusterError(words_for(error)) from None

    return read


class RedisStore:
    """All methods raise ClusterError when Redis is down, slow or full, and never take longer than the
    time-out of the settings and a second.
    """

    def __init__(self, settings: RedisSettings, cluster: str, node: str) -> None:
        self.node = node
        self.token = ""
        """Of our lease; "" while we have none."""
        self._timeout = settings.timeout_s + SECONDS_MORE
        self._redis, self._watchers = connect(settings)
        self._key = _Keys(cluster)
        self._flags: bool | None = None

    @_sensible
    async def acquire(self, instance: str, process: str, lease_ms: int, row: NodeRow) -> NodeRow | None:
        """Take the lease of our name; an earlier life of ours (`instance`) gives way. Raises NameTaken.

        Answers what was known of our name so far.
        """
        keys = (self._key("lease", self.node), self._key("nodes"), self._key("epoch"))
        text = msgspec.json.encode(row)
        done, token, other = await self._run(
            scripts.ACQUIRE, keys, self.node, instance, process, lease_ms, text
        )
        known = _row(other)
        if not done:
            where = f" on {known.host} (process {known.pid})" if known and known.host else ""
            raise NameTaken(f"another node called {self.node} is alive{where}: give each its own name (node)")
        self.token = token.decode()
        return known

    @_sensible
    async def beat(self, lease_ms: int, row: NodeRow) -> None:
        """Renew our lease. Raises Fenced when it has ended, NameTaken when somebody else has it."""
        keys = (self._key("lease", self.node), self._key("nodes"))
        row = msgspec.structs.replace(row, epoch=self.token.partition(":")[0])
        told = await self._run(scripts.BEAT, keys, self.token, lease_ms, self.node, msgspec.json.encode(row))
        if told == 0:
            raise Fenced("the lease of this node had ended")
        if told < 0:
            raise NameTaken(f"another process has taken the name {self.node}: give each node its own (node)")

    @_sensible
    async def push(self, changed: Mapping[str, bytes], gone: Sequence[str]) -> None:
        """Write and delete snapshots of our calls. Raises Fenced."""
        keys = (self._key("lease", self.node), self._key("calls", self.node))
        pairs = (part for pair in changed.items() for part in pair)
        if not await self._run(scripts.PUSH, keys, self.token, len(gone), *gone, *pairs):
            raise Fenced("the lease of this node is over: what it writes is not taken")

    @_sensible
    async def own(self) -> dict[str, bytes]:
        """All snapshots that are stored as ours."""
        return dict(_pairs(await self._do("HGETALL", self._key("calls", self.node))))

    @_sensible
    async def nodes(self) -> dict[str, NodeRow]:
        """All nodes there are or were, by name."""
        rows = {
            name: row
            for name, text in _pairs(await self._do("HGETALL", self._key("nodes")))
            if (row := _row(text)) is not None
        }
        async with self._asking():
            pipe = self._redis.pipeline(transaction=False)
            for name in rows:
                pipe.pttl(self._key("lease", name))
            leases = await pipe.execute()
        return {
            name: msgspec.structs.replace(row, lease_ms=max(0, left))
            for (name, row), left in zip(rows.items(), leases, strict=True)
        }

    @_sensible
    async def claim(self, dead: str, epoch: str) -> dict[str, bytes] | None:
        """Make the calls of a node ours whose lease has ended; None when another node was first."""
        keys = (
            self._key("lease", self.node),
            self._key("lease", dead),
            self._key("nodes"),
            self._key("calls", dead),
            self._key("calls", self.node),
            self._key("taken", dead),
        )
        wall = f"{time.time():.3f}"
        done, *rest = await self._run(
            scripts.CLAIM, keys, self.token, dead, epoch, self.node, REMEMBER_S, wall
        )
        if done < 0:
            raise Fenced("the lease of this node is over: it takes over nothing")
        return dict(_pairs(rest[0])) if done else None

    async def taken(self) -> dict[str, TakenRow]:
        """Our calls that others took over, as long as it is remembered."""
        return await self._taken(self.node)

    @_sensible
    async def _taken(self, node: str) -> dict[str, TakenRow]:
        found: dict[str, TakenRow] = {}
        for name, text in _pairs(await self._do("HGETALL", self._key("taken", node))):
            try:
                found[name] = msgspec.json.decode(text, type=TakenRow)
            except msgspec.MsgspecError:
                continue
        return found

    async def tell_taken(self, dead: str, recordings: Mapping[str, str]) -> None:
        """Remember as which recordings the calls of a dead node go on here."""
        at = f"{time.time():.3f}"
        rows = {
            one: msgspec.json.encode(TakenRow(by=self.node, at=at, recording_id=other))
            for one, other in recordings.items()
        }
        if rows:
            await self._do(
                "HSET", self._key("taken", dead), *(part for pair in rows.items() for part in pair)
            )

    async def want(self, by_holder: Mapping[str, Sequence[str]]) -> None:
        """Tell who took calls over that they still run here."""
        for holder, recordings in by_holder.items():
            fields = [part for one in recordings for part in (one, self.node)]
            await self._do("HSET", self._key("wanted", holder), *fields)

    @_sensible
    async def wanted(self) -> dict[str, str]:
        """Calls that we took over and that still run where they were, with the name of that node; once."""
        key = self._key("wanted", self.node)
        found = {name: node.decode() for name, node in _pairs(await self._do("HGETALL", key))}
        if found:
            await self._do("HDEL", key, *found)
        return found

    async def give_back(self, node: str, recording_id: str) -> None:
        """A call of this node is not taken over any more."""
        await self._do("HDEL", self._key("taken", node), recording_id)

    async def keep(self, node: str, recording_id: str) -> None:
        """A call of this node that lives after all stays taken over: there is something in our recording."""
        row = (await self._taken(node)).get(recording_id)
        if row is not None:
            kept = msgspec.json.encode(msgspec.structs.replace(row, kept=True))
            await self._do("HSET", self._key("taken", node), recording_id, kept)

    async def leave(self, row: NodeRow) -> None:
        """We end on purpose: there is nothing to take over."""
        row = msgspec.structs.replace(row, state="left", epoch=self.token.partition(":")[0])
        await self._do("HSET", self._key("nodes"), self.node, msgspec.json.encode(row))
        await self._do("DEL", self._key("lease", self.node), self._key("calls", self.node))
        self.token = ""

    async def close(self) -> None:
        """Close all connections."""
        for client in (self._redis, *self._watchers):
            try:
                await asyncio.wait_for(client.aclose(), self._timeout)
            except (RedisError, OSError, TimeoutError):
                continue

    async def _run(self, script: scripts.Script, keys: Sequence[str], *args: str | bytes | int) -> Any:
        async with self._asking():
            text = script.text.strip()
            if script.frees and await self._knows_flags():
                text = scripts.FREES + text
            return await self._redis.eval(text, len(keys), *keys, *args)

    async def _do(self, *command: str | bytes | int) -> Any:
        async with self._asking():
            return await self._redis.execute_command(*command)  # type: ignore[no-untyped-call]

    async def _knows_flags(self) -> bool:
        if self._flags is None:
            told = await self._redis.info("server")
            number = re.match(r"\d+", str(told.get("redis_version", "")))
            self._flags = "valkey_version" in told or (
                number is not None and int(number[0]) >= FIRST_WITH_FLAGS
            )
        return self._flags

    @asynccontextmanager
    async def _asking(self) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(self._timeout):
                yield
        except ClusterError:
            raise
        except (RedisError, OSError, *NONSENSE) as error:
            self._flags = None  # what answers next may be another release
            if isinstance(error, ReadOnlyError):
                await self._redis.connection_pool.disconnect()  # the name may lead to the master by now
            raise ClusterError(words_for(error)) from None


def _pairs(reply: Any) -> Iterable[tuple[str, bytes]]:
    """Of HGETALL, as RESP3 (a map) or as RESP2 and Lua (a list) tell it."""
    if isinstance(reply, dict):
        items: Iterable[tuple[bytes, bytes]] = reply.items()
    else:
        items = zip(reply[::2], reply[1::2], strict=True)
    return [(name.decode(errors="replace"), value) for name, value in items]


def _row(text: bytes) -> NodeRow | None:
    """A node that can't be read is none: it may be of another release."""
    try:
        return msgspec.json.decode(text, type=NodeRow)
    except msgspec.MsgspecError:
        return None
