"""Two nodes and a Redis: what becomes of calls when one of the three dies, hangs or is full."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support import messages
from tests.support.cluster import (
    Phone,
    cluster,
    end,
    found,
    freeze,
    node,
    packets,
    running,
    start_all,
    thaw,
    until,
)
from tests.support.redis_server import RedisServer, SlowWire
from tests.support.server import RunningServer


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path_factory.mktemp("redis")).start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory, redis: RedisServer) -> Iterator[list[RunningServer]]:
    directory = tmp_path_factory.mktemp("pair")
    nodes = [node(directory, name, redis.settings()) for name in ("a", "b")]
    start_all(*nodes)
    yield nodes
    end(*nodes)


@pytest.fixture
def phone() -> Iterator[Phone]:
    made = Phone()
    yield made
    made.close()


@pytest.fixture
def both(pair: list[RunningServer]) -> tuple[RunningServer, RunningServer]:
    """Both nodes, alive and known to one another."""
    for each in pair:
        if each.process is None or each.process.poll() is not None:
            each.start()
    a, b = pair

    def known(server: RunningServer) -> bool:
        return [row["state"] for row in cluster(server)["nodes"]] == ["up", "up"]

    until(lambda: known(a) and known(b), "both nodes know one another")
    return a, b


def replicated(server: RunningServer) -> bool:
    row = cluster(server)
    return row["calls"] > 0 and row["pending"] == 0 and row["trouble"] is None


def test_R5_R14_the_other_node_goes_on_with_dialogs_and_ports(
    both: tuple[RunningServer, RunningServer], phone: Phone
) -> None:
    a, b = both
    talk = phone.call(a.sip_port, "r5")
    body = messages.multipart(messages.sdp())
    unanswered = phone.ask(a.sip_port, "INVITE", "r14", body=body)
    talk.speak(20)
    until(lambda: replicated(a) and packets(a) == 40, "a records")
    a.crash()
    until(lambda: len(running(b)) == 2, "b has taken both over")
    again = phone.ask(b.sip_port, "INVITE", "r14", body=body)
    assert again.to.tag == unanswered.to.tag
    talk.speak(10)
    assert talk.bye(b.sip_port).status == 200
    assert phone.ask(b.sip_port, "BYE", "r14", number=2, to_tag=again.to.tag or "").status == 200
    until(lambda: len(b.recordings()) == 2, "b has finished both")
    a.start()
    until(lambda: len(a.recordings()) == 2, "a has repaired its own")
    (ours,), (lost,) = found(b, "r5"), found(a, "r5")
    assert [stream["packets_received"] for stream in ours["streams"]] == [10, 10]
    assert [stream["packets_received"] for stream in lost["streams"]] == [20, 20]
    link = ours["continues"]
    assert (link["recording_id"], link["node"], link["cause"]) == (lost["recording_id"], "a", "failover")
    assert link["gap_s"] > 0
    check_gaps(b, ours)
    assert (ours["outcome"], lost["outcome"]) == ("complete", "interrupted")
    assert lost["continued_by"] == [{"recording_id": ours["recording_id"], "node": "b", "cause": "failover"}]
    assert len(found(b, "r14")) == 1


def test_R5_a_request_that_comes_before_the_takeover_waits_for_it(
    both: tuple[RunningServer, RunningServer], phone: Phone
) -> None:
    """As behind a proxy, which sends it to whoever is left."""
    a, b = both
    talk = phone.call(a.sip_port, "early")
    talk.speak(5)
    until(lambda: replicated(a), "the call is known in Redis")
    a.crash()
    assert talk.bye(b.sip_port).status == 200
    assert phone.ask(b.sip_port, "BYE", "foreign", number=2, to_tag="0123456789abcdef").status == 481
    until(lambda: found(b, "early"), "its recording is finished")
    (row,) = found(b, "early")
    assert (row["outcome"], row["continues"]["cause"]) == ("complete", "failover")


def check_gaps(server: RunningServer, row: dict[str, Any]) -> None:
    """What the failover cost is told in the same way wherever gaps are told."""
    for stream in row["streams"]:
        (gap,) = [each for each in stream["gaps"] if each["cause"] == "failover"]
        assert gap["start_s"] == pytest.approx(-row["continues"]["gap_s"], abs=0.25)  # packets in a burst
    (sums,) = [each for each in row["gaps"] if each["cause"] == "failover"]
    (absence,) = row["absences"]
    assert sums["count"] == 2
    assert sum(absence["missing_s"].values()) == pytest.approx(sums["seconds"])
    (listed,) = [
        each
        for each in server.get("/api/recordings")["recordings"]
        if each["call_id"] == row["sip"]["call_id"]
    ]
    assert listed["gaps"] == row["gaps"]
    until(lambda: 'siprecord_gaps_total{cause="failover"} ' in server.get("/metrics"), "it is counted")


def test_R6_a_new_call_of_the_same_session_is_the_continuation(
    both: tuple[RunningServer, RunningServer], phone: Phone
) -> None:
    a, b = both
    metadata = messages.METADATA.replace("c2Vzc2lvbi0wMDAwMDAwMQ==", "c2Vzc2lvbi0wMDAwMDAwNg==")
    phone.call(a.sip_port, "r6-first", metadata=metadata).speak(5)
    until(lambda: replicated(a), "the call is known in Redis")
    (first,) = running(a)
    a.crash()
    until(lambda: len(running(b)) == 1, "b has taken it over")
    talk = phone.call(b.sip_port, "r6-second", metadata=metadata)
    until(lambda: [call["call_id"] for call in running(b)] == ["r6-second"], "the first one is dropped")
    talk.speak(5)
    assert talk.bye(b.sip_port).status == 200
    until(lambda: found(b, "r6-second"), "it is finished")
    (second,) = found(b, "r6-second")
    assert second["continues"]["recording_id"] == first["id"]
    assert second["continues"]["by"] == "session"
    assert second["continues"]["cause"] == "failover"
    assert found(b, "r6-first") == []


def test_R13_a_node_that_only_seemed_dead_keeps_its_calls(
    both: tuple[RunningServer, RunningServer], phone: Phone
) -> None:
    a, b = both
    talk = phone.call(a.sip_port, "r13")
    talk.speak(5)
    until(lambda: replicated(a), "the call is known in Redis")
    processes = a.pid, a.recorder_pid
    freeze(*processes)
    until(lambda: len(running(b)) == 1, "b takes it for dead")
    thaw(*processes)
    until(lambda: running(b) == [], "b leaves it to a")
    talk.speak(5)
    assert talk.bye(a.sip_port).status == 200
    until(lambda: found(a, "r13"), "a has finished it")
    (row,) = found(a, "r13")
    assert row["outcome"] == "complete"
    assert [stream["packets_received"] for stream in row["streams"]] == [10, 10]
    assert found(b, "r13") == []


def test_R2_a_node_that_starts_again_goes_on_with_its_own_calls(
    both: tuple[RunningServer, RunningServer], phone: Phone
) -> None:
    a, b = both
    end(b)
    talk = phone.call(a.sip_port, "r2")
    talk.speak(5)
    until(lambda: replicated(a), "the call is known in Redis")
    a.crash()
    a.start()
    until(lambda: len(running(a)) == 1, "it goes on")
    talk.speak(5)
    assert talk.bye(a.sip_port).status == 200
    until(lambda: len(found(a, "r2")) == 2, "both parts are finished")
    first, second = sorted(found(a, "r2"), key=lambda row: str(row["started"]))
    assert second["continues"]["recording_id"] == first["recording_id"]
    assert second["continues"]["cause"] == "restart"
    assert [stream["packets_received"] for stream in second["streams"]] == [5, 5]


def test_R2_a_recorder_that_its_holder_starts_again_keeps_its_calls(
    both: tuple[RunningServer, RunningServer], phone: Phone
) -> None:
    a, b = both
    talk = phone.call(a.sip_port, "held")
    talk.speak(5)
    until(lambda: replicated(a), "the call is known in Redis")
    before = a.recorder_pid
    os.kill(before, signal.SIGKILL)
    until(lambda: a.recorder_pid != before and replicated(a), "it is back and tells Redis of its call")
    until(lambda: running(b) == [], "nobody else has the call")
    talk.speak(5)
    assert talk.bye(a.sip_port).status == 200
    until(lambda: found(a, "held"), "it is finished")
    (row,) = found(a, "held")
    assert (row["outcome"], row["continues"], row["continued_by"]) == ("complete", None, [])
    assert found(b, "held") == []


def test_a_second_node_of_one_name_does_not_start(
    both: tuple[RunningServer, RunningServer], redis: RedisServer, tmp_path: Path
) -> None:
    double = node(tmp_path / "elsewhere", "a", redis.settings())
    command = [sys.executable, "-m", "siprecord", "serve"]
    done = subprocess.run(command, env=double.environment(), capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "another node called a is alive on" in done.stderr
    assert "give each its own name (node)" in done.stderr


def test_R8_redis_may_die_be_full_or_slow(phone: Phone, tmp_path: Path) -> None:
    redis = RedisServer(tmp_path / "redis").start()
    wire = SlowWire(redis.port)
    server = node(tmp_path, "c", {"SIPRECORD_CLUSTER__SERVERS": f'["127.0.0.1:{wire.port}"]'}).start()

    def warned(text: str) -> bool:
        health = server.get("/health/ready")
        return health["ok"] and any(text in row["text"] for row in health["warnings"])

    def stored() -> str:
        return redis.command("HLEN", "{siprecord}:calls:c").strip()

    try:
        until(lambda: cluster(server)["connected"], "it is in the cluster")
        redis.command("CONFIG", "SET", "maxmemory", "1")
        first = phone.call(server.sip_port, "full")
        until(lambda: warned("Redis is full"), "that Redis is full is told")
        redis.command("CONFIG", "SET", "maxmemory", "0")
        until(lambda: stored() == ":1" and not server.get("/health/ready")["warnings"], "caught up")
        redis.stop()
        until(lambda: warned("can't be reached"), "that Redis is gone is told")
        second = phone.call(server.sip_port, "gone")
        assert first.bye(server.sip_port).status == 200
        redis.start()
        until(lambda: stored() == ":1" and not server.get("/health/ready")["warnings"], "caught up again")
        wire.delay = 3.0
        until(lambda: warned("Redis"), "that Redis is slow is told")
        third = phone.call(server.sip_port, "slow")
        assert second.bye(server.sip_port).status == 200
        wire.delay = 0.0
        until(lambda: stored() == ":1" and not server.get("/health/ready")["warnings"], "caught up at last")
        assert third.bye(server.sip_port).status == 200
        until(lambda: len(server.recordings()) == 3, "all three are recorded")
        until(lambda: stored() == ":0", "none is left in Redis")
        told = re.findall(r"the cluster (has trouble|is well again)", server.log.read_text())
        assert told == ["has trouble", "is well again"] * (len(told) // 2), "each is told once, with its end"
        assert len(told) >= 6
    finally:
        end(server)
        wire.close()
        redis.stop()
