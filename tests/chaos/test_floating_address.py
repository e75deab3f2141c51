"""R5, R12: two machines with a floating address, of which one loses its network under calls."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.support.cluster import LEASE, cluster, document, end, packets, running, start_all, until
from tests.support.netns import Network, unavailable
from tests.support.redis_server import PROGRAM, secure_redis
from tests.support.server import RunningServer

FLOATING = "10.99.0.100"
PACKET_S = 0.02
Row = dict[str, Any]
SECONDS = 120.0
"""How long calls would last; they are hung up when the other machine has them."""
WHY_NOT = unavailable() or ("" if PROGRAM else "redis-server is not installed; run scripts/packages.sh")
pytestmark = [pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT), pytest.mark.timeout(180)]


@dataclass
class Machine(RunningServer):
    """A node on a machine of its own."""

    network: Network = field(default_factory=Network)
    name: str = ""

    def command(self, command: list[str]) -> list[str]:
        return self.network.inside(self.name, command)

    def get(self, path: str) -> Any:
        return self.network.within(self.name, lambda: super(Machine, self).get(path))


def machine(
    network: Network, directory: Path, name: str, ports: tuple[int, int], redis: Mapping[str, str]
) -> Machine:
    listeners = [{"transport": kind, "host": FLOATING, "port": 5060} for kind in ("udp", "tcp")]
    settings = {
        **LEASE,
        **redis,
        "SIPRECORD_NODE": name,
        "SIPRECORD_SIP__LISTENERS": json.dumps(listeners),
        "SIPRECORD_MEDIA__BIND_ADDRESS": "0.0.0.0",
        "SIPRECORD_MEDIA__ADVERTISED_ADDRESS": FLOATING,
        "SIPRECORD_CLUSTER__ADDRESSES": json.dumps([FLOATING]),
        "SIPRECORD_RECORDING__MEDIA_TIMEOUT_S": "3",
    }
    place = directory / name
    place.mkdir()
    return Machine(place, settings=settings, media_ports=ports, network=network, name=name, http_port=8080)


@dataclass
class Site:
    """Two nodes, a client, and a Redis at the bridge."""

    network: Network
    nodes: list[Machine]
    redis: subprocess.Popen[bytes]

    def load(self, calls: int, *more: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "siprecord", "bench", f"sip:{FLOATING}", "--i-own-this-target"]
        options = ["--calls", str(calls), "--rate", "20", "--seconds", str(SECONDS), "--json"]
        options += ["--transport", "udp,tcp"]
        inside = self.network.inside("src", [*command, *options, *more])
        return subprocess.Popen(inside, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@contextmanager
def a_site(directory: Path) -> Iterator[Site]:
    """Two machines, the first of which has the floating address, a client and a Redis that wants TLS."""
    network = Network().start(a=11, b=12, src=20)
    secure = secure_redis(directory / "redis", address="10.99.0.1", port=6379)
    with (directory / "redis.log").open("wb") as log:
        redis = subprocess.Popen(network.inside("net", secure.arguments()), stdout=log, stderr=log)
    nodes = [
        machine(network, directory, "a", (22000, 22998), secure.settings()),
        machine(network, directory, "b", (23000, 23998), secure.settings()),
    ]
    try:
        network.give("a", FLOATING)
        start_all(*nodes)
        yield Site(network, nodes, redis)
    finally:
        end(*nodes)
        redis.kill()
        redis.wait()
        network.stop()


def lose_network(site: Site, old: Machine, new: Machine, calls: int, *more: str) -> str:
    """Calls run at `old`, whose cable is pulled; all end at `new`. Returns the gap in a sentence.

    The client hangs up after the takeover only, however long that takes on a busy machine: before, nobody has
    the address and the call. `more` are options of the load, half of which is over TCP: its connection learns
    by the first BYE only that its machine is gone.
    """
    before = {each.name: len(each.recordings()) for each in (old, new)}
    load = site.load(calls, *more)
    until(lambda: len(running(old)) == calls, "all calls run")
    until(lambda: cluster(old)["calls"] == calls and cluster(old)["pending"] == 0, "Redis knows all calls")
    until(lambda: packets(old) > 20 * calls, "media flows")
    site.network.cable(old.name, plugged=False)
    site.network.take(old.name, FLOATING)
    site.network.give(new.name, FLOATING, "src")
    until(lambda: len(running(new)) == calls, "all calls are taken over")
    until(lambda: packets(new) > 20 * calls, "media flows on")
    load.send_signal(signal.SIGINT)
    out, error = load.communicate(timeout=60)
    assert out, error
    report = json.loads(out)
    assert report["failures"] == {"we hung up before everything was sent": calls}, out
    assert report["byes_failed"] == 0, out
    until(lambda: len(new.recordings()) == before[new.name] + calls, "they end at the other node")
    until(lambda: running(old) == [], "the cut off node ends its calls by their silence")
    until(lambda: len(old.recordings()) == before[old.name] + calls, "and renders them")
    site.network.cable(old.name, plugged=True)
    until(lambda: [row["state"] for row in cluster(old)["nodes"]] == ["up", "up"], "it is back")
    first = [document(each) for each in old.recordings()[before[old.name] :]]
    second = [document(each) for each in new.recordings()[before[new.name] :]]
    assert {row["continues"]["recording_id"] for row in second} == {row["recording_id"] for row in first}
    links = {(row["continues"]["node"], row["continues"]["cause"]) for row in second}
    assert links == {(old.name, "failover")}
    assert {row["outcome"] for row in first} == {"no_media"}
    assert {row["outcome"] for row in second} == {"complete"}
    return told_gaps(report, first, second)


def told_gaps(report: Row, first: list[Row], second: list[Row]) -> str:
    """What is lost was sent while nobody had the address or the calls, and all of it is told."""
    streams = [stream for row in (*first, *second) for stream in row["streams"]]
    assert {stream["packets_lost"] for stream in streams} == {0}, "lost beside the gaps"
    refused = [each["srtp"] for each in streams if each["srtp"]]
    assert all(each["packets_failed"] == each["packets_replayed"] == 0 for each in refused)
    (told,) = {
        tuple(sorted(each["cause"] for each in row["gaps"] if each["cause"] == "failover")) for row in second
    }
    assert told == ("failover",)
    gap = sum(each["seconds"] for row in second for each in row["gaps"] if each["cause"] == "failover")
    lost = report["packets_sent"] - sum(stream["packets_received"] for stream in streams)
    # The client itself may have been late, and then sends at once what it should have sent before.
    late = len(second) * 2 * (report["late_ms_max"] / 1000 + 0.5)
    assert 0 <= lost <= (gap + late) / PACKET_S
    longest = max(row["continues"]["gap_s"] for row in second)
    kind = "SRTP calls" if refused else "calls"
    sent = report["packets_sent"]
    return f"{len(second)} {kind}, gap of at most {longest:.1f} s, {lost} of {sent} packets lost in it"


def test_R5_a_machine_that_loses_its_network_is_taken_over_with_its_address(tmp_path: Path) -> None:
    with a_site(tmp_path) as site:
        a, b = site.nodes
        lose_network(site, a, b, 3, "--srtp")
