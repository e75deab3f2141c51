"""Nodes on this machine that share a Redis, and a client that may speak to any of them."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import struct
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from siprecord.media import SrtpSender
from siprecord.syntax.sdp import CryptoLine, SrtpKeys, parse_sdp
from siprecord.syntax.sip import Response, parse_message
from tests.support import messages
from tests.support.patience import PATIENCE
from tests.support.ports import media_range
from tests.support.server import RunningServer

LEASE = {"SIPRECORD_CLUSTER__LEASE_S": "1", "SIPRECORD_CLUSTER__TIMEOUT_S": "0.5"}
NODES = ("a", "b")


def node(directory: Path, name: str, settings: Mapping[str, str]) -> RunningServer:
    """A node, not started yet. Each has ports of its own, so that the other one can take them over."""
    place = directory / name
    place.mkdir(parents=True, exist_ok=True)
    own = {**LEASE, "SIPRECORD_NODE": name, **settings}
    return RunningServer(place, settings=own, media_ports=_share(NODES.index(name) if name in NODES else 2))


def _share(number: int) -> tuple[int, int]:
    """One of three parts of the media ports of this process."""
    first, last = media_range()
    size = (last - first) // 6 * 2
    return first + number * size, first + number * size + size - 2


def start_all(*nodes: RunningServer) -> None:
    """Start them at the same time."""
    with ThreadPoolExecutor(len(nodes)) as pool:
        list(pool.map(lambda each: each.start(), nodes))


def end(*nodes: RunningServer) -> None:
    """End them at once, whatever they do."""
    for each in nodes:
        if each.process is not None and each.process.poll() is None:
            each.process.send_signal(signal.SIGCONT)
            with contextlib.suppress(OSError):
                each.crash()


def freeze(*processes: int) -> None:
    """Stop the processes of a node, its holder first: the others take it for dead."""
    for pid in processes:
        os.kill(pid, signal.SIGSTOP)


def thaw(*processes: int) -> None:
    """Let them go on."""
    for pid in reversed(processes):
        os.kill(pid, signal.SIGCONT)


class Phone:
    """An SRC of one UDP socket, whose calls have two streams."""

    def __init__(self) -> None:
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind(("127.0.0.1", 0))
        self.sock.settimeout(0.5)
        self.sent: dict[int, list[int]] = {}
        """Sequence numbers by port."""

    def close(self) -> None:
        self.sock.close()

    def ask(self, port: int, method: str, call: str, *, host: str = "127.0.0.1", **more: Any) -> Response:
        """Send a request until its final answer comes."""
        request = messages.request(method, call, **more)
        for _ in range(60):
            self.sock.sendto(request, (host, port))
            try:
                while not _answers(answer := self.sock.recv(65536), method, call):
                    pass
            except (TimeoutError, ConnectionError):
                continue
            found = parse_message(answer)
            assert isinstance(found, Response)
            return found
        raise AssertionError(f"no answer to {method} of {call}")

    def call(
        self,
        port: int,
        call: str,
        *,
        host: str = "127.0.0.1",
        metadata: str = messages.METADATA,
        keys: Sequence[SrtpKeys] = (),
    ) -> Talk:
        """Place a call; with keys its streams are protected."""
        crypto = tuple(str(CryptoLine(tag=1, suite=one.suite, keys=(one,))) for one in keys)
        body = messages.multipart(messages.sdp(crypto=crypto), metadata)
        answer = self.ask(port, "INVITE", call, host=host, body=body)
        assert answer.status == 200, answer.status
        talk = Talk(self, call, answer, (host, port), keys)
        self.sock.sendto(messages.request("ACK", call, to_tag=talk.tag), (host, port))
        return talk


class Talk:
    """A call of a phone."""

    def __init__(
        self,
        phone: Phone,
        call: str,
        answer: Response,
        server: tuple[str, int],
        keys: Sequence[SrtpKeys] = (),
    ) -> None:
        self.phone, self.call, self.server = phone, call, server
        self.tag = answer.to.tag or ""
        description = parse_sdp(answer.body)
        self.host = description.connection.address if description.connection else "127.0.0.1"
        self.ports = [media.port for media in description.media]
        self.sequences = [0] * len(self.ports)
        """Of the next packets; they may be beyond 65,535."""
        self._protection = [SrtpSender(one) for one in keys]

    def speak(self, packets: int = 1) -> list[list[bytes]]:
        """Send so many packets on each stream, 20 ms of audio each. Answers them in the clear, by stream."""
        return [self._speak(number, packets) for number in range(len(self.ports))]

    def _speak(self, number: int, packets: int) -> list[bytes]:
        sent = []
        for sequence in range(self.sequences[number], self.sequences[number] + packets):
            marks = sequence & 0xFFFF, 160 * sequence, 7000 + number
            packet = struct.pack(">BBHII", 0x80, 0, *marks) + sequence.to_bytes(4, "big") * 40
            wire = self._protection[number].protect_rtp(packet) if self._protection else packet
            self.phone.sock.sendto(wire, (self.host, self.ports[number]))
            sent.append(packet)
        self.sequences[number] += packets
        return sent

    def bye(self, port: int, *, number: int = 2) -> Response:
        return self.phone.ask(port, "BYE", self.call, number=number, to_tag=self.tag, host=self.server[0])


def until(fact: Callable[[], object], what: str, seconds: float = PATIENCE) -> None:
    """Wait for a fact; an error of a connection is not yet one."""
    finish = time.monotonic() + seconds
    while True:
        with contextlib.suppress(OSError):
            if fact():
                return
        assert time.monotonic() < finish, f"never: {what}"
        time.sleep(0.02)


def document(recording: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((recording / "metadata.json").read_text())
    return loaded


def found(server: RunningServer, call: str) -> list[dict[str, Any]]:
    """What a node tells of the finished recordings of a call."""
    rows = [document(each) for each in server.recordings()]
    return [row for row in rows if row["sip"]["call_id"] == call]


def running(server: RunningServer) -> list[dict[str, Any]]:
    """The calls that a node records."""
    calls: list[dict[str, Any]] = server.get("/api/calls")["calls"]
    return calls


def packets(server: RunningServer) -> int:
    """Packets of all calls that a node records."""
    return sum(stream["packets"] for call in running(server) for stream in call["streams"])


def cluster(server: RunningServer) -> dict[str, Any]:
    """What a node knows of the others."""
    row: dict[str, Any] = server.get("/api/cluster")
    return row


def _answers(data: bytes, method: str, call: str) -> bool:
    final = data.startswith(b"SIP/2.0 ") and not data.startswith(b"SIP/2.0 1")
    return final and f" {method}\r\n".encode() in data and f"Call-ID: {call}\r\n".encode() in data
