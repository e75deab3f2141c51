from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping, Sequence
from typing import cast

import pytest

from siprecord.aio import finish, spawn
from siprecord.cluster import ClusterError, Fenced, RedisStore, Replica
from siprecord.cluster import replica as module
from siprecord.cluster.envelope import unseal


class FakeStore:
    """Redis as a dict; `error` is what each write meets, as long as it is set."""

    def __init__(self) -> None:
        self.calls: dict[str, bytes] = {}
        self.error: ClusterError | None = None
        self.pushes = 0
        self.pushed = asyncio.Event()

    async def push(self, changed: Mapping[str, bytes], gone: Sequence[str]) -> None:
        self.pushes += 1
        self.pushed.set()
        if self.error is not None:
            raise self.error
        self.calls.update(changed)
        for name in gone:
            self.calls.pop(name, None)

    async def own(self) -> dict[str, bytes]:
        return dict(self.calls)

    def documents(self) -> dict[str, bytes]:
        return {name: unseal(data).document for name, data in self.calls.items()}


async def until(fact: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not fact():  # noqa: ASYNC110 - each turn of the loop may make it so
            await asyncio.sleep(0)


def make(store: FakeStore) -> Replica:
    replica = Replica(cast(RedisStore, store))
    replica.enabled = True
    return replica


async def test_only_the_newest_state_of_a_call_is_written() -> None:
    store = FakeStore()
    replica = make(store)
    for number in range(50):
        replica.put("r1", b"state %d" % number)
    assert replica.pending == 1
    await replica.flush()
    assert store.documents() == {"r1": b"state 49"}
    assert (replica.figures.written, replica.pending, replica.lag_s) == (1, 0, 0.0)


async def test_a_call_that_is_over_is_deleted() -> None:
    store = FakeStore()
    replica = make(store)
    replica.put("r1", b"one")
    await replica.flush()
    replica.drop("r1")
    await replica.flush()
    assert store.calls == {}
    assert replica.figures.deleted == 1


async def test_what_redis_did_not_take_waits_and_is_written_later() -> None:
    store = FakeStore()
    replica = make(store)
    replica.put("r1", b"one")
    store.error = ClusterError("Redis is full")
    with pytest.raises(ClusterError):
        await replica.flush()
    replica.put("r1", b"two")
    replica.put("r2", b"other")
    assert replica.pending == 2
    assert replica.lag_s >= 0
    store.error = None
    await replica.flush()
    assert store.documents() == {"r1": b"two", "r2": b"other"}


async def test_what_is_on_its_way_is_still_pending() -> None:
    store = FakeStore()
    replica = make(store)
    seen = []
    push = store.push

    async def slowly(changed: Mapping[str, bytes], gone: Sequence[str]) -> None:
        seen.append((replica.pending, replica.lag_s >= 0))
        await push(changed, gone)

    store.push = slowly  # type: ignore[method-assign]
    replica.put("r1", b"one")
    await replica.flush()
    assert seen == [(1, True)]
    assert replica.pending == 0


async def test_after_an_outage_all_is_compared() -> None:
    store = FakeStore()
    replica = make(store)
    replica.put("r1", b"one")
    await replica.flush()
    store.calls = {"ended-meanwhile": b"x"}
    replica.again()
    await replica.flush()
    assert store.documents() == {"r1": b"one"}


async def test_many_calls_are_written_in_bounded_commands() -> None:
    store = FakeStore()
    replica = make(store)
    for number in range(1000):
        replica.put(f"r{number}", os.urandom(6000))
    await replica.flush()
    assert len(store.calls) == 1000
    assert store.pushes >= 1000 * 6000 / module.BATCH_BYTES
    assert replica.figures.largest < 8192


async def test_a_call_with_too_much_to_tell_is_left_out_and_counted() -> None:
    store = FakeStore()
    replica = make(store)
    replica.put("large", os.urandom(20_000))
    replica.put("usual", b"state")
    await replica.flush()
    assert store.documents() == {"usual": b"state"}
    assert replica.figures.too_large == 1


async def test_keys_go_over_an_encrypted_way_only() -> None:
    secret = b"v=0 a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:c2VjcmV0"
    store = FakeStore()
    replica = make(store)
    replica.put("r1", b"before the keys")
    replica.put("r1", secret)
    await replica.flush()
    assert store.calls == {}
    assert replica.figures.withheld == 1
    protected = Replica(cast(RedisStore, store), secrets=True)
    protected.put("r1", secret)
    await protected.flush()
    assert store.documents() == {"r1": secret}


async def test_what_waits_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_ENDED", 10)
    store = FakeStore()
    replica = make(store)
    await replica.flush()
    for number in range(1000):
        replica.put(f"r{number}", b"state")
        store.calls[f"r{number}"] = b"stored"
        replica.drop(f"r{number}")
    assert replica.pending <= 11
    await replica.flush()
    assert store.calls == {}


async def test_a_fenced_node_stops_writing_and_goes_on_when_it_has_a_lease(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "GATHER_S", 0.0)
    monkeypatch.setattr(module, "RETRY_S", 0.0)
    store = FakeStore()
    store.error = Fenced("the lease is over")
    replica = make(store)
    task = spawn(replica.run(), name="replica")
    replica.put("r1", b"one")
    await asyncio.wait_for(store.pushed.wait(), 30)
    await until(lambda: not replica.enabled)
    assert replica.pending == 1
    store.error, replica.enabled = None, True
    replica.again()
    await until(lambda: not replica.pending)
    assert store.documents() == {"r1": b"one"}
    await finish(task)
