"""Nodes of one process over a real Redis, beat by beat: no test waits for a beat to come by itself."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from siprecord.cluster import (
    Claim,
    ClusterError,
    Hooks,
    Member,
    MemberSettings,
    NameTaken,
    NodeRow,
    RedisSettings,
    RedisStore,
    TakenRow,
    node_mark,
)
from tests.support.redis_server import PROGRAM, RedisServer

WHY_NOT = "redis-server is not installed; run scripts/packages.sh"
pytestmark = pytest.mark.skipif(PROGRAM is None, reason=WHY_NOT)


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path_factory.mktemp("redis")).start()
    yield server
    server.stop()


@pytest.fixture(autouse=True)
def empty(redis: RedisServer) -> None:
    redis.command("FLUSHALL")


@dataclass
class Node:
    """A member with a lease that no test outlasts, and what it was asked to do."""

    redis: RedisServer
    name: str
    instance: str = ""
    process: str = "1"
    addresses: str = ""
    has_address: bool = True
    claims: list[Claim] = field(default_factory=list)
    running: set[str] = field(default_factory=set)
    released: list[str] = field(default_factory=list)
    shared: list[tuple[str, TakenRow]] = field(default_factory=list)
    keeps: bool = False

    def __post_init__(self) -> None:
        instance = self.instance or self.name
        settings = RedisSettings(servers=(("127.0.0.1", self.redis.port),))
        row = NodeRow(instance=instance, addresses=self.addresses)
        self.store = RedisStore(settings, "test", self.name)
        self.member = Member(
            self.store,
            MemberSettings(instance=instance, process=self.process, lease_s=300, row=row),
            Hooks(
                take_over=self._take,
                running=lambda: self.running,
                release=self._release,
                shared=lambda recording, row: self.shared.append((recording, row)),
                serves=lambda addresses: self.has_address,
            ),
        )

    def put(self, recording_id: str) -> None:
        self.running.add(recording_id)
        self.member.replica.put(recording_id, b"state of " + recording_id.encode())

    async def beat(self, *, steady: bool = True) -> None:
        """One beat; `steady`: our lease has held for a whole lease time."""
        if steady and self.member._since is not None:
            self.member._since -= 1000
        await self.member._beat()
        await self.member.replica.flush()

    def die(self) -> None:
        self.redis.command("DEL", f"{{test}}:lease:{self.name}")

    async def _take(self, claim: Claim) -> Mapping[str, str]:
        self.claims.append(claim)
        self.running |= {f"{each}-{self.name}" for each in claim.calls}
        return {each: f"{each}-{self.name}" for each in claim.calls}

    def _release(self, recording_id: str) -> bool:
        self.released.append(recording_id)
        return not self.keeps


@asynccontextmanager
async def nodes(redis: RedisServer, *names: str) -> AsyncIterator[list[Node]]:
    """Nodes that have joined and know one another."""
    made = [Node(redis, name) for name in names]
    try:
        for _ in range(2):
            for each in made:
                await each.beat(steady=False)
        yield made
    finally:
        for each in made:
            await each.store.close()


async def test_calls_of_a_dead_node_are_claimed_once(redis: RedisServer) -> None:
    async with nodes(redis, "a", "b", "c") as (a, b, c):
        a.put("r1")
        await a.beat()
        a.die()
        for each in (b, c, b):
            await each.beat()
        assert [len(each.claims) for each in (b, c)] == [1, 0]
        (claim,) = b.claims
        assert claim.node == "a"
        assert claim.calls["r1"].document == b"state of r1"
        assert time.time() - claim.seen < 60
        assert b.member.taken_over == 1


async def test_nothing_is_claimed_before_a_whole_lease_without_a_break(redis: RedisServer) -> None:
    async with nodes(redis, "a", "b") as (a, b):
        a.put("r1")
        await a.beat()
        a.die()
        await b.beat(steady=False)
        assert b.claims == []


async def test_who_has_the_floating_address_comes_first(redis: RedisServer) -> None:
    a = Node(redis, "a", addresses="192.0.2.100")
    async with nodes(redis, "b") as (b,):
        await a.beat()
        a.put("r1")
        await a.beat()
        b.has_address = False
        a.die()
        await b.beat()
        assert b.claims == []
        b.has_address = True
        await b.beat()
        assert len(b.claims) == 1
    await a.store.close()


async def test_a_node_that_only_seemed_dead_asks_for_its_calls(redis: RedisServer) -> None:
    async with nodes(redis, "a", "b") as (a, b):
        a.put("r1")
        await a.beat()
        a.die()
        await b.beat()
        await a.beat()
        await b.beat()
        assert b.released == ["r1"]
        await a.beat()
        assert a.shared == []
        assert await a.store.taken() == {}


async def test_a_node_whose_call_the_other_keeps_learns_of_it(redis: RedisServer) -> None:
    async with nodes(redis, "a", "b") as (a, b):
        a.put("r1")
        await a.beat()
        a.die()
        b.keeps = True
        await b.beat()
        await a.beat()
        assert a.shared == []
        await b.beat()
        for _ in range(2):
            await a.beat()
        ((recording_id, row),) = a.shared
        assert (recording_id, row.by, row.recording_id) == ("r1", "b", "r1-b")


async def test_a_node_that_starts_again_takes_up_its_own_calls_first(redis: RedisServer) -> None:
    async with nodes(redis, "a", "b") as (a, b):
        a.put("r1")
        await a.beat()
        again = Node(redis, "a", process="2")
        again.running = {"kept-by-the-holder"}
        await again.beat()
        (claim,) = again.claims
        assert (claim.node, list(claim.calls)) == ("a", ["r1"])
        assert b.claims == []
        assert await again.store.own() == {}
        await again.store.close()


async def test_damaged_and_old_snapshots_cost_only_themselves(redis: RedisServer) -> None:
    async with nodes(redis, "a", "b") as (a, b):
        a.put("good")
        await a.beat()
        await a.store.push({"bad": b"nonsense"}, [])
        a.die()
        await b.beat()
        assert list(b.claims[0].calls) == ["good"]
        assert (b.member.taken_over, b.member.failed_takeovers) == (1, 1)


async def test_a_dialog_of_a_node_that_may_be_dead_is_awaited_and_no_other(redis: RedisServer) -> None:
    async with nodes(redis, "a", "b", "c") as (a, b, c):
        tag = "0123" + node_mark("test", "a")
        assert b.member.awaits("test", tag, 0)
        assert not b.member.awaits("test", "0123", 0)
        assert not b.member.awaits("other", tag, 0)
        assert not a.member.awaits("test", tag, 0), "its own dialogs it knows"
        for each in (a, b):
            await each.beat()
        assert not b.member.awaits("test", tag, 1000), "it lives"
        a.put("r1")
        await a.beat()
        a.die()
        await b.beat()
        await b.beat()
        assert not b.member.awaits("test", tag, 0), "what there was is here"
        await c.beat()
        assert c.member.awaits("test", tag, 0), "b may die as well"
        c.member._since = None
        assert not c.member.awaits("test", tag, 0), "without Redis nobody takes anything over"


async def test_a_name_that_is_taken_is_told(redis: RedisServer) -> None:
    async with nodes(redis, "a"):
        double = Node(redis, "a", instance="another")
        with pytest.raises(NameTaken):
            await double.member.join()
        await double.store.close()


async def test_a_node_without_redis_goes_on_and_says_why() -> None:
    missing = RedisServer.__new__(RedisServer)
    missing.port = 1
    node = Node(missing, "a")
    await node.member.join()
    assert "can't be reached" in node.member.trouble.text
    assert not node.member.connected
    node.put("r1")
    with pytest.raises(ClusterError):
        await node.member.replica.flush()
    assert node.member.replica.pending == 1
    await node.member.leave(for_good=True)


async def test_a_node_that_leaves_leaves_nothing_to_claim(redis: RedisServer) -> None:
    async with nodes(redis, "a", "b") as (a, b):
        a.put("r1")
        await a.beat()
        await a.member.leave(for_good=True)
        await b.beat()
        assert b.claims == []
        assert b.member.nodes["a"].state == "left"
