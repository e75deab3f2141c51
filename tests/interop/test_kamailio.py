"""Kamailio as in examples/kamailio, in front of two nodes: our own client and SIPp call through it."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from tests.interop.test_sipp_calls import Caller
from tests.support import sipp
from tests.support.cluster import Phone, cluster, document, end, node, running, start_all, until
from tests.support.ports import free_port
from tests.support.redis_server import RedisServer
from tests.support.server import RunningServer

EXAMPLE = Path(__file__).parents[2] / "examples" / "kamailio"
KAMAILIO = shutil.which("kamailio", path="/usr/sbin:/usr/local/sbin:/usr/bin")

pytestmark = pytest.mark.skipif(KAMAILIO is None, reason="kamailio is not installed; run scripts/packages.sh")


@dataclass
class Proxy:
    """The example, with other addresses."""

    directory: Path
    nodes: list[RunningServer]
    port: int
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        assert KAMAILIO is not None
        listed = self.directory / "dispatcher.list"
        listed.write_text((EXAMPLE / "dispatcher.list").read_text())
        text = (EXAMPLE / "kamailio.cfg").read_text()
        self._replace(listed, "192.0.2.11:5060", f"127.0.0.1:{self.nodes[0].sip_port}")
        self._replace(listed, "192.0.2.12:5060", f"127.0.0.1:{self.nodes[1].sip_port}")
        config = self.directory / "kamailio.cfg"
        config.write_text(text)
        self._replace(config, "192.0.2.10:5060", f"127.0.0.1:{self.port}")
        self._replace(config, "/etc/kamailio/dispatcher.list", str(listed))
        command = [KAMAILIO, "-f", str(config), "-DD", "-E", "-m", "32", "-M", "4", "-Y", str(self.directory)]
        with (self.directory / "kamailio.log").open("wb") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(30)

    def _replace(self, path: Path, old: str, new: str) -> None:
        text = path.read_text()
        assert old in text, f"{old} is not in {path.name}"
        path.write_text(text.replace(old, new))


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    directory = tmp_path_factory.mktemp("proxy")
    redis = RedisServer(directory / "redis").start()
    nodes = [node(directory, name, redis.settings()) for name in ("a", "b")]
    start_all(*nodes)
    made = Proxy(directory, nodes, free_port())
    made.start()
    until(lambda: len(cluster(nodes[0])["nodes"]) == 2, "the nodes know one another")
    yield made
    made.stop()
    end(*nodes)
    redis.stop()


@pytest.fixture
def phone() -> Iterator[Phone]:
    made = Phone()
    yield made
    made.close()


def asked(phone: Phone, proxy: Proxy, number: int) -> int:
    """What a ping through the proxy is answered."""
    return phone.ask(proxy.port, "OPTIONS", f"ping{number}", number=number).status


def bench(proxy: Proxy, calls: int, seconds: float) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "siprecord", "bench", f"sip:127.0.0.1:{proxy.port};transport=tcp"]
    options = ["--calls", str(calls), "--rate", "10", "--seconds", str(seconds), "--json"]
    return subprocess.Popen([*command, *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def report(process: subprocess.Popen[str]) -> dict[str, Any]:
    out, error = process.communicate(timeout=60)
    assert out, error
    found: dict[str, Any] = json.loads(out)
    return found


def reached(proxy: Proxy, wanted: RunningServer) -> bool:
    """Whether one of two calls goes to this node."""
    before, other = wanted.recordings(), next(each for each in proxy.nodes if each is not wanted)
    count = len(before) + len(other.recordings()) + 2
    report(bench(proxy, 2, 0.2))
    until(lambda: len(wanted.recordings()) + len(other.recordings()) == count, "both are finished")
    return len(wanted.recordings()) > len(before)


def test_calls_are_spread_over_both_nodes(proxy: Proxy, phone: Phone, tmp_path: Path) -> None:
    a, b = proxy.nodes
    until(lambda: asked(phone, proxy, 1) == 200, "kamailio has found a node")
    done = report(bench(proxy, 8, 1.0))
    assert (done["calls"], done["calls_failed"]) == (8, 0), done
    until(lambda: len(a.recordings()) + len(b.recordings()) == 8, "all are recorded")
    assert a.recordings()
    assert b.recordings()
    run = Caller(tmp_path, seed=5, seconds=1.0).run(a, "t1", calls=2)
    sipp.play(replace(run, port=proxy.port))
    until(lambda: len(a.recordings()) + len(b.recordings()) == 10, "both calls of SIPp are recorded")


def test_a_dead_node_costs_no_call_and_a_draining_one_gets_none(proxy: Proxy, phone: Phone) -> None:
    a, b = proxy.nodes
    until(lambda: reached(proxy, a), "kamailio sends calls to a")
    before = len(b.recordings())
    load = bench(proxy, 6, 4.5)
    until(lambda: len(running(a)) + len(running(b)) == 6, "all calls run")
    here = len(running(a))
    assert 0 < here < 6
    until(lambda: cluster(a)["calls"] == here and cluster(a)["pending"] == 0, "the calls are known in Redis")
    a.crash()
    until(lambda: len(running(b)) == 6, "b has taken the calls over")
    done = report(load)
    assert (done["calls"], done["calls_failed"]) == (6, 0), done
    until(lambda: len(b.recordings()) == before + 6, "b has finished all")
    outcomes = {document(each)["outcome"] for each in b.recordings()}
    assert outcomes == {"complete"}, "each BYE has found its node"
    again = report(bench(proxy, 2, 1.0))
    assert (again["calls"], again["calls_failed"]) == (2, 0), again
    until(lambda: len(b.recordings()) == before + 8, "new calls go to b")
    assert b.process is not None
    phone.call(b.sip_port, "keeps-b-draining")
    b.process.send_signal(signal.SIGTERM)
    until(lambda: asked(phone, proxy, 2) == 503, "no node takes calls")
