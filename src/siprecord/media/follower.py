"""Follow a capture log while it is written."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from siprecord.errors import MediaError
from siprecord.media import _core
from siprecord.media.audio import SAMPLE_RATE, Codec, Coded, PlacedPacket, codec_of, codec_rows, payload_map
from siprecord.media.reader import Interface, LogEvent, PacketSummary, SipMessage, as_item, check_magic

_ROUND_BYTES = 1 << 20

Payloads = Mapping[int, Mapping[str, Any]]
"""What the session description says of each payload type."""
Meaning = Callable[[int, Payloads], Mapping[int, Codec | Coded]]
"""Says for an interface of the log what its payload types are."""


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
class LivePacket:
    """A packet of a codec that is decoded elsewhere; places are ticks of `unit` a second."""

    interface: int
    unit: int
    packet: PlacedPacket


@dataclass(frozen=True, slots=True)
class LiveBatch:
    """What a log has gained: the rest of its items in file order, and the audio of its streams in order."""

    items: tuple[Interface | SipMessage | LogEvent, ...]
    pieces: tuple[LiveAudio | LivePacket, ...]
    more: bool
    """Whether another poll finds more at once."""

    @property
    def audio(self) -> tuple[LiveAudio, ...]:
        """What is decoded already."""
        return tuple(piece for piece in self.pieces if isinstance(piece, LiveAudio))


class LogFollower:
    """Reads a growing log from its beginning; half a block at its end is waited for.

    The file may be renamed meanwhile. Raises MediaError when it can't be read. Audio comes in RTP order; a
    missing packet is waited for until others have come for 60 ms, and a hole in the audio is a jump of
    its places. The sender's clock is followed as in the rendered file. G.711 comes decoded, other codecs as
    packets where `meaning` knows them.
    """

    def __init__(self, path: str | Path, meaning: Meaning | None = None) -> None:
        self.path = Path(path)
        self._meaning = meaning or _plain
        self._payloads: dict[int, dict[int, dict[str, Any]]] = {}
        check_magic(self.path)
        try:
            self._core = _core.Follower(self.path)
        except OSError as error:
            raise MediaError(f"can't read {self.path}: {error}") from error

    def poll(self, *, flush: bool = False, audio: bool = True) -> LiveBatch:
        """What has come since the last poll, at most about 1 MB of log.

        `flush` gives up waiting for missing packets: for the last poll of a finished log. Without `audio`
        what has come is dropped, so that a follower may skip to the present.
        """
        items: list[Interface | SipMessage | LogEvent] = []
        pieces: list[_core._LivePiece] = []
        try:
            until, state = self._core.position() + _ROUND_BYTES, "news"
            while state == "news":
                raw, state = self._core.read(max(1, until - self._core.position()))
                found = (as_item(each) for each in raw)
                fresh = [item for item in found if not isinstance(item, PacketSummary)]
                items += fresh
                pieces += self._core.audio(False)
                for item in fresh:
                    self._learn(item)
            pieces += self._core.audio(flush)
        except OSError as error:
            raise MediaError(f"can't read {self.path}: {error}") from error
        return LiveBatch(tuple(items), tuple(map(_live, pieces)) if audio else (), state == "more")

    def _learn(self, item: Interface | SipMessage | LogEvent) -> None:
        """Take the meaning of payload types from the events about streams."""
        if not isinstance(item, LogEvent) or item.name not in ("stream.opened", "stream.updated"):
            return
        payloads = item.event.get("payloads")
        if item.interface is None or not isinstance(payloads, dict):
            return
        known = self._payloads.setdefault(item.interface, {})
        known.update(payload_map(payloads))
        codecs = self._meaning(item.interface, known)
        clocks = [
            found.clock for number, found in codecs.items() if number in known and isinstance(found, Coded)
        ]
        self._core.set_codecs(item.interface, codec_rows(codecs), max([SAMPLE_RATE, *clocks]))


def _plain(_interface: int, payloads: Payloads) -> Mapping[int, Codec | Coded]:
    """G.711, and nothing else."""
    return {number: codec_of(values) for number, values in payloads.items()}


def _live(piece: _core._LivePiece) -> LiveAudio | LivePacket:
    interface, unit, start, skip, ticks, fill, payload_type, beginning, is_pcm, data = piece
    if is_pcm:
        return audio_at(interface, start, unit, SAMPLE_RATE, data)
    packet = PlacedPacket(start, skip, ticks, fill, payload_type, beginning, data)
    return LivePacket(interface, unit, packet)


def audio_at(interface: int, start: int, unit: int, rate: int, pcm: bytes) -> LiveAudio:
    """Audio whose first sample is at a tick of `unit` a second, counted from 1970."""
    seconds, rest = divmod(start, unit)
    return LiveAudio(
        interface, seconds * 1_000_000_000 + rest * 1_000_000_000 // unit, start * rate // unit, rate, pcm
    )
