"""Writes the classic pcap files that SIPp plays."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

FRAME_SAMPLES = 160
FRAME_SECONDS = 0.02


@dataclass(frozen=True)
class PcapStream:
    """One RTP stream of a capture: G.711 bytes, cut into frames of 20 ms."""

    payload: bytes
    payload_type: int
    port: int
    ssrc: int
    sequence: int = 1
    timestamp: int = 0


def write_pcap(path: Path, streams: Sequence[PcapStream]) -> Path:
    """Ethernet, IPv4, UDP, RTP; the streams frame by frame beside each other."""
    frames = max(len(stream.payload) for stream in streams) // FRAME_SAMPLES
    with path.open("wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
        for number in range(frames):
            for stream in streams:
                packet = _ethernet(stream, number)
                micros = int(number * FRAME_SECONDS * 1_000_000)
                file.write(
                    struct.pack(
                        "<IIII", 1_000_000 + micros // 1_000_000, micros % 1_000_000, len(packet), len(packet)
                    )
                )
                file.write(packet)
    return path


def _ethernet(stream: PcapStream, number: int) -> bytes:
    payload = stream.payload[number * FRAME_SAMPLES : (number + 1) * FRAME_SAMPLES]
    rtp = (
        struct.pack(
            "!BBHII",
            0x80,
            stream.payload_type | (0x80 if number == 0 else 0),
            (stream.sequence + number) & 0xFFFF,
            (stream.timestamp + number * FRAME_SAMPLES) & 0xFFFFFFFF,
            stream.ssrc,
        )
        + payload
    )
    udp = struct.pack("!HHHH", stream.port, stream.port, 8 + len(rtp), 0) + rtp
    ip = (
        struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0, b"\x7f\0\0\1", b"\x7f\0\0\1")
        + udp
    )
    return b"\0" * 12 + b"\x08\0" + ip
