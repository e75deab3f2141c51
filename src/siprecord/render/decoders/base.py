"""What a decoder is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from siprecord.media.audio import PlacedPacket

Samples = npt.NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class Piece:
    """Audio of one packet; positions are ticks, as in the packet."""

    start: int
    skip: int
    samples: int
    fill: int
    pcm: Samples
    """All of the packet, at the decoder's rate."""

    def heard(self, rate: int, unit: int) -> Samples:
        """What stands in its place, of `rate` samples a second where ticks are `unit` a second."""
        until = self.skip + self.samples - self.fill
        first, last = self.skip * rate // unit, until * rate // unit
        heard = self.pcm[first:last]
        if not self.fill or last > len(self.pcm):
            return heard
        return np.append(heard, np.repeat(self.pcm[last - 1 : last], self.fill * rate // unit))


class Decoder(Protocol):
    """Decodes one stretch: packets of one payload type and one SSRC, in order. Made anew for each stretch.

    `run` may be called again with what follows, while a call goes on: the decoder's state goes on too.
    """

    def run(self, packets: Iterable[PlacedPacket]) -> Iterator[Piece]:
        """One piece for each packet that can be decoded, in the same order."""
        ...


def piece(packet: PlacedPacket, pcm: Samples) -> Piece:
    """The piece of a packet."""
    return Piece(packet.start, packet.skip, packet.samples, packet.fill, pcm)


def samples_of(pcm: bytes) -> Samples:
    """16-bit little-endian PCM as an array."""
    return np.frombuffer(pcm, "<i2").astype(np.int16, copy=False)
