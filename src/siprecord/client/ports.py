"""What a client needs of the media plane; the command builds it of the compiled sender."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from siprecord.client.codecs import Codec, Law
from siprecord.syntax.sdp import SrtpKeys

SAMPLE_RATE = 8000
"""Of the sound that a client takes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Track:
    """One stream to play: encoded audio, from a socket of the player to an IP address and port."""

    socket: int
    destination: tuple[str, int]
    audio: bytes
    payload_type: int
    codec: Codec = "pcmu"
    start_delay: float = 0.0
    """Seconds of silence before the first packet."""
    mark: int | None = None
    """The party's number in a load test."""
    srtp: SrtpKeys | None = None
    """Protects the packets; none sends them in the clear."""


@dataclass(frozen=True, slots=True)
class Played:
    """How far a track has come."""

    packets: int
    done: bool


class Player(Protocol):
    """Sends audio in real time. One player may serve many calls."""

    def encode(self, pcm: bytes, codec: Law) -> bytes:
        """16-bit little-endian samples to G.711."""

    def bind(self, host: str) -> tuple[int, int]:
        """A socket at that IP address: its number and its port, an even one; RTCP's is the next."""

    def play(self, tracks: Sequence[Track]) -> list[int]:
        """Start these tracks together; returns their numbers."""

    def played(self, numbers: Sequence[int]) -> list[Played]:
        """How far these tracks have come."""

    def stop(self, numbers: Sequence[int]) -> None:
        """End these tracks."""
