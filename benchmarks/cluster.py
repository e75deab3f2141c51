"""What a second node costs: CPU and bytes that replication adds to a call, and how long a takeover takes."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.result import Result
from siprecord.cli.server_process import usage_of
from tests.chaos.storm import Storm, start_load
from tests.support.cluster import cluster, end, node, packets, running, start_all, until
from tests.support.redis_server import RedisServer
from tests.support.server import RunningServer

CALLS, RATE, SECONDS = 100, 25.0, 12.0
ROUNDS = 3
TAKEN = 100
LEASE = {"SIPRECORD_CLUSTER__LEASE_S": "6", "SIPRECORD_CLUSTER__TIMEOUT_S": "2"}
ALONE = {"SIPRECORD_CLUSTER__SERVERS": "[]"}


def run() -> Sequence[Result]:
    """The same load with and without Redis, in turn; then a node is killed with all its calls up."""
    with tempfile.TemporaryDirectory() as directory:
        redis = RedisServer(Path(directory) / "redis").start()
        try:
            shares, sizes = [], []
            for number in range(ROUNDS):
                place = Path(directory) / str(number)
                alone, _ = load(place / "alone", ALONE)
                shared, size = load(place / "shared", {**redis.settings(), **LEASE})
                shares.append((shared / alone - 1) * 100)
                sizes.append(size)
            seconds = takeover(Path(directory), redis)
        finally:
            redis.stop()
    told = f"{CALLS} calls of {SECONDS:g} s with media; rounds: {', '.join(f'{each:.1f}' for each in shares)}"
    return [
        Result("replica_cpu_percent", sorted(shares)[ROUNDS // 2], "%", 10, note=told),
        Result("replica_bytes_per_call", max(sizes), "bytes", 8192, note="the largest snapshot in Redis"),
        Result("takeover_seconds", seconds, "s", note=f"kill -9 until {TAKEN} calls go on; lease of 6 s"),
    ]


def load(place: Path, settings: Mapping[str, str]) -> tuple[float, float]:
    """CPU seconds of the recorder for the load, and bytes of a call in Redis."""
    server = node(place, "a", settings).start()
    size = 0.0
    try:
        pid = server.recorder_pid
        before = usage_of(pid).cpu_seconds
        process = start_load(server, Storm(calls=CALLS, rate=RATE, seconds=SECONDS))
        out, _ = process.communicate(timeout=120)
        assert not json.loads(out)["calls_failed"], out
        spent = usage_of(pid).cpu_seconds - before
        if settings is not ALONE:
            size = cluster(server)["largest"]
    finally:
        end(server)
    return spent, size


def takeover(directory: Path, redis: RedisServer) -> float:
    """Seconds from the death of a node until all its calls go on at the other one."""
    redis.command("FLUSHALL")  # the leases of the rounds before are not over yet
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
