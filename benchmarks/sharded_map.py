"""`ShardedMap` beside a `dict` with one lock: the same mixed load at 1, 2 and 4 threads, in turns."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Sequence
from typing import Protocol

from benchmarks.result import Result
from siprecord.media import ShardedMap

KEYS = [f"{number:08x}-call@192.0.2.{number % 250}" for number in range(4096)]
OPERATIONS = 200_000
ROUNDS = 5


class Table(Protocol):
    def load(self, key: str, /) -> int | None: ...

    def store(self, key: str, value: int, /) -> None: ...

    def delete(self, key: str, /) -> None: ...


class LockedDict:
    """What one would write without `ShardedMap`."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._values: dict[str, int] = {}

    def load(self, key: str, /) -> int | None:
        with self._lock:
            return self._values.get(key)

    def store(self, key: str, value: int, /) -> None:
        with self._lock:
            self._values[key] = value

    def delete(self, key: str, /) -> None:
        with self._lock:
            self._values.pop(key, None)


def run() -> Sequence[Result]:
    """Throughput of `ShardedMap` over that of the dict: above 1 it is faster. Wall time, best of rounds."""
    gil = getattr(sys, "_is_gil_enabled", lambda: True)()
    note = f"calls a second over dict with one lock, {'with' if gil else 'without'} the GIL"
    results = [Result(_name(threads), ratio(threads), "times", note=note) for threads in (1, 2, 4)]
    return [*results, *(shards(count) for count in (1, 32, 256))]


def ratio(threads: int) -> float:
    sharded, locked = [], []
    for _ in range(ROUNDS):
        sharded.append(seconds(ShardedMap[int](32), threads))
        locked.append(seconds(LockedDict(), threads))
    return min(locked) / min(sharded)


def shards(count: int) -> Result:
    """The same load at 4 threads for several numbers of shards."""
    best = min(seconds(ShardedMap[int](count), 4) for _ in range(ROUNDS))
    return Result(f"sharded_map_{count}_shards", OPERATIONS / best / 1e6, "million/s", note="4 threads")


def seconds(table: Table, threads: int) -> float:
    """How long `OPERATIONS` take in all: eight loads to a store and a delete, as a call table sees them."""
    barrier = threading.Barrier(threads + 1)
    workers = [
        threading.Thread(target=work, args=(table, barrier, index, OPERATIONS // threads))
        for index in range(threads)
    ]
    for worker in workers:
        worker.start()
    barrier.wait()
    start = time.perf_counter()
    for worker in workers:
        worker.join()
    return time.perf_counter() - start


def work(table: Table, barrier: threading.Barrier, index: int, count: int) -> None:
    keys = KEYS[index * 97 :] + KEYS[: index * 97]
    load, store, delete = table.load, table.store, table.delete
    barrier.wait()
    for number in range(count // 10):
        key = keys[number & 4095]
        store(key, number)
        for step in range(8):
            load(keys[(number + step) & 4095])
        delete(key)


def _name(threads: int) -> str:
    return "sharded_map_ratio" if threads == 4 else f"sharded_map_ratio_{threads}"
