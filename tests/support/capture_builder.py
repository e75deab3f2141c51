"""Capture logs for tests, block by block, written with nothing but `struct`.

It shares no code with the recorder's writer, so that the two check each other.
"""

from __future__ import annotations

import base64
import json
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.int16]

START_NS = 1_700_000_000_000_000_000
MILLISECOND = 1_000_000
SECOND = 1_000_000_000
PACKET = 160
G711 = {"0": {"encoding": "PCMU", "rate": 8000, "channels": 1}, "8": {"encoding": "PCMA", "rate": 8000}}


def block(kind: int, body: bytes) -> bytes:
    body += bytes(-len(body) % 4)
    length = struct.pack("<I", len(body) + 12)
    return struct.pack("<I", kind) + length + body + length


def section() -> bytes:
    return block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1))


def option(code: int, value: bytes) -> bytes:
    return struct.pack("<HH", code, len(value)) + value + bytes(-len(value) % 4)


def interface(linktype: int, name: str, description: str = "") -> bytes:
    options = option(2, name.encode()) + option(3, description.encode()) + option(9, b"\x09") + bytes(4)
    return block(1, struct.pack("<HHI", linktype, 0, 0) + options)


def packet(number: int, time_ns: int, data: bytes) -> bytes:
    size = len(data)
    return block(6, struct.pack("<IIIII", number, time_ns >> 32, time_ns & 0xFFFFFFFF, size, size) + data)


def event(values: Mapping[str, object]) -> bytes:
    data = json.dumps(values).encode()
    return block(0xBAD, struct.pack("<I", 32473) + data + b" " * (-len(data) % 4))


def udp(payload: bytes, source: tuple[str, int], destination: tuple[str, int]) -> bytes:
    ports = struct.pack(">HHHH", source[1], destination[1], len(payload) + 8, 0)
    addresses = ip_address(source[0]).packed + ip_address(destination[0]).packed
    if len(addresses) == 32:
        return struct.pack(">IHBB", 6 << 28, len(payload) + 8, 17, 64) + addresses + ports + payload
    head = struct.pack(">BBHHHBBH", 0x45, 0, len(payload) + 28, 0, 0x4000, 64, 17, 0)
    return head + addresses + ports + payload


def sip_packet(message: bytes, source: tuple[str, int], destination: tuple[str, int], *, tcp: bool) -> bytes:
    def tag(code: int, value: bytes) -> bytes:
        return struct.pack(">HH", code, len(value)) + value

    return b"".join(
        (
            tag(12, b"sip\0"),
            tag(20, ip_address(source[0]).packed),
            tag(21, ip_address(destination[0]).packed),
            tag(24, struct.pack(">I", 2 if tcp else 3)),
            tag(25, struct.pack(">I", source[1])),
            tag(26, struct.pack(">I", destination[1])),
            tag(0, b""),
            message,
        )
    )


@dataclass(frozen=True, slots=True)
class Rtp:
    """One RTP packet and when it arrives, in milliseconds after the start."""

    at_ms: float
    sequence: int
    timestamp: int
    payload: bytes
    ssrc: int = 0x1234
    payload_type: int = 0
    marker: bool = False

    def to_bytes(self) -> bytes:
        second = self.payload_type | (0x80 if self.marker else 0)
        head = struct.pack(
            ">BBHII", 0x80, second, self.sequence & 0xFFFF, self.timestamp & 0xFFFFFFFF, self.ssrc
        )
        return head + self.payload

    def late(self, milliseconds: float) -> Rtp:
        return replace(self, at_ms=self.at_ms + milliseconds)


