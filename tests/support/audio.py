"""Sound for tests: unmistakable, deterministic, and compared to the sample."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile

Samples = npt.NDArray[np.int16]
RATE = 8000


def voice(seed: int, seconds: float) -> Samples:
    """Noise bursts, loud and quiet like speech, and for each seed like nothing else in the test."""
    random = np.random.default_rng(seed)
    count = int(seconds * RATE)
    envelope = np.repeat(random.uniform(200, 9000, size=count // 800 + 1), 800)[:count]
    return np.asarray(random.uniform(-1, 1, count) * envelope, dtype=np.int16)


def write_wav(path: Path, samples: Samples, rate: int = RATE) -> Path:
    soundfile.write(path, samples, rate, subtype="PCM_16")
    return path


def read_channels(path: Path) -> Samples:
    """All channels of a sound file, shape (channels, frames)."""
    samples, rate = soundfile.read(path, dtype="int16", always_2d=True)
    assert rate == RATE
    return np.asarray(samples.T, dtype=np.int16)


def find(sent: Samples, channel: Samples) -> int | None:
    """The frame at which `sent` stands in `channel`, sample for sample, or None when it stands nowhere."""
    if len(sent) > len(channel):
        return None
    start = int(np.argmax(np.abs(sent.astype(int)) > 0))
    probe = sent[start : start + 64]
    for at in np.flatnonzero(channel[start:] == probe[0]):
        if np.array_equal(channel[at : at + len(sent)], sent):
            return int(at)
    return None
