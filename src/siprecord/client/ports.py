"""What a client needs of the media plane; the command builds it of the compiled sender."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

Codec = Literal["pcmu", "pcma"]

PAYLOAD_TYPES: dict[Codec, int] = {"pcmu": 0, "pcma": 8}
"""The static payload types (RFC 3551 section 6)."""
SAMPLE_RATE = 8000
FRAME_SAMPLES = 160
"""20 ms of G.711, one octet a sample."""
FRAME_SECONDS = FRAME_SAMPLES / SAMPLE_RATE


@dataclass(frozen=True, slots=True, kw_only=True)
class Track:
    """One stream to play: encoded audio, from a socket of the player to an IP address and port."""

    socket: int
    destination: tuple[str, int]
    audio: bytes
    payload_type: int
    start_delay: float = 0.0
    """Seconds of silence before the first packet."""
    mark: int | None = None
    """The party's number in a load test."""


@dataclass(frozen=True, slots=True)
class Played:
    """How far a track has come."""

    packets: int
    done: bool


class Player(Protocol):
    """Sends audio in real time. One player may serve many calls."""

    def encode(self, pcm: bytes, codec: Codec) -> bytes:
        """16-bit little-endian samples to G.711."""

    def bind(self, host: str) -> tuple[int, int]:
        """A socket at that IP address: its number and its port, an even one; RTCP's is the next."""

    def play(self, tracks: Sequence[Track]) -> list[int]:
        """Start these tracks together; returns their numbers."""

    def played(self, numbers: Sequence[int]) -> list[Played]:
        """How far these tracks have come."""

    def stop(self, numbers: Sequence[int]) -> None:
        """End these tracks."""
