"""Codecs that libsndfile decodes.

A stretch goes through a temporary file, so the decoder's state runs on and memory stays flat. What comes in
several calls, as live audio does, is preceded by the last packets of the call before: they bring it back.
"""

from __future__ import annotations

import tempfile
from array import array
from collections import deque
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import IO, Any

import numpy as np
import soundfile

from siprecord.media.audio import PlacedPacket
from siprecord.media.codecs import opus_ticks
from siprecord.render.decoders.base import Piece, Samples
from siprecord.render.ogg import OpusFile

_FIELDS = 5
_MEMORY = 4 << 20
_BATCH = 500
_MAX_FILLED = 48_000 // 10
_REMEMBERED = 8
"""Packets that are decoded again before those of the next call: RFC 7845 section 4.6 asks for 80 ms."""


class Plan:
    """What to read back, five numbers an entry: start, skip, ticks heard and filled, samples decoded."""

    def __init__(self) -> None:
        self._rows = array("q")

    def add(self, packet: PlacedPacket, decoded: int) -> None:
        """The next `decoded` samples are this packet's."""
        self._rows.extend((packet.start, packet.skip, packet.samples, packet.fill, decoded))

    def hide(self, decoded: int) -> None:
        """The next `decoded` samples are nobody's."""
        self._rows.extend((0, 0, 0, 0, decoded))

    def read(self, file: soundfile.SoundFile) -> Iterator[Piece]:
        """The pieces, read in batches."""
        rows = np.frombuffer(self._rows, np.int64).reshape(-1, _FIELDS)
        for at in range(0, len(rows), _BATCH):
            batch = rows[at : at + _BATCH]
            pcm = _read(file, int(batch[:, 4].sum()))
            ends = np.cumsum(batch[:, 4])
            for (start, skip, heard, fill, decoded), end in zip(batch.tolist(), ends.tolist(), strict=True):
                if heard:
                    yield Piece(start, skip, heard, fill, pcm[end - decoded : end])


def _read(file: soundfile.SoundFile, count: int) -> Samples:
    """Samples of the file, zeros where it ends early."""
    found = file.read(count, dtype="float32")
    out = np.zeros(count, np.int16)
    out[: len(found)] = np.clip(np.rint(found * 32_768.0), -32_768, 32_767)
    return out


class Gsm:
    """GSM 06.10 full rate, frames of 33 octets (RFC 3551 section 4.5.8)."""

    def __init__(self) -> None:
        self._before: deque[PlacedPacket] = deque(maxlen=_REMEMBERED)

    def run(self, packets: Iterable[PlacedPacket]) -> Iterator[Piece]:
        """Decode."""
        plan = Plan()
        with tempfile.SpooledTemporaryFile(_MEMORY) as spool:
            for found in tuple(self._before):
                spool.write(found.payload)
                plan.hide(_gsm_samples(found))
            for found in packets:
                spool.write(found.payload)
                plan.add(found, _gsm_samples(found))
                self._before.append(found)
            yield from plan.read(_open(spool, samplerate=8000, channels=1, format="RAW", subtype="GSM610"))


def _gsm_samples(packet: PlacedPacket) -> int:
    return len(packet.payload) // 33 * 160


class Opus:
    """Opus, as mono at 48 kHz. Short losses are told to the decoder; what it makes of them is not heard."""

    def __init__(self) -> None:
        self._before: deque[PlacedPacket] = deque(maxlen=_REMEMBERED)

    def run(self, packets: Iterable[PlacedPacket]) -> Iterator[Piece]:
        """Decode."""
        plan = Plan()
        with tempfile.SpooledTemporaryFile(_MEMORY) as spool:
            ogg = OpusFile(spool, channels=1)
            before = tuple(self._before)
            end = None
            for number, found in enumerate(chain(before, packets)):
                ticks = opus_ticks(found.payload) or 0
                if end is not None:
                    self._fill(ogg, plan, found, found.start - found.skip - end)
                ogg.add(found.payload, ticks)
                end = found.start - found.skip + ticks
                if number < len(before):
                    plan.hide(ticks)
                else:
                    plan.add(found, ticks)
                    self._before.append(found)
            ogg.finish()
            yield from plan.read(_open(spool))

    def _fill(self, ogg: OpusFile, plan: Plan, packet: PlacedPacket, missing: int) -> None:
        """A packet without data makes the decoder conceal, as it would in a live call."""
        nothing = bytes((packet.payload[0] & 0xFC,))
        ticks = opus_ticks(nothing) or 0
        for _ in range(min(missing, _MAX_FILLED) // ticks if ticks else 0):
            ogg.add(nothing, ticks)
            plan.hide(ticks)


def _open(spool: IO[bytes], **shape: Any) -> soundfile.SoundFile:
    spool.seek(0)
    return soundfile.SoundFile(spool, **shape)
