"""Two nodes and a Redis: one dies, the other goes on with its calls."""

from __future__ import annotations

import json
import signal
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support import messages
from tests.support.redis_server import RedisServer
from tests.support.server import RunningServer

LEASE = {"SIPRECORD_CLUSTER__LEASE_S": "1", "SIPRECORD_CLUSTER__TIMEOUT_S": "0.5"}


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path / "redis").start()
    yield server
    server.stop()


class Pair:
    """Two nodes on two addresses of this machine that share a Redis."""

    def __init__(self, directory: Path, redis: RedisServer, **settings: str) -> None:
        self.nodes = [
            RunningServer(
                directory / name,
                settings={**redis.settings(), **LEASE, "SIPRECORD_NODE": name, **settings},
                media_ports=ports,
            )
            for name, ports in (("a", (22000, 22998)), ("b", (23000, 23998)))
        ]
        for node in self.nodes:
            node.directory.mkdir()
            node.start()

    def stop(self) -> None:
        for node in self.nodes:
            if node.process is not None and node.process.poll() is None:
                node.stop(signal.SIGKILL)


class Phone:
    """An SRC of one UDP socket, which may send to any node."""

    def __init__(self) -> None:
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind(("127.0.0.1", 0))
        self.sock.settimeout(0.5)

    def ask(self, port: int, request: bytes, wanted: bytes) -> bytes:
        for _ in range(40):
            self.sock.sendto(request, ("127.0.0.1", port))
            try:
                while not (answer := self.sock.recv(65536)).startswith(b"SIP/2.0 ") or wanted not in answer:
                    pass
            except TimeoutError:
                continue
            return answer
        raise AssertionError(f"no answer to {request[:40]!r}")

    def tell(self, port: int, request: bytes) -> None:
        self.sock.sendto(request, ("127.0.0.1", port))


def until(fact: Callable[[], object], what: str, seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not fact():
        assert time.monotonic() < end, f"never: {what}"
        time.sleep(0.02)


def document(recording: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((recording / "metadata.json").read_text())
    return loaded


@pytest.fixture
def pair(tmp_path: Path, redis: RedisServer) -> Iterator[Pair]:
    made = Pair(tmp_path, redis)
    yield made
    made.stop()


def test_the_other_node_answers_for_a_dead_one(pair: Pair, redis: RedisServer) -> None:
    a, b = pair.nodes
    phone = Phone()
    body = messages.multipart(messages.sdp(), messages.METADATA)
    answer = phone.ask(a.sip_port, messages.request("INVITE", "t1", body=body), b"INVITE")
    assert answer.startswith(b"SIP/2.0 200"), answer[:60]
    tag = messages.tag_of(answer)
    until(lambda: redis.command("HLEN", "{siprecord}:calls:a") == ":1\r\n", "it is known in Redis")
    a.crash()
    until(lambda: b.get("/api/status")["calls"] == 1, "b has taken it over")
    again = phone.ask(b.sip_port, messages.request("INVITE", "t1", body=body), b"INVITE")
    assert messages.tag_of(again) == tag
    phone.tell(b.sip_port, messages.request("ACK", "t1", to_tag=tag))
    bye = phone.ask(b.sip_port, messages.request("BYE", "t1", number=2, to_tag=tag), b"BYE")
    assert bye.startswith(b"SIP/2.0 200"), bye[:60]
    (ours,) = b.wait_recordings(1)
    told = document(ours)
    a.start()
    (first,) = a.wait_recordings(1)
    lost = document(first)
    assert told["continues"]["recording_id"] == lost["recording_id"]
    assert told["continues"]["cause"] == "failover"
    assert told["continues"]["node"] == "a"
    assert lost["outcome"] == "interrupted"
    assert lost["continued_by"] == [{"recording_id": told["recording_id"], "node": "b", "cause": "failover"}]
