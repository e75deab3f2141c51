"""The scripts in a real Redis: alone, with password and TLS, behind a Sentinel."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from siprecord.cluster import ClusterError, Fenced, NameTaken, NodeRow, RedisSettings, RedisStore
from tests.support.certificates import Authority
from tests.support.ports import free_port
from tests.support.redis_server import PROGRAM, RedisServer, SlowWire

pytestmark = pytest.mark.skipif(
    PROGRAM is None, reason="redis-server is not installed; run scripts/packages.sh"
)
LEASE_MS = 60_000


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path_factory.mktemp("redis")).start()
    yield server
    server.stop()


@pytest.fixture(autouse=True)
def empty(redis: RedisServer) -> None:
    redis.command("FLUSHALL")


def settings(port: int) -> RedisSettings:
    return RedisSettings(servers=(("127.0.0.1", port),), timeout_s=2.0)


@asynccontextmanager
async def node(redis: RedisServer, name: str, *, instance: str = "") -> AsyncIterator[RedisStore]:
    """A node that holds its lease."""
    store = RedisStore(settings(redis.port), "test", name)
    try:
        await store.acquire(instance or name, "1", LEASE_MS, NodeRow(instance=instance or name, host="here"))
        yield store
    finally:
        await store.close()


def kill(redis: RedisServer, name: str) -> None:
    """Its lease ends."""
    redis.command("DEL", f"{{test}}:lease:{name}")


async def test_a_name_belongs_to_one_instance(redis: RedisServer) -> None:
    async with node(redis, "a") as first:
        with pytest.raises(NameTaken, match="another node called a is alive on here"):
            async with node(redis, "a", instance="other"):
                pass
        async with node(redis, "a") as second:
            assert second.token != first.token
            with pytest.raises(NameTaken):
                await first.beat(LEASE_MS, NodeRow(instance="a"))
            with pytest.raises(Fenced):
                await first.push({"r1": b"x"}, [])
            await second.beat(LEASE_MS, NodeRow(instance="a"))


async def test_epochs_grow_even_when_redis_has_lost_everything(redis: RedisServer) -> None:
    async with node(redis, "a") as store:
        before = int(store.token.partition(":")[0])
        redis.command("FLUSHALL")
        with pytest.raises(Fenced):
            await store.beat(LEASE_MS, NodeRow(instance="a"))
        await store.acquire("a", "1", LEASE_MS, NodeRow(instance="a"))
        assert int(store.token.partition(":")[0]) > before


async def test_exactly_one_node_claims_the_calls_of_a_dead_one(redis: RedisServer) -> None:
    async with node(redis, "a") as a, node(redis, "b") as b, node(redis, "c") as c:
        await a.push({f"r{number}": b"state" for number in range(300)}, [])
        epoch = (await b.nodes())["a"].epoch
        assert await b.claim("a", epoch) is None
        kill(redis, "a")
        claims = await asyncio.gather(b.claim("a", epoch), c.claim("a", epoch))
        winner, taken = (b, claims[0]) if claims[0] is not None else (c, claims[1])
        assert sorted(map(len, (claim for claim in claims if claim is not None))) == [300]
        assert taken == await winner.own()
        assert (await b.nodes())["a"].state == "taken"
        with pytest.raises(Fenced):
            await a.push({"r0": b"late"}, [])
        await a.acquire("a", "2", LEASE_MS, NodeRow(instance="a"))
        assert await a.own() == {}
        await winner.tell_taken("a", {"r7": "r7-there"})
        rows = await a.taken()
        assert len(rows) == 300
        assert (rows["r7"].by, rows["r7"].recording_id) == (winner.node, "r7-there")


async def test_a_call_that_still_runs_is_asked_back(redis: RedisServer) -> None:
    async with node(redis, "a") as a, node(redis, "b") as b:
        await a.push({"r1": b"state"}, [])
        epoch = (await b.nodes())["a"].epoch
        kill(redis, "a")
        assert await b.claim("a", epoch) == {"r1": b"state"}
        await a.want({"b": ["r1"]})
        assert await b.wanted() == {"r1": "a"}
        assert await b.wanted() == {}
        await b.give_back("a", "r1")
        assert await a.taken() == {}


async def test_a_full_redis_keeps_leases_and_says_that_it_is_full(redis: RedisServer) -> None:
    async with node(redis, "a") as a:
        await a.push({"r1": b"state"}, [])
        redis.command("CONFIG", "SET", "maxmemory", "1")
        try:
            with pytest.raises(ClusterError, match="Redis is full"):
                await a.push({"r2": b"state"}, [])
            await a.beat(LEASE_MS, NodeRow(instance="a"))
            await a.push({}, ["r1"])
        finally:
            redis.command("CONFIG", "SET", "maxmemory", "0")
        assert await a.own() == {}


async def test_a_redis_that_is_away_or_slow_is_told_in_time(redis: RedisServer) -> None:
    store = RedisStore(settings(free_port()), "test", "a")
    with pytest.raises(ClusterError, match="can't be reached"):
        await store.nodes()
    await store.close()
    wire = SlowWire(redis.port)
    wire.delay = 10.0
    slow = RedisStore(RedisSettings(servers=(("127.0.0.1", wire.port),), timeout_s=0.1), "test", "a")
    with pytest.raises(ClusterError, match="Redis"):
        await slow.nodes()
    await slow.close()
    wire.close()


async def test_password_and_tls(tmp_path: Path) -> None:
    authority = Authority.create(tmp_path)
    own = authority.issue("127.0.0.1")
    files = ("--tls-cert-file", str(own.chain), "--tls-key-file", str(own.key))
    options = (*files, "--tls-ca-cert-file", str(authority.certificate), "--requirepass", "secret")
    server = RedisServer(tmp_path / "redis", options, tls=True).start()
    right = RedisSettings(
        servers=(("127.0.0.1", server.port),),
        password="secret",
        tls=True,
        tls_ca=str(authority.certificate),
        tls_certificate=str(own.chain),
        tls_key=str(own.key),
    )
    try:
        store = RedisStore(right, "test", "a")
        await store.acquire("a", "1", LEASE_MS, NodeRow(instance="a"))
        assert list(await store.nodes()) == ["a"]
        await store.close()
        for wrong, told in (
            (replace(right, password="wrong"), "password"),
            (replace(right, tls_ca=None), "no TLS with Redis, see .* self-signed certificate"),
            (replace(right, tls=False), "Redis can't be reached"),
        ):
            store = RedisStore(wrong, "test", "a")
            with pytest.raises(ClusterError, match=told):
                await store.nodes()
            await store.close()
    finally:
        server.stop()


@pytest.fixture
def sentinel(redis: RedisServer, tmp_path: Path) -> Iterator[int]:
    port = free_port()
    config = tmp_path / "sentinel.conf"
    config.write_text(f"port {port}\nbind 127.0.0.1\nsentinel monitor main 127.0.0.1 {redis.port} 1\n")
    with (tmp_path / "sentinel.log").open("wb") as log:
        process = subprocess.Popen([str(PROGRAM), str(config), "--sentinel"], stdout=log, stderr=log)
    yield port
    process.kill()
    process.wait()


async def test_sentinels_say_where_the_master_is(redis: RedisServer, sentinel: int) -> None:
    known = RedisSettings(servers=(("127.0.0.1", sentinel),), sentinel="main", timeout_s=2.0)
    store = RedisStore(known, "test", "a")
    for _ in range(600):
        try:
            await store.acquire("a", "1", LEASE_MS, NodeRow(instance="a"))
            break
        except ClusterError:
            await asyncio.sleep(0.05)
    assert list(await store.nodes()) == ["a"]
    assert redis.command("EXISTS", "{test}:lease:a").strip() == ":1"
    await store.close()
