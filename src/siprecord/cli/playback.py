"""The media plane as a recording client wants it: its `Player`, made of the compiled sender."""

from __future__ import annotations

import random
from collections.abc import Sequence
from types import TracebackType

from siprecord.client.codecs import CODECS, Law
from siprecord.client.ports import Played, Track
from siprecord.media.audio import encode_g711
from siprecord.media.sender import RtpClip, RtpSender, SendSpec


class Playback:
    """Plays the tracks of any number of calls from one thread; a context manager."""

    def __init__(self) -> None:
        self._sender = RtpSender()
        self._random = random.SystemRandom()

    def __enter__(self) -> Playback:
        self._sender.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._sender.stop()

    def encode(self, pcm: bytes, codec: Law) -> bytes:
        """16-bit little-endian samples to G.711."""
        return encode_g711(pcm, codec)

    def bind(self, host: str) -> tuple[int, int]:
        """A socket at that IP address: its number and its port."""
        return self._sender.bind(host)

    def play(self, tracks: Sequence[Track]) -> list[int]:
        """Start these tracks together; returns their numbers."""
        return self._sender.add_streams([self._spec(track) for track in tracks])

    def played(self, numbers: Sequence[int]) -> list[Played]:
        """How far these tracks have come."""
        return [Played(each.sent, each.done) for each in self._sender.progress(list(numbers))]

    def stop(self, numbers: Sequence[int]) -> None:
        """End these tracks."""
        self._sender.stop_streams(list(numbers))

    def _spec(self, track: Track) -> SendSpec:
        codec = CODECS[track.codec]
        # Random starts, as RFC 3550 section 5.1 asks for.
        return SendSpec(
            socket=track.socket,
            destination=track.destination,
            clip=RtpClip(track.audio),
            payload_type=track.payload_type,
            ssrc=self._random.getrandbits(32),
            sequence=self._random.getrandbits(16),
            timestamp=self._random.getrandbits(32),
            frame_samples=codec.ticks,
            frame_bytes=codec.octets,
            clock_rate=codec.encoding.clock_rate,
            start_delay=track.start_delay,
            srtp=track.srtp,
        )
