"""Codecs that we decode ourselves: G.711, G.722 and linear PCM."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal

import numpy as np

from siprecord.media.audio import PlacedPacket, decode_g711
from siprecord.media.codecs import G722Decoder
from siprecord.render.decoders.base import Piece, piece, samples_of


class G711:
    """Codes by table."""

    def __init__(self, law: Literal["pcmu", "pcma"]) -> None:
        self._law = law

    def run(self, packets: Iterable[PlacedPacket]) -> Iterator[Piece]:
        """Decode."""
        return (piece(found, samples_of(decode_g711(found.payload, self._law))) for found in packets)


class G722:
    """ITU-T G.722: the RTP clock says 8000, the audio has 16,000 a second (RFC 3551 section 4.5.2)."""

    def __init__(self) -> None:
        self._decoder = G722Decoder()

    def run(self, packets: Iterable[PlacedPacket]) -> Iterator[Piece]:
        """Decode."""
        return (piece(found, samples_of(self._decoder.decode(found.payload))) for found in packets)


class Linear:
    """L16: big endian, channels interleaved (RFC 3551 section 4.5.11); channels become their mean."""

    def __init__(self, channels: int) -> None:
        self._channels = channels

    def run(self, packets: Iterable[PlacedPacket]) -> Iterator[Piece]:
        """Decode."""
        for found in packets:
            samples = np.frombuffer(found.payload, ">i2")
            if self._channels > 1:
                samples = samples.reshape(-1, self._channels).mean(axis=1).round()
            yield piece(found, samples.astype(np.int16))
