"""What a second node costs: CPU and bytes that replication adds to a call, and how long a takeover takes."""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.result import Result
from siprecord.cli.server_process import usage_of
from tests.chaos.storm import Storm, start_load
from tests.support.cluster import cluster, end, node, packets, running, start_all, until
from tests.support.redis_server import RedisServer
from tests.support.server import RunningServer

CALLS, RATE, SECONDS = 50, 12.5, 12.0
ROUNDS = 7
TAKEN = 80
"""The nodes of the tests have ports for 82 calls."""
LEASE = {"SIPRECORD_CLUSTER__LEASE_S": "6", "SIPRECORD_CLUSTER__TIMEOUT_S": "2"}
ALONE = {"SIPRECORD_CLUSTER__SERVERS": "[]"}


def run() -> Sequence[Result]:
    """The same load with and without Redis, at the same time; then a node is killed with all its calls up."""
    with tempfile.TemporaryDirectory() as directory:
        redis = RedisServer(Path(directory) / "redis").start()
        try:
            rounds = [compare(Path(directory) / str(number), redis, number) for number in range(ROUNDS)]
            seconds = takeover(Path(directory), redis)
        finally:
            redis.stop()
    shares = sorted(share for share, _ in rounds)
    told = (
        f"median of {ROUNDS} rounds, {shares[0]:.1f} to {shares[-1]:.1f}; two recorders at a time, each with "
        f"{CALLS} calls of {SECONDS:g} s and media"
    )
    largest = max(size for _, size in rounds)
    return [
        Result("replica_cpu_percent", statistics.median(shares), "%", 10, note=told),
        Result("replica_bytes_per_call", largest, "bytes", 8192, note="the largest snapshot in Redis"),
        Result("takeover_seconds", seconds, "s", note=f"kill -9 until {TAKEN} calls go on; lease of 6 s"),
    ]


def compare(place: Path, redis: RedisServer, number: int) -> tuple[float, float]:
    """What replication adds to the CPU time of a recorder in percent, and the bytes of a call in Redis.

    Both recorders have the same load in the same seconds, so that whatever else the machine does strikes
    both; which of them begins changes from round to round.
    """
    redis.command("FLUSHALL")  # the lease of the round before is not over yet
    alone = node(place, "a", ALONE)
    shared = node(place, "b", {**redis.settings(), **LEASE})
    both = (alone, shared) if number % 2 else (shared, alone)
    try:
        start_all(*both)
        pids = [each.recorder_pid for each in both]
        before = [usage_of(pid).cpu_seconds for pid in pids]
        storm = Storm(calls=CALLS, rate=RATE, seconds=SECONDS, seed=number)
        loads = [start_load(each, storm) for each in both]
        for each in loads:
            out, _ = each.communicate(timeout=120)
            assert not json.loads(out)["calls_failed"], out
        after = [usage_of(pid).cpu_seconds for pid in pids]
        spent = {each.sip_port: late - early for each, early, late in zip(both, before, after, strict=True)}
        size = cluster(shared)["largest"]
    finally:
        end(alone, shared)
    return (spent[shared.sip_port] / spent[alone.sip_port] - 1) * 100, size


def takeover(directory: Path, redis: RedisServer) -> float:
    """Seconds from the death of a node until all its calls go on at the other one."""
    redis.command("FLUSHALL")
    a, b = (node(directory / "pair", name, {**redis.settings(), **LEASE}) for name in ("a", "b"))
    start_all(a, b)
    try:
        until(lambda: len(cluster(b)["nodes"]) == 2, "the nodes know one another")
        time.sleep(7)  # a node claims only when it has held its own lease for a while
        process = start_load(a, Storm(calls=TAKEN, rate=50, seconds=40))
        until(lambda: len(running(a)) == TAKEN and cluster(a)["pending"] == 0, "all calls are up")
        until(lambda: packets(a) > 0, "media flows")
        return killed(a, b)
    finally:
        end(a, b)
        process.kill()
        process.communicate()


def killed(a: RunningServer, b: RunningServer) -> float:
    """Kill one, wait for the other."""
    began = time.monotonic()
    a.crash()
    until(lambda: cluster(b)["taken_over"] == TAKEN, "all calls are taken over", 60)
    return time.monotonic() - began
