"""What a rendering is to make."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Format = Literal["wav", "flac", "opus", "mp3"]
FORMATS: tuple[Format, ...] = ("wav", "flac", "opus", "mp3")
Digits = Literal["masked", "shown"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderOptions:
    """The files of one rendering. The first of `formats` is the recording's main file."""

    formats: tuple[Format, ...] = ("wav",)
    per_stream: bool = False
    """A file for each stream, beside the one with all channels."""
    mono: bool = False
    """A file with the sum of all channels."""
    peaks: bool = False
    """peaks.json, for drawing the waveform."""
    conceal: bool = False
    """Fill the beginning of network gaps with what was heard just before."""
    digits: Digits = "masked"
    """Whether metadata.json tells which keys were pressed, or only when."""


DEFAULT_OPTIONS = RenderOptions()
"""audio.wav and nothing else."""
