"""Write what the renderer gives as a sound file."""

from __future__ import annotations

from pathlib import Path

import soundfile

from siprecord.errors import MediaError, RenderError
from siprecord.media.audio import SAMPLE_RATE, AudioRenderer
from siprecord.render.files import replacing

_WAV_LIMIT = (1 << 32) - 65_536
"""WAV counts bytes in 32 bits; what comes near is written as RF64, which players of our time read alike."""
_MAX_CHANNELS = 1024
_FRAMES = 65_536


def write_wav(renderer: AudioRenderer, destination: Path) -> None:
    """Write all audio to `destination`, which appears whole or not at all; raises RenderError."""
    if renderer.channels > _MAX_CHANNELS:
        raise RenderError(
            f"a sound file can hold {_MAX_CHANNELS} channels, this recording has {renderer.channels}"
        )
    size = renderer.frames * renderer.channels * 2
    container = "RF64" if size > _WAV_LIMIT else "WAV"
    try:
        with replacing(destination) as part:
            _write(renderer, part, container)
            if part.stat().st_size < size:
                raise RenderError(f"can't write {destination}: the file stayed short; is the disk full?")
    except (OSError, MediaError, soundfile.SoundFileError, AssertionError) as error:
        # soundfile asserts that all frames were taken: a full disk ends up there.
        raise RenderError(f"can't write {destination}: {error or 'is the disk full?'}") from error


def _write(renderer: AudioRenderer, part: Path, container: str) -> None:
    shape = {"samplerate": SAMPLE_RATE, "channels": renderer.channels, "subtype": "PCM_16"}
    frames = max(1024, _FRAMES // max(1, renderer.channels // 2))
    with soundfile.SoundFile(part, "w", format=container, **shape) as file:
        for block in renderer.blocks(frames):
            file.buffer_write(block, dtype="int16")
