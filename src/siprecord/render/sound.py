"""Write what was rendered as sound files, all in one pass."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import soxr

from siprecord.errors import MediaError, RenderError
from siprecord.render.decoders import Samples
from siprecord.render.files import replacing
from siprecord.render.options import Format

_WAV_LIMIT = (1 << 32) - 65_536
"""WAV counts bytes in 32 bits; what comes near is written as RF64, which players of our time read alike."""
_MOST: dict[Format, int] = {"wav": 1024, "flac": 8, "opus": 8, "mp3": 2}
"""Channels that a format can hold."""
_OPUS_RATES = (8000, 12_000, 16_000, 24_000, 48_000)
_MP3_RATES = (8000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)
_CONTAINERS = {"flac": ("FLAC", "PCM_16"), "opus": ("OGG", "OPUS"), "mp3": ("MP3", "MPEG_LAYER_III")}

Pick = Callable[[Samples], Samples]
"""What a file takes of a block of shape (frames, channels)."""


@dataclass(frozen=True, slots=True)
class Sound:
    """Interleaved 16-bit little-endian PCM, block after block."""

    channels: int
    rate: int
    frames: int
    blocks: Iterator[bytes]


@dataclass(frozen=True, slots=True)
class SoundFile:
    """One file that is to be written. Without `pick` it takes all channels."""

    path: Path
    format: Format
    channels: int
    pick: Pick | None = None


def mixed(block: Samples) -> Samples:
    """The sum of all channels, cut off where it is too loud; shape (frames, 1)."""
    total = block.sum(axis=1, dtype=np.int32)
    return np.asarray(np.clip(total, -32_768, 32_767), np.int16)[:, np.newaxis]


def one_channel(number: int) -> Pick:
    """Pick one channel."""
    return lambda block: block[:, number : number + 1]


def whole_file(path: Path, kind: Format, channels: int) -> SoundFile:
    """A file of all channels; of their sum where the format can't hold so many."""
    if channels <= _MOST[kind]:
        return SoundFile(path, kind, channels)
    if kind == "wav":
        raise RenderError(f"a sound file can hold {_MOST[kind]} channels, this recording has {channels}")
    return SoundFile(path, kind, 1, mixed)


def write_sound(
    sound: Sound, files: Sequence[SoundFile], watch: Iterable[Callable[[Samples], None]] = ()
) -> None:
    """Write each file whole or not at all; `watch` sees each block too. Raises RenderError."""
    watchers = tuple(watch)
    name = files[0].path if files else "sound"
    try:
        with ExitStack() as stack:
            writers = [stack.enter_context(_Writer(sound, file)) for file in files]
            for block in sound.blocks:
                samples = np.frombuffer(block, "<i2").reshape(-1, sound.channels)
                for writer in writers:
                    name = writer.file.path
                    writer.write(block, samples)
                for see in watchers:
                    see(samples)
    except (OSError, MediaError, soundfile.SoundFileError, AssertionError) as error:
        # soundfile asserts that all frames were taken: a full disk ends up there.
        raise RenderError(f"can't write {name}: {error or 'is the disk full?'}") from error


class _Writer:
    """One open file."""

    def __init__(self, sound: Sound, file: SoundFile) -> None:
        self.file = file
        self._size = sound.frames * file.channels * 2 if file.format == "wav" else 0
        rate = _rate(file.format, sound.rate)
        self._shape: dict[str, Any] = {"samplerate": rate, "channels": file.channels, **self._container()}
        self._resample = None
        if rate != sound.rate:
            self._resample = soxr.ResampleStream(sound.rate, rate, file.channels, dtype="int16")

    def _container(self) -> dict[str, str]:
        wav = ("RF64" if self._size > _WAV_LIMIT else "WAV", "PCM_16")
        container, subtype = _CONTAINERS.get(self.file.format, wav)
        return {"format": container, "subtype": subtype}

    def __enter__(self) -> _Writer:
        self._stack = ExitStack()
        with ExitStack() as opening:
            self._part = opening.enter_context(replacing(self.file.path))
            self._open = opening.enter_context(soundfile.SoundFile(self._part, "w", **self._shape))
            self._stack = opening.pop_all()
        return self

    def write(self, block: bytes, samples: Samples) -> None:
        """Take the next frames, as they are and as an array."""
        if self.file.pick is None and self._resample is None:
            self._open.buffer_write(block, dtype="int16")
            return
        picked = samples if self.file.pick is None else self.file.pick(samples)
        if self._resample is not None:
            picked = self._resample.resample_chunk(picked)
        self._open.buffer_write(np.ascontiguousarray(picked, "<i2"), dtype="int16")

    def __exit__(self, *error: Any) -> None:
        if error[0] is not None:
            self._stack.__exit__(*error)
            return
        with self._stack:
            self._finish()

    def _finish(self) -> None:
        if self._resample is not None:
            rest = self._resample.resample_chunk(np.zeros((0, self.file.channels), np.int16), last=True)
            self._open.buffer_write(np.ascontiguousarray(rest, "<i2"), dtype="int16")
        self._open.close()
        if self._part.stat().st_size < self._size:
            raise OSError("the file stayed short; is the disk full?")


def _rate(kind: Format, rate: int) -> int:
    if kind == "opus":
        return rate if rate in _OPUS_RATES else 48_000
    if kind == "mp3":
        return rate if rate in _MP3_RATES else 48_000
    return rate
