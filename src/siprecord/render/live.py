"""Live audio of every codec that is rendered, by the same decoders."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from siprecord.media.audio import Codec, Coded, PlacedPacket
from siprecord.media.follower import LiveAudio, LiveBatch, LivePacket, LogFollower, Payloads, audio_at
from siprecord.render.codecs import STATIC, Choice, choose
from siprecord.render.decoders import Decoder, Piece

_LEAD_NS = 1_000_000_000
"""What is decoded, and not heard, before the moment from which on a reader listens: decoders remember."""


@dataclass(frozen=True, slots=True)
class DecodedBatch:
    """What a log has gained, with nothing left to decode."""

    items: tuple[object, ...]
    audio: tuple[LiveAudio, ...]
    more: bool


class LiveTail:
    """Follows one growing log and decodes it. Any number may follow one log, each from its own moment.

    `since_ns`: what was said before is not handed out. Raises MediaError when the log can't be read.
    Blocking, and decoding costs time: call `poll` on a thread, one call at a time.
    """

    def __init__(self, path: str | Path, since_ns: int = 0) -> None:
        self._since_ns = since_ns
        self._choices: dict[int, dict[int, Choice]] = {}
        self._voices: dict[int, _Voice] = {}
        self._log = LogFollower(path, self._meaning)

    def poll(self, *, flush: bool = False) -> DecodedBatch:
        """What has come since the last poll; `flush` waits for nothing any more."""
        batch: LiveBatch = self._log.poll(flush=flush)
        audio = (found for found in self._decoded(batch.pieces) if self._is_wanted(found))
        return DecodedBatch(batch.items, tuple(_joined(audio)), batch.more)

    def _meaning(self, interface: int, payloads: Payloads) -> Mapping[int, Codec | Coded]:
        choices = {number: choose(values) for number, values in {**STATIC, **payloads}.items()}
        self._choices[interface] = choices
        return {number: choice.codec for number, choice in choices.items()}

    def _decoded(self, found: Iterable[LiveAudio | LivePacket]) -> Iterator[LiveAudio]:
        for interface, pieces in groupby(found, key=lambda piece: piece.interface):
            for is_audio, run in groupby(pieces, key=lambda piece: isinstance(piece, LiveAudio)):
                if is_audio:
                    yield from (piece for piece in run if isinstance(piece, LiveAudio))
                else:
                    packets = [piece for piece in run if isinstance(piece, LivePacket)]
                    yield from self._decode(interface, packets)

    def _decode(self, interface: int, packets: list[LivePacket]) -> Iterator[LiveAudio]:
        voice = self._voices.setdefault(interface, _Voice())
        for (kind, unit, _), run in groupby(packets, key=_stretch):
            choice = self._choices.get(interface, {}).get(kind)
            early = (self._since_ns - _LEAD_NS) * unit // 1_000_000_000
            wanted = [each.packet for each in run if each.packet.start >= early]
            if choice is None or choice.decoder is None or not wanted:
                continue
            for piece in voice.decode(choice, wanted):
                pcm = piece.heard(choice.rate, unit).astype("<i2").tobytes()
                yield audio_at(interface, piece.start, unit, choice.rate, pcm)

    def _is_wanted(self, audio: LiveAudio) -> bool:
        length_ns = len(audio.pcm) // 2 * 1_000_000_000 // audio.rate
        return bool(audio.pcm) and audio.time_ns + length_ns > self._since_ns


def _stretch(found: LivePacket) -> tuple[int, int, int]:
    return found.packet.payload_type, found.unit, found.packet.segment


class _Voice:
    """The decoder of one stream; another codec or a sender that begins anew gets another."""

    def __init__(self) -> None:
        self._key: object = None
        self._decoder: Decoder | None = None

    def decode(self, choice: Choice, packets: list[PlacedPacket]) -> Iterable[Piece]:
        """Packets of one codec and one beginning."""
        key = (choice, packets[0].payload_type, packets[0].segment)
        if self._decoder is None or key != self._key:
            assert choice.decoder is not None
            self._key, self._decoder = key, choice.decoder()
        return self._decoder.run(packets)


def _joined(found: Iterable[LiveAudio]) -> Iterator[LiveAudio]:
    """Pieces that go on without a hole as one."""
    held: list[LiveAudio] = []
    end = -1
    for piece in found:
        if held and (piece.interface, piece.rate, piece.start_sample) != (
            held[0].interface,
            held[0].rate,
            end,
        ):
            yield _one(held)
            held = []
        held.append(piece)
        end = piece.start_sample + len(piece.pcm) // 2
    if held:
        yield _one(held)


def _one(pieces: list[LiveAudio]) -> LiveAudio:
    first = pieces[0]
    pcm = b"".join(piece.pcm for piece in pieces)
    return LiveAudio(first.interface, first.time_ns, first.start_sample, first.rate, pcm)
