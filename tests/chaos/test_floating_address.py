"""R5, R12: two machines with a floating address, of which one loses its network under calls."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.support.cluster import LEASE, cluster, document, end, packets, running, start_all, until
from tests.support.netns import Network, unavailable
from tests.support.redis_server import PROGRAM
from tests.support.server import RunningServer

FLOATING = "10.99.0.100"
SECONDS = 6.0
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


def machine(network: Network, directory: Path, name: str, ports: tuple[int, int]) -> Machine:
    listeners = [{"transport": kind, "host": FLOATING, "port": 5060} for kind in ("udp", "tcp")]
    settings = {
        **LEASE,
        "SIPRECORD_NODE": name,
        "SIPRECORD_SIP__LISTENERS": json.dumps(listeners),
        "SIPRECORD_MEDIA__BIND_ADDRESS": "0.0.0.0",
        "SIPRECORD_MEDIA__ADVERTISED_ADDRESS": FLOATING,
        "SIPRECORD_CLUSTER__SERVERS": '["10.99.0.1:6379"]',
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

    def load(self, calls: int, seconds: float) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "siprecord", "bench", f"sip:{FLOATING}", "--i-own-this-target"]
        options = ["--calls", str(calls), "--rate", "20", "--seconds", str(seconds), "--json"]
        inside = self.network.inside("src", [*command, *options])
        return subprocess.Popen(inside, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@contextmanager
def a_site(directory: Path) -> Iterator[Site]:
    """Two machines, the first of which has the floating address, a client and a Redis."""
    network = Network().start(a=11, b=12, src=20)
    options = ["--bind", "10.99.0.1", "--save", "", "--protected-mode", "no", "--dir", str(directory)]
    with (directory / "redis.log").open("wb") as log:
        redis = subprocess.Popen(network.inside("net", [str(PROGRAM), *options]), stdout=log, stderr=log)
    nodes = [
        machine(network, directory, "a", (22000, 22998)),
        machine(network, directory, "b", (23000, 23998)),
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


def lose_network(site: Site, old: Machine, new: Machine, calls: int) -> str:
    """Calls run at `old`, whose cable is pulled; all end at `new`. Returns the gap in a sentence."""
    before = {each.name: len(each.recordings()) for each in (old, new)}
    load = site.load(calls, SECONDS)
    until(lambda: len(running(old)) == calls, "all calls run")
    until(lambda: cluster(old)["calls"] == calls and cluster(old)["pending"] == 0, "Redis knows all calls")
    until(lambda: packets(old) > 20 * calls, "media flows")
    site.network.cable(old.name, plugged=False)
    site.network.take(old.name, FLOATING)
    site.network.give(new.name, FLOATING, "src")
    until(lambda: len(running(new)) == calls, "all calls are taken over")
    out, error = load.communicate(timeout=60)
    assert out, error
    report = json.loads(out)
    assert report["calls_failed"] == 0, report
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
    gap = max(row["continues"]["gap_s"] for row in second)
    stored = sum(stream["packets_received"] for row in (*first, *second) for stream in row["streams"])
    lost = report["packets_sent"] - stored
    # What is lost was sent while nobody had the address, or nobody had claimed the calls yet.
    assert 0 <= lost <= report["packets_sent"] * (gap + 0.5) / SECONDS
    return f"{calls} calls, gap of at most {gap:.1f} s, {lost} of {report['packets_sent']} packets lost in it"


def test_R5_a_machine_that_loses_its_network_is_taken_over_with_its_address(tmp_path: Path) -> None:
    with a_site(tmp_path) as site:
        a, b = site.nodes
        lose_network(site, a, b, 3)
