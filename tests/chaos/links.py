"""R12, R13: networks that lose, repeat, delay and reorder, and links that are cut in mid-call."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.chaos.proof import Scale, need
from tests.support import netns, wire
from tests.support.cluster import document, end, running, until
from tests.support.netns import Network
from tests.support.server import RunningServer
from tests.support.wire import FAR, Weather, Wire

MEDIA = (26000, 26998)
CALLS, RATE, SECONDS = 4, 20, 8.0
STORMS = (Weather(loss=0.05, twice=0.02, late=0.06), Weather(loss=0.2, late=0.15), Weather(twice=0.1))
EACH_S = 1.5
CUT_S = 1.0


@dataclass
class Remote(RunningServer):
    """A server at the far end of the wire."""

    network: Network = field(default_factory=Network)

    def command(self, command: list[str]) -> list[str]:
        return self.network.inside("far", command)

    def get(self, path: str) -> Any:
        return self.network.within("far", lambda: super(Remote, self).get(path))


@contextmanager
def _site(scale: Scale, directory: Path) -> Iterator[tuple[Remote, Wire]]:
    why = netns.unavailable() or wire.unavailable()
    need(not why, why)
    network = Network(tag=f"sw{directory.name[-6:]}")
    settings = {"SIPRECORD_SIP__HOST": FAR, "SIPRECORD_MEDIA__BIND_ADDRESS": FAR}
    server = Remote(directory, settings=settings, media_ports=MEDIA, network=network)
    bad = Wire(network, scale.chance("wire"), _is_rtp)
    try:
        bad.start()
        server.start()
        yield server, bad
        bad.stop()
    finally:
        end(server)
        network.stop()


def bad_network(scale: Scale, directory: Path) -> str:
    """All that arrives is stored, nothing else, and what did not is a gap of the network's."""
    with _site(scale, directory) as (server, bad):
        load = _load(server)
        until(lambda: len(running(server)) == CALLS, "all calls run")
        for weather in STORMS:
            bad.weather = weather
            time.sleep(EACH_S)
        bad.weather = Weather()
        for machine in ("near", "far"):
            bad.link(machine, up=False)
            time.sleep(CUT_S)
            bad.link(machine, up=True)
        out, error = load.communicate(timeout=120)
        need(out, error)
        report = json.loads(out)
        need(report["calls_failed"] == 0, report)
        until(lambda: len(server.recordings()) == CALLS, "all are recorded")
        documents = [document(each) for each in server.recordings()]
    arrived = Counter(_port(packet) for packet in bad.arrived)
    unique = {(_port(packet), packet[28:]) for packet in bad.arrived}
    rows = [row for found in documents for row in found["streams"]]
    stored, once = (sum(row[name] for row in rows) for name in ("packets_received", "packets_unique"))
    need(stored == arrived.total(), f"{stored} stored, {arrived.total()} arrived")
    need(once == len(unique), f"{once} different ones stored, {len(unique)} arrived")
    causes = {gap["cause"] for row in rows for gap in row["gaps"]} - {"before_start", "after_end"}
    need(causes == {"network"}, causes)
    for row in rows:
        gaps = sum(gap["end_s"] - gap["start_s"] for gap in row["gaps"] if gap["cause"] == "network")
        need(round(gaps / 0.02) == row["packets_lost"], f"{gaps} s of gaps, {row['packets_lost']} lost")
    need({found["outcome"] for found in documents} == {"complete"}, documents)
    lost, reordered = (sum(row[name] for row in rows) for name in ("packets_lost", "packets_reordered"))
    return (
        f"{CALLS} calls over a wire that lost, repeated and delayed, cut for {CUT_S:g} s at either end: "
        f"{report['packets_sent']} sent, {stored} arrived and are stored, {stored - once} of them twice, "
        f"{reordered} out of order; {lost} lost, all in gaps of the network's; no call failed"
    )


def _load(server: Remote) -> subprocess.Popen[str]:
    words = ["bench", f"sip:{FAR}:{server.sip_port}", "--i-own-this-target", "--transport", "udp", "--json"]
    counts = ["--calls", str(CALLS), "--rate", str(RATE), "--seconds", str(SECONDS)]
    inside = server.network.inside("near", [sys.executable, "-m", "siprecord", *words, *counts])
    return subprocess.Popen(inside, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def _port(packet: bytes) -> int:
    """Destination of a datagram in IPv4 without options."""
    return int.from_bytes(packet[22:24])


def _is_rtp(packet: bytes) -> bool:
    udp = len(packet) > 28 and packet[0] == 0x45 and packet[9] == 17
    return udp and MEDIA[0] <= _port(packet) <= MEDIA[1] and _port(packet) % 2 == 0
