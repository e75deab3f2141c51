"""Sound files as a telephone hears them: one channel, 8 kHz, 16 bits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile
import soxr

from siprecord.client.ports import SAMPLE_RATE
from siprecord.client.report import CallError

MAX_SECONDS = 4 * 3600
"""Longer files are refused rather than read into memory; ours."""


def load_pcm(path: Path) -> bytes:
    """The samples of a sound file, little endian.

    One channel of 16 bits at 8 kHz stays as it is, sample for sample; anything else is mixed to one channel
    and resampled. Raises `CallError` if the file can't be read or has no sound.
    """
    samples = _as_telephone(*_read(path))
    if not len(samples):
        raise CallError(f"{path} has no sound in it")
    return samples.astype("<i2").tobytes()


def _read(path: Path) -> tuple[npt.NDArray[np.int16], int]:
    try:
        with soundfile.SoundFile(path) as file:
            if file.frames > MAX_SECONDS * file.samplerate:
                raise CallError(f"{path} is longer than {MAX_SECONDS // 3600} hours")
            samples: npt.NDArray[np.int16] = file.read(dtype="int16", always_2d=True)
            return samples, int(file.samplerate)
    except soundfile.SoundFileError as error:
        reason = "there is no such file" if not path.exists() else _reason(error)
        raise CallError(f"can't read {path}: {reason}") from None


def _reason(error: Exception) -> str:
    text = str(getattr(error, "error_string", error))
    return text.rstrip(".").lower()


def _as_telephone(samples: npt.NDArray[np.int16], rate: int) -> npt.NDArray[np.int16]:
    channels = samples.shape[1]
    if channels == 1 and rate == SAMPLE_RATE:
        return samples[:, 0]
    mixed: npt.NDArray[np.float64] = samples.mean(axis=1, dtype=np.float64)
    if rate != SAMPLE_RATE:
        mixed = np.asarray(soxr.resample(mixed, rate, SAMPLE_RATE), dtype=np.float64)
    whole: npt.NDArray[np.int16] = np.clip(np.rint(mixed), -32768, 32767).astype(np.int16)
    return whole
