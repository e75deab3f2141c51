"""Follow a capture log while it is written."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from siprecord.errors import MediaError
from siprecord.media import _core
from siprecord.media.audio import SAMPLE_RATE, codec_of, payload_map
from siprecord.media.reader import Interface, LogEvent, PacketSummary, SipMessage, as_item, check_magic

_ROUND_BYTES = 4 << 20


@dataclass(frozen=True, slots=True)
class LiveAudio:
    """Decoded audio of one stream without a hole: 16-bit little-endian mono samples."""

    interface: int
    time_ns: int
    """Wall clock of the first sample."""
    start_sample: int
    """The first sample counted from 1970 at `rate`: pieces of one stream rise and never overlap."""
    rate: int
    pcm: bytes


@dataclass(frozen=True, slots=True)
class LiveBatch:
    """What a log has gained: the rest of its items in file order, and the audio of its streams."""

    items: tuple[Interface | SipMessage | LogEvent, ...]
    audio: tuple[LiveAudio, ...]
    more: bool
    """Whether another poll finds more at once."""


class LogFollower:
    """Reads a growing log from its beginning; half a block at its end is waited for.

    The file may be renamed meanwhile. Raises MediaError when it can't be read. Audio comes in RTP order; a
    missing packet is waited for until others have come for 60 ms, and a hole in the audio is a jump of
    `start_sample`.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        check_magic(self.path)
        try:
            self._core = _core.Follower(self.path)
        except OSError as error:
            raise MediaError(f"can't read {self.path}: {error}") from error

    def poll(self, *, flush: bool = False, audio: bool = True) -> LiveBatch:
        """What has come since the last poll, at most about 4 MB of log.

        `flush` gives up waiting for missing packets: for the last poll of a finished log. Without `audio`
        what has come is dropped, so that a follower may skip to the present.
        """
        try:
            raw, more = self._core.read(_ROUND_BYTES)
            found = map(as_item, raw)
            items = tuple(item for item in found if not isinstance(item, PacketSummary))
            for item in items:
                self._learn(item)
            pieces = self._core.audio(flush)
        except OSError as error:
            raise MediaError(f"can't read {self.path}: {error}") from error
        heard = (LiveAudio(n, t, s, SAMPLE_RATE, pcm) for n, t, s, pcm in pieces if audio)
        return LiveBatch(items, tuple(heard), more)

    def _learn(self, item: Interface | SipMessage | LogEvent) -> None:
        """Take the meaning of payload types from the events about streams."""
        if not isinstance(item, LogEvent) or item.name not in ("stream.opened", "stream.updated"):
            return
        payloads = item.event.get("payloads")
        if item.interface is not None and isinstance(payloads, dict):
            named = [(number, codec_of(values)) for number, values in payload_map(payloads).items()]
            self._core.set_codecs(item.interface, named)
