"""Channels of any codec: PCM pieces painted on silence, brought to one rate, and joined.

A channel has one layer for each sample rate that came. Each layer is silent wherever another one speaks, so
the channel is their sum. A layer of the file's own rate is never touched by a filter.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

import numpy as np
import numpy.typing as npt
import soxr

from siprecord.media.audio import AudioRenderer, PlacedPacket
from siprecord.render.codecs import Choice
from siprecord.render.decoders import Piece, Samples

Floats = npt.NDArray[np.float32]
_SECONDS = 8
"""Length of a block: what is in memory of each channel."""
_RawPiece = tuple[int, Samples]
"""First sample within the layer, and samples."""


class Layer:
    """What one channel has at one rate."""

    def __init__(self, rate: int, file_rate: int, origin: int) -> None:
        self.rate = rate
        self._origin = origin * rate // file_rate
        self._position = 0
        self._ahead: list[_RawPiece] = []
        same = rate == file_rate
        self._stream = None if same else soxr.ResampleStream(rate, file_rate, 1, dtype="float32")
        self._ready: Floats = np.zeros(0, np.float32)

    def add(self, found: Piece, unit: int) -> None:
        """Take a piece whose ticks are `unit` a second."""
        heard = found.heard(self.rate, unit)
        self._ahead.append((found.start * self.rate // unit - self._origin, heard))

    def block(self, count: int) -> Samples:
        """The next `count` samples at the layer's rate."""
        out = np.zeros(count, np.int16)
        left = []
        for start, pcm in self._ahead:
            at = max(0, start - self._position)
            pcm = pcm[max(0, self._position - start) :]
            out[at : at + len(pcm)] = pcm[: max(0, count - at)]
            if at + len(pcm) > count:
                left.append((start, pcm) if start >= self._position else (self._position, pcm))
        self._position += count
        self._ahead = left
        return out

    def push(self, count: int, *, last: bool) -> None:
        """Take the next `count` samples through the filter, which holds some back until `last`."""
        block = self.block(count).astype(np.float32)
        if self._stream is not None:
            block = self._stream.resample_chunk(block, last=last)
        self._ready = np.concatenate([self._ready, block])

    @property
    def ready(self) -> int:
        """Samples at the file's rate that can be had."""
        return len(self._ready)

    def take(self, count: int) -> Floats:
        """The next `count` samples at the file's rate, zeros after the end."""
        out = np.zeros(count, np.float32)
        found, self._ready = self._ready[:count], self._ready[count:]
        out[: len(found)] = found
        return out


class Channel:
    """One stream's audio at the file's rate."""

    def __init__(self, renderer: AudioRenderer, number: int, choices: Mapping[int, Choice]) -> None:
        self._renderer, self._number, self._choices = renderer, number, choices
        self._unit = renderer.unit(number)
        came = (choices.get(kind) for kind, _ in renderer.reports[number].payload_types)
        rates = sorted({choice.rate for choice in came if choice is not None and choice.rendered})
        self._layers = {rate: Layer(rate, renderer.sample_rate, renderer.origin) for rate in rates}
        self._next: tuple[Layer, Piece] | None = None

    def blocks(self, size: int) -> Iterator[Samples]:
        """The whole channel in blocks of `size` samples; the last may be shorter."""
        held: list[Samples] = []
        for fresh in self._stretches():
            held.append(fresh)
            if sum(map(len, held)) >= size:
                joined = np.concatenate(held)
                whole = len(joined) // size * size
                yield from (joined[at : at + size] for at in range(0, whole, size))
                held = [joined[whole:]]
        rest = np.concatenate(held) if held else np.zeros(0, np.int16)
        if len(rest):
            yield rest

    def _stretches(self) -> Iterator[Samples]:
        """As much at a time as all layers have ready."""
        rate, left = self._renderer.sample_rate, self._renderer.frames
        pieces = self._pieces()
        number = 0
        while left:
            number += 1
            last = number * _SECONDS * rate >= self._renderer.frames
            self._fill(pieces, number * _SECONDS)
            for layer in self._layers.values():
                layer.push(layer.rate * _SECONDS, last=last)
            ready = min((layer.ready for layer in self._layers.values()), default=rate * _SECONDS)
            count = left if last else min(left, ready)
            left -= count
            yield self._mixed(count)

    def _mixed(self, count: int) -> Samples:
        parts = [layer.take(count) for layer in self._layers.values()]
        mixed = sum(parts[1:], parts[0]) if parts else np.zeros(count, np.float32)
        return np.clip(np.rint(mixed), -32_768, 32_767).astype(np.int16)

    def _fill(self, pieces: Iterator[tuple[Layer, Piece]], seconds: int) -> None:
        """Give the layers all pieces that begin within the first `seconds` of the file."""
        origin = self._renderer.origin * self._unit // self._renderer.sample_rate
        until = origin + seconds * self._unit
        while found := self._next or next(pieces, None):
            layer, piece = found
            if piece.start >= until:
                self._next = found
                return
            self._next = None
            layer.add(piece, self._unit)

    def _pieces(self) -> Iterator[tuple[Layer, Piece]]:
        """Each stretch of one payload type and one segment through a decoder of its own."""
        packets = self._renderer.packets(self._number)
        for (kind, _), stretch in groupby(packets, key=_stretch):
            choice = self._choices.get(kind)
            if choice is not None and choice.decoder is not None:
                layer = self._layers[choice.rate]
                yield from ((layer, found) for found in choice.decoder().run(stretch))


def _stretch(packet: PlacedPacket) -> tuple[int, int]:
    return packet.payload_type, packet.segment


def layered(renderer: AudioRenderer, choices: Sequence[Mapping[int, Choice]]) -> Iterator[bytes]:
    """All channels, interleaved 16-bit little-endian PCM, as `AudioRenderer.blocks` gives it for G.711."""
    channels = [Channel(renderer, number, found) for number, found in enumerate(choices)]
    size = renderer.sample_rate * _SECONDS
    for parts in zip(*(channel.blocks(size) for channel in channels), strict=True):
        yield np.stack(parts, axis=1).astype("<i2").tobytes()
