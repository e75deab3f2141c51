"""peaks.json: the least and the greatest sample of each window, for drawing a waveform.

The form is that of audiowaveform's JSON, version 2, which browser players read.
"""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt

from siprecord.render.decoders import Samples
from siprecord.render.files import write_whole

PEAKS_NAME = "peaks.json"
_PER_SECOND = 100
MAX_WINDOWS = 36_000
"""More than twice this, and pairs of windows become one: six minutes have 10 ms, two hours 160 ms."""


class Peaks:
    """Collects the peaks of all channels."""

    def __init__(self, channels: int, rate: int) -> None:
        self._rate, self._channels = rate, channels
        self._window = max(1, rate // _PER_SECOND)
        self._rest: Samples = np.zeros((0, channels), np.int16)
        self._parts: list[npt.NDArray[np.int16]] = []
        self._count = 0

    def add(self, block: Samples) -> None:
        """Take the next frames, shape (frames, channels)."""
        joined = np.concatenate([self._rest, block]) if len(self._rest) else block
        whole = len(joined) // self._window
        self._rest = joined[whole * self._window :].copy()
        if whole:
            self._push(joined[: whole * self._window])
        if self._count > 2 * MAX_WINDOWS:
            self._halve()

    def _push(self, frames: Samples) -> None:
        windows = frames.reshape(-1, self._window, self._channels)
        self._parts.append(np.stack([windows.min(axis=1), windows.max(axis=1)], axis=2))
        self._count += len(windows)

    def _halve(self) -> None:
        found = np.concatenate(self._parts)
        odd = found[len(found) // 2 * 2 :]
        pairs = found[: len(found) // 2 * 2].reshape(-1, 2, self._channels, 2)
        merged = np.stack([pairs[..., 0].min(axis=1), pairs[..., 1].max(axis=1)], axis=2)
        # A window left over has half the length; it takes the place of a whole one for the moment.
        self._parts = [merged, odd]
        self._count = len(merged) + len(odd)
        self._window *= 2

    def write(self, destination: Path) -> None:
        """Write the file whole."""
        if len(self._rest):
            last = np.stack([self._rest.min(axis=0), self._rest.max(axis=0)], axis=1)
            self._parts.append(last[np.newaxis])
        data = np.concatenate(self._parts) if self._parts else np.zeros((0, self._channels, 2), np.int16)
        document = {
            "version": 2,
            "channels": self._channels,
            "sample_rate": self._rate,
            "samples_per_pixel": self._window,
            "bits": 16,
            "length": len(data),
            "data": data.reshape(-1).tolist(),
        }
        write_whole(destination, msgspec.json.encode(document) + b"\n")
