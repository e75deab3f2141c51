"""Compare a capture log with what was sent, packet by packet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from siprecord.errors import MediaError
from siprecord.media import _core
from siprecord.media.sender import SendSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class SentStream:
    """One stream as it was sent.

    `name` is that of its interface in the log. `sent` and `failed` are what the sender's progress says.
    """

    name: str
    spec: SendSpec
    sent: int
    failed: int = 0


@dataclass(frozen=True, slots=True)
class FoundStream:
    """What a log holds of one stream, in packets; `stored` and `lost` together are those that were sent."""

    stored: int = 0
    lost: int = 0
    surplus: int = 0
    """There more often than they were sent."""
    damaged: int = 0
    """With another header or payload than was sent."""


@dataclass(frozen=True, slots=True)
class FoundCapture:
    """What a log holds; `foreign` counts RTP packets of none of the streams, or under another one's name."""

    streams: tuple[FoundStream, ...]
    foreign: int = 0


def verify_capture(path: Path, streams: Sequence[SentStream]) -> FoundCapture:
    """Compare a finished log with the streams of its call, whose SSRCs must differ.

    Reads the whole file, without the GIL. Raises MediaError when it can't be read.
    """
    try:
        found, foreign = _core.verify_capture(path, streams)
    except OSError as error:
        raise MediaError(f"can't read {path}: {error}") from error
    return FoundCapture(tuple(FoundStream(*each) for each in found), foreign)
