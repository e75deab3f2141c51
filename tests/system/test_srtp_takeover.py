"""Protected calls of a node that dies: keys and rollover counters go to the other node, over TLS only."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from siprecord.syntax.sdp import SrtpKeys
from tests.media import capture
from tests.support.cluster import Phone, cluster, end, found, node, packets, running, start_all, until
from tests.support.redis_server import PROGRAM, RedisServer, secure_redis
from tests.support.server import RunningServer

pytestmark = pytest.mark.skipif(
    PROGRAM is None, reason="redis-server is not installed; run scripts/packages.sh"
)
SUITES = "AES_CM_128_HMAC_SHA1_80", "AEAD_AES_256_GCM"


@pytest.fixture
def phone() -> Iterator[Phone]:
    made = Phone()
    yield made
    made.close()


def keys() -> list[SrtpKeys]:
    return [SrtpKeys.generate(suite, os.urandom) for suite in SUITES]


def stored(server: RunningServer) -> list[list[bytes]]:
    """The RTP packets of each stream in the only finished capture of a node, as they came."""
    (recording,) = server.recordings()
    by_stream: dict[int, list[bytes]] = {}
    for datagram in capture.datagrams(recording / "capture.pcapng"):
        if datagram.destination[1] % 2 == 0:
            by_stream.setdefault(datagram.interface, []).append(datagram.payload)
    return [by_stream[interface] for interface in sorted(by_stream)]


def test_R5_SRTP_keys_and_rollover_counters_go_to_the_other_node(phone: Phone, tmp_path: Path) -> None:
    """One stream's numbers come round before the death, the other's after it."""
    redis = secure_redis(tmp_path / "redis").start()
    a, b = (node(tmp_path, name, redis.settings()) for name in ("a", "b"))
    try:
        start_all(a, b)
        until(lambda: all(len(cluster(each)["nodes"]) == 2 for each in (a, b)), "the nodes know one another")
        talk = phone.call(a.sip_port, "srtp", keys=keys())
        until(lambda: cluster(a)["calls"] == 1 and cluster(a)["pending"] == 0, "Redis knows the call")
        talk.sequences = [65_500, 65_300]
        first = talk.speak(100)
        until(lambda: packets(a) == 200, "a records")
        a.crash()
        until(lambda: len(running(b)) == 1, "b has taken it over")
        second = talk.speak(200)
        until(lambda: packets(b) == 400, "b records")
        assert talk.bye(b.sip_port).status == 200
        until(lambda: found(b, "srtp"), "b has finished it")
        a.start()
        until(lambda: found(a, "srtp"), "a has repaired its part")
        assert (stored(a), stored(b)) == (first, second)
        (row,) = found(b, "srtp")
        counts = {
            (each["srtp"]["packets_failed"], each["srtp"]["packets_replayed"]) for each in row["streams"]
        }
        assert counts == {(0, 0)}
        assert row["continues"]["cause"] == "failover"
        assert b"inline:" not in b.log.read_bytes() + a.log.read_bytes()
    finally:
        end(a, b)
        redis.stop()


def test_R5_SRTP_keys_never_go_over_the_network_in_the_clear(phone: Phone, tmp_path: Path) -> None:
    redis = RedisServer(tmp_path / "redis").start()
    server = node(tmp_path, "a", redis.settings()).start()
    try:
        until(lambda: cluster(server)["connected"], "it is in the cluster")
        calls = [phone.call(server.sip_port, f"secret-{number}", keys=keys()) for number in range(2)]
        plain = phone.call(server.sip_port, "plain")
        until(lambda: redis.command("HLEN", "{siprecord}:calls:a").strip() == ":1", "Redis knows one call")
        assert cluster(server)["withheld"] >= 2
        assert server.log.read_text().count("a call with SRTP would end with this node") == 1
        for talk in (*calls, plain):
            talk.speak(3)
            assert talk.bye(server.sip_port).status == 200
        until(lambda: len(server.recordings()) == 3, "all are recorded")
    finally:
        end(server)
        redis.stop()
