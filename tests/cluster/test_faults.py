"""What is told when Redis answers something else than what was asked for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from siprecord.cluster import ClusterError, NodeRow, RedisSettings, RedisStore
from siprecord.cluster.faults import FULL, NO_REDIS
from tests.support.ports import free_port
from tests.support.redis_server import PROGRAM, RedisServer

ROW = NodeRow(instance="a")
ANSWERS = {
    b"HTTP/1.1 400 Bad Request\r\n\r\n": NO_REDIS,
    b":abc\r\n": NO_REDIS,
    b"+OK\r\n": NO_REDIS,
    b"-LOADING Redis is loading the dataset in memory\r\n": "Redis is still loading its data",
    b"-READONLY You can't write against a read only replica.\r\n": "a replica that takes no writes",
    b"-NOAUTH Authentication required.\r\n": "required. (see cluster.username and cluster.password)",
    b"-WRONGPASS invalid username-password pair\r\n": "pair (see cluster.username and cluster.password)",
    b"-NOPERM this user has no permissions to run the 'eval' command\r\n": "may not do what a node has to",
    b"-OOM command not allowed when used memory > 'maxmemory'.\r\n": FULL,
    b"-MASTERDOWN Link with MASTER is down\r\n": "Redis refuses: Link with MASTER is down",
    b"-ERR no such thing\r\n": "Redis refuses: no such thing",
    b"": "Redis can't be reached",
}


@asynccontextmanager
async def answering(answer: bytes) -> AsyncIterator[RedisStore]:
    """A node whose Redis says always the same; nothing: it hangs up."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while answer and (asked := await reader.read(65536)):
            writer.write(answer * (asked.count(b"\r\n*") + 1))
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = int(server.sockets[0].getsockname()[1])
    store = RedisStore(RedisSettings(servers=(("127.0.0.1", port),)), "test", "a")
    store.token = "1:a:1"
    try:
        yield store
    finally:
        await store.close()
        server.close()


@pytest.mark.parametrize(("answer", "told"), ANSWERS.items())
async def test_whatever_redis_answers_is_told_in_words(answer: bytes, told: str) -> None:
    async with answering(answer) as store:
        for asked in (
            lambda: store.acquire("a", "1", 1000, ROW),
            lambda: store.beat(1000, ROW),
            store.own,
            store.nodes,
            lambda: store.claim("b", "1"),
            store.taken,
            store.wanted,
        ):
            with pytest.raises(ClusterError) as caught:
                await asked()
            assert told in str(caught.value)


@pytest.mark.skipif(PROGRAM is None, reason="redis-server is not installed; run scripts/packages.sh")
async def test_a_replica_is_told_and_works_once_it_is_the_master(tmp_path: Path) -> None:
    redis = RedisServer(tmp_path / "redis").start()
    redis.command("REPLICAOF", "127.0.0.1", str(free_port()))
    store = RedisStore(RedisSettings(servers=(("127.0.0.1", redis.port),)), "test", "a")
    try:
        with pytest.raises(ClusterError, match="a replica that takes no writes"):
            await store.acquire("a", "1", 60_000, ROW)
        redis.command("REPLICAOF", "NO", "ONE")
        await store.acquire("a", "1", 60_000, ROW)
        assert list(await store.nodes()) == ["a"]
    finally:
        await store.close()
        redis.stop()
