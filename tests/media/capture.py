"""A second, independent reading of what the engine writes, and a small RTP sender."""

from __future__ import annotations

import ipaddress
import json
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from siprecord.media import MediaEngine, StreamSpec
from tests.support.patience import PATIENCE, wait_until

SPEC = StreamSpec(label="1", mline=0, description={"payloads": {"0": {"encoding": "PCMU", "rate": 8000}}})
"""A stream of PCMU."""


@dataclass(frozen=True)
class Block:
    kind: int
    body: bytes


@dataclass(frozen=True)
class Datagram:
    interface: int
    time_ns: int
    source: tuple[str, int]
    destination: tuple[str, int]
    payload: bytes
    original: int


@dataclass(frozen=True)
class Interface:
    link_type: int
    name: str
    description: str


def blocks(path: Path) -> Iterator[Block]:
    """Every block; fails unless the file is made of whole blocks only."""
    data = path.read_bytes()
    while data:
        kind, length = struct.unpack_from("<II", data)
        assert length % 4 == 0
        assert 12 <= length <= len(data)
        assert struct.unpack_from("<I", data, length - 4)[0] == length
        yield Block(kind, data[8 : length - 4])
        data = data[length:]


def options(data: bytes) -> dict[int, bytes]:
    found = {}
    while data:
        code, length = struct.unpack_from("<HH", data)
        if code == 0:
            assert data == b"\0\0\0\0"
            break
        found[code] = data[4 : 4 + length]
        data = data[4 + (length + 3) // 4 * 4 :]
    return found


def interfaces(path: Path) -> list[Interface]:
    found = []
    for block in blocks(path):
        if block.kind == 1:
            texts = options(block.body[8:])
            assert texts[9] == b"\x09"
            link_type = struct.unpack_from("<H", block.body)[0]
            found.append(Interface(link_type, texts[2].decode(), texts.get(3, b"").decode()))
    return found


def packets(path: Path) -> list[tuple[int, int, bytes, int, dict[int, bytes]]]:
    """Interface, time, captured bytes, original length, options; each interface must be described before."""
    found = []
    described = 0
    for block in blocks(path):
        described += block.kind == 1
        if block.kind == 6:
            interface, high, low, captured, original = struct.unpack_from("<IIIII", block.body)
            assert interface < described
            end = 20 + (captured + 3) // 4 * 4
            data = block.body[20 : 20 + captured]
            found.append((interface, high << 32 | low, data, original, options(block.body[end:])))
    return found


def datagrams(path: Path, interface: int | None = None) -> list[Datagram]:
    return [
        _datagram(number, time_ns, data, original)
        for number, time_ns, data, original, _ in packets(path)
        if number != 0 and interface in (None, number)
    ]


def _datagram(interface: int, time_ns: int, data: bytes, original: int) -> Datagram:
    if data[0] >> 4 == 4:
        assert data[0] == 0x45
        assert _sum(data[:20]) == 0xFFFF
        head, (start, end) = 20, (12, 16)
        assert struct.unpack_from("!H", data, 2)[0] == original
        assert struct.unpack_from("!H", data, 26)[0] == 0
    else:
        head, (start, end) = 40, (8, 24)
        assert struct.unpack_from("!H", data, 4)[0] == original - 40
        if original == len(data):
            assert _sum(data[8:40] + struct.pack("!II", original - 40, 17) + data[40:]) == 0xFFFF
    source = str(ipaddress.ip_address(data[start:end]))
    destination = str(ipaddress.ip_address(data[end : end + end - start]))
    source_port, destination_port, length = struct.unpack_from("!HHH", data, head)
    assert length == original - head
    ends = ((source, source_port), (destination, destination_port))
    return Datagram(interface, time_ns, *ends, data[head + 8 :], length - 8)


def _sum(data: bytes) -> int:
    total: int = sum(struct.unpack(f"!{(len(data) + 1) // 2}H", data + b"\0" * (len(data) % 2)))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return total


def events(path: Path) -> list[dict[str, Any]]:
    found = []
    for block in blocks(path):
        if block.kind == 0xBAD:
            assert struct.unpack_from("<I", block.body)[0] == 32473
            found.append(json.loads(block.body[4:]))
    return found


def rtp(sequence: int, payload: bytes = b"\xff" * 160, *, ssrc: int = 0x1234, payload_type: int = 0) -> bytes:
    head = struct.pack("!BBHII", 0x80, payload_type, sequence & 0xFFFF, sequence * 160 & 0xFFFFFFFF, ssrc)
    return head + payload


SENDER_REPORT = struct.pack("!BBHIIIIII", 0x80, 200, 6, 0x1234, 0x83AA7E80, 0, 160, 1, 160)


class Sender:
    """Sends to this host; what it has sent is in the receiver's buffer when `send` returns."""

    def __init__(self, host: str = "127.0.0.1") -> None:
        self._socket = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((host, 0))
        self._last = socket.socket(self._socket.family, socket.SOCK_DGRAM)
        self._last.bind((host, 0))
        self._last.settimeout(PATIENCE)
        self.host = host
        self.address: tuple[str, int] = self._socket.getsockname()[:2]

    def send(self, port: int, *payloads: bytes) -> None:
        for payload in payloads:
            self._socket.sendto(payload, (self.host, port))
        # A kernel that is busy delivers later, but in order.
        self._socket.sendto(b"", self._last.getsockname())
        self._last.recv(1)

    def close(self) -> None:
        self._socket.close()
        self._last.close()


def resting(engine: MediaEngine) -> MediaEngine:
    """An engine whose only thread has had its first round and sleeps until the next."""
    wait_until(lambda: engine.cpu_seconds() > 0)
    return engine
