"""Codecs that PyAV decodes. It comes with the extra `siprecord[codecs]` only; nothing else imports it."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from siprecord.errors import MediaError
from siprecord.media.audio import PlacedPacket
from siprecord.render.decoders.base import Piece, Samples, piece

Frames = Callable[[bytes], list[bytes | None]]
"""The frames of a payload; None stands for one without speech, which is silence here."""


@functools.cache
def available(codec: str) -> bool:
    """Whether PyAV is installed and has this decoder."""
    try:
        av = importlib.import_module("av")
        av.codec.Codec(codec, "r")
    except (ImportError, ValueError):
        return False
    return True


class LibAv:
    """One frame after the other through a decoder of FFmpeg; `length` is the samples of a frame."""

    def __init__(self, codec: str, frames: Frames, *, rate: int, length: int, bit_rate: int = 0) -> None:
        self._frames, self._length = frames, length
        self._av = importlib.import_module("av")
        try:
            context = self._av.codec.CodecContext.create(codec, "r")
            context.sample_rate, context.layout = rate, "mono"
            if bit_rate:
                context.bit_rate = bit_rate
            context.open()
        except (self._av.error.FFmpegError, ValueError) as error:
            raise MediaError(f"PyAV can't decode {codec}: {error}") from error
        self._context = context

    def run(self, packets: Iterable[PlacedPacket]) -> Iterator[Piece]:
        """Decode; a frame that is refused is silence."""
        for found in packets:
            parts = [self._decode(frame) for frame in self._frames(found.payload)]
            if parts:
                yield piece(found, np.concatenate(parts))

    def _decode(self, frame: bytes | None) -> Samples:
        out = np.zeros(self._length, np.int16)
        if frame is None:
            return out
        try:
            decoded = self._context.decode(self._av.Packet(frame))
        except self._av.error.FFmpegError:
            return out
        got = [_as_int16(found.to_ndarray().reshape(-1)) for found in decoded]
        pcm = np.concatenate(got)[: self._length] if got else out
        out[: len(pcm)] = pcm
        return out


def _as_int16(samples: Any) -> Samples:
    if samples.dtype.kind == "f":
        samples = np.clip(np.rint(samples * 32_768.0), -32_768, 32_767)
    return np.asarray(samples, np.int16)