@dataclass(slots=True)
class Sender:
    """Cuts codes into packets of 20 ms and sends them in time; change its fields to make it misbehave."""

    sequence: int = 100
    timestamp: int = 5000
    ssrc: int = 0x1234
    payload_type: int = 0
    at_ms: float = 0

    def send(self, codes: bytes) -> list[Rtp]:
        return [self.one(codes[at : at + PACKET]) for at in range(0, len(codes), PACKET)]

    def one(self, payload: bytes) -> Rtp:
        rtp = Rtp(self.at_ms, self.sequence, self.timestamp, payload, self.ssrc, self.payload_type)
        self.sequence += 1
        self.timestamp += len(payload)
        self.at_ms += len(payload) / 8
        return rtp


def codes(seed: int, packets: int) -> bytes:
    """Codes that are never silence in either law, unlike any others."""
    random = np.random.default_rng(seed)
    raw = random.integers(0, 0x70, size=packets * PACKET, dtype=np.uint8)
    return raw.tobytes()


def mu_samples(data: bytes) -> Samples:
    """An independent mu-law decoder (ITU-T G.711 table 2a by formula)."""
    inverted = ~np.frombuffer(data, dtype=np.uint8)
    magnitude = (((inverted & 0x0F).astype(np.int32) << 3) + 0x84 << ((inverted & 0x70) >> 4)) - 0x84
    return np.where(inverted & 0x80, -magnitude, magnitude).astype(np.int16)


@dataclass(slots=True)
class CaptureBuilder:
    """Collects the blocks of one log; interface 0 is SIP."""

    blocks: list[bytes] = field(default_factory=lambda: [section(), interface(252, "sip")])
    interfaces: int = 1

    def event(self, name: str, at_ms: float = 0, **values: object) -> None:
        time_ns = START_NS + int(at_ms * MILLISECOND)
        self.blocks.append(event({"event": name, "time_ns": time_ns, **values}))

    def started(self, recording_id: str = "rec-1", **values: Any) -> None:
        call: dict[str, Any] = {
            "call_id": "abc@src",
            "from": "<sip:src@example.com>",
            "to": "<sip:srs@example.com>",
        }
        self.event("recording.started", recording_id=recording_id, **{**call, **values})

    def ended(self, at_ms: float = 10_000, outcome: str = "complete") -> None:
        self.event("recording.ended", at_ms, outcome=outcome, reason="BYE")

    def stream(self, label: str, payloads: Mapping[str, Any] = G711, **values: Any) -> int:
        number = self.interfaces
        self.interfaces += 1
        self.blocks.append(interface(101, label))
        opened: dict[str, Any] = {"interface": number, "mline": number - 1, "label": label, "kind": "audio"}
        self.event("stream.opened", payloads=payloads, **{**opened, **values})
        return number

    def sip(self, message: bytes, at_ms: float = 0, *, tcp: bool = False) -> None:
        data = sip_packet(message, ("192.0.2.1", 5060), ("198.51.100.2", 5070), tcp=tcp)
        self.blocks.append(packet(0, START_NS + int(at_ms * MILLISECOND), data))

    def metadata(self, document: bytes, at_ms: float = 0) -> None:
        encoded = base64.b64encode(document).decode()
        self.event("metadata.received", at_ms, number=1, content_type="application/rs-metadata+xml",
                   carried_by="INVITE", document=encoded)  # fmt: skip

    def datagram(self, number: int, at_ms: float, payload: bytes, *, ipv6: bool = False) -> None:
        hosts = ("2001:db8::1", "2001:db8::2") if ipv6 else ("192.0.2.1", "198.51.100.2")
        data = udp(payload, (hosts[0], 4000), (hosts[1], 20_000 + 2 * number))
        self.blocks.append(packet(number, START_NS + round(at_ms * MILLISECOND), data))

    def rtp(self, number: int, *groups: Sequence[Rtp]) -> None:
        """Packets in the order of arrival, as the recorder writes them."""
        for found in sorted((rtp for group in groups for rtp in group), key=lambda rtp: rtp.at_ms):
            self.datagram(number, found.at_ms, found.to_bytes())

    def to_bytes(self) -> bytes:
        return b"".join(self.blocks)

    def write(self, path: Path) -> Path:
        path.write_bytes(self.to_bytes())
        return path
