"""Turn the packets of a capture log into PCM on one time line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from siprecord.errors import MediaError
from siprecord.media import _core

SAMPLE_RATE = 8000
"""Samples a second of G.711, and of live audio."""

Codec = Literal["pcmu", "pcma", "signal", "event", "foreign"]
"""`signal` and `event` (telephone events) are counted and not heard; `foreign` can't be rendered."""
Framing = Literal["samples", "frames", "g729", "g723", "opus", "amr", "amr-wb", "speex"]


@dataclass(frozen=True, slots=True)
class Coded:
    """A codec whose packets are placed here and decoded by the caller.

    `first` and `second`: octets a tick for `samples`, octets and ticks a frame for `frames`, whether octets
    are aligned for `amr` and `amr-wb`, ticks a frame for `speex`. A payload that breaks the framing is not
    placed.
    """

    framing: Framing
    clock: int
    """Ticks a second of its RTP time stamps."""
    rate: int
    """Samples a second of its decoder."""
    first: int = 0
    second: int = 0


_G711: dict[str, Codec] = {"PCMU": "pcmu", "PCMA": "pcma"}
_SIGNALS = frozenset({"TELEPHONE-EVENT", "CN", "TONE"})


def codec_of(payload: Mapping[str, Any]) -> Codec:
    """How a payload type is rendered whose event says `encoding`, `rate` and `channels`."""
    encoding = str(payload.get("encoding", "")).upper()
    if encoding in _SIGNALS:
        return "signal"
    if payload.get("rate", SAMPLE_RATE) != SAMPLE_RATE or payload.get("channels", 1) not in (1, None):
        return "foreign"
    return _G711.get(encoding, "foreign")


def payload_map(payloads: Mapping[str, Any]) -> dict[int, dict[str, Any]]:
    """The `payloads` of a stream event by number; what makes no sense is left out."""
    known = (
        (int(k), v) for k, v in payloads.items() if k.isascii() and k.isdecimal() and isinstance(v, dict)
    )
    return {number: values for number, values in known if number < 128}


@dataclass(frozen=True, slots=True)
class StreamPlan:
    """How one stream is to be understood; it becomes one channel.

    Payload types that `codecs` does not name keep their static meaning (RFC 3551 section 6). `silences` are
    intervals (from, to, cause) in wall-clock nanoseconds that explain gaps: `hold` and `pause` those that
    they fill, `restart` and `failover`, when no recorder was there, the missing packets that they touch.
    `earlier` are payload types that got another meaning (until when, payload type, kind): `codecs` has what
    such a type meant until then under `kind`, from 128 on, and packets of that time are reported as `kind`.
    """

    interface: int
    codecs: Mapping[int, Codec | Coded] = field(default_factory=dict)
    silences: Sequence[tuple[int, int, str]] = ()
    earlier: Sequence[tuple[int, int, int]] = ()


@dataclass(frozen=True, slots=True)
class Gap:
    """A stretch of a channel without audio, in samples of the rendered file."""

    start: int
    end: int
    cause: str


Alignment = Literal["rtcp", "arrival", "arrival-alone", "arrival-unsteady", "arrival-contradicted"]
"""What put a stream in its place beside the others: sender reports, or arrival as there are no reports, no
other stream has the same clock, the reports scatter, or they contradict arrival by seconds."""


@dataclass(frozen=True, slots=True)
class SourceReport:
    """What one sender of a stream sent, in RTP packets; `own` are those that are the stream's."""

    address: tuple[str, int]
    ssrc: int
    packets: int
    own: int
    first_ns: int
    last_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamReport:
    """What was received of one stream, and what was not. Packets are RTP packets of every codec."""

    interface: int
    received: int
    """Packets, duplicates included."""
    unique: int
    duplicated: int
    lost: int
    withheld: int
    """Missing because the stream was paused or on hold just then: not lost."""
    reordered: int
    hidden: int
    """Audio packets that are not heard, as later ones lie in the same place."""
    ssrc_changes: int
    segments: int
    """Parts of the time line; more than one means restarts, timestamp jumps or several SSRCs."""
    drift_ppm: float | None
    """The sender's clock against ours; positive when it is slow. None when too little came to tell."""
    inserted_ns: int
    """Audio that was repeated, sample by sample, to follow a slow clock; gaps that grew do not count."""
    dropped_ns: int
    """Audio that was left out to follow a fast clock."""
    aligned_by: Alignment
    aligned_offset_ns: int
    """By how much sender reports moved the stream; 0 or less."""
    first_ssrc: int | None
    first_arrival_ns: int | None
    last_arrival_ns: int | None
    rtcp_packets: int
    malformed: int
    broken: int
    """Packets whose payload breaks the format of its codec; not heard."""
    strays: int
    """Packets of senders that the stream does not follow: in the log, and neither counted here nor heard."""
    sources: tuple[SourceReport, ...]
    """Who sent to the stream, in the order of their first packets."""
    payload_types: tuple[tuple[int, int], ...]
    """(payload type, packets)."""
    audio_samples: int
    gaps: tuple[Gap, ...]


@dataclass(frozen=True, slots=True)
class PlacedPacket:
    """One packet in its place; positions are ticks of the channel's unit, counted from 1970.

    Of the decoded payload the part from `skip`, `samples` long, is heard from `start` on; of these the last
    `fill` ticks repeat the last sample.
    """

    start: int
    skip: int
    samples: int
    fill: int
    payload_type: int
    segment: int
    """Another number means another SSRC, or a sender that began anew."""
    payload: bytes


@dataclass(frozen=True, slots=True)
class EventPacket:
    """One packet of telephone events (RFC 4733), as it came."""

    arrival_ns: int
    ssrc: int
    timestamp: int
    payload_type: int
    payload: bytes


class AudioRenderer:
    """Indexes a log when made, then hands out interleaved 16-bit PCM from first to last sample.

    That PCM is whole when the recording is `plain`: nothing but G.711. Of all others, take the `packets` of
    each channel and decode them. One channel for each plan, in the order of `plans`.
    Raises MediaError when the file can't be read. Blocking:
    call it in a process or thread of its own; the GIL is free while it works.
    """

    def __init__(self, path: str | Path, plans: Sequence[StreamPlan]) -> None:
        self._path = path
        raw = [
            (plan.interface, codec_rows(plan.codecs), list(plan.silences), list(plan.earlier))
            for plan in plans
        ]
        try:
            self._core = _core.AudioRenderer(path, raw)
        except OSError as error:
            raise MediaError(f"can't read {path}: {error}") from error
        self.channels = len(plans)
        self.frames = self._core.frames
        """Samples of each channel; 0 when the log has no audio."""
        self.sample_rate = self._core.rate
        """Samples a second of the file: the most that any codec gives that came."""
        self.origin = self._core.origin
        """Sample 0 of the file, counted from 1970."""
        self.plain = self._core.plain
        self.origin_ns = self._core.origin_ns
        """The wall-clock moment of sample 0."""
        self.reports = tuple(_report(raw) for raw in self._core.reports())

    def read(self, frames: int) -> bytes:
        """The next `frames` frames (fewer at the end, then none), little endian."""
        try:
            return self._core.read(frames)
        except OSError as error:
            raise MediaError(f"can't read {self._path}: {error}") from error

    def unit(self, channel: int) -> int:
        """Ticks a second of the positions of this channel's packets."""
        return self._core.unit(channel)

    def packets(self, channel: int, batch: int = 512) -> Iterator[PlacedPacket]:
        """The packets of a channel from the first on, in order of their places; not while `blocks` runs."""
        self._core.rewind(channel)
        try:
            while found := self._core.packets(channel, batch):
                yield from (PlacedPacket(*row) for row in found)
        except OSError as error:
            raise MediaError(f"can't read {self._path}: {error}") from error

    def events(self, channel: int) -> list[EventPacket]:
        """The telephone event packets of a channel, in the order of the log."""
        return [EventPacket(*row) for row in self._core.events(channel)]

    def blocks(self, frames: int = 65_536) -> Iterator[bytes]:
        """All that is left, in blocks of at most `frames` frames."""
        while block := self.read(frames):
            yield block


def codec_rows(codecs: Mapping[int, Codec | Coded]) -> list[tuple[int, str, int, int, int, int]]:
    """What payload types are, as the compiled core takes it."""
    rows = []
    for number, codec in codecs.items():
        found = codec if isinstance(codec, Coded) else None
        if found is None:
            rows.append((number, str(codec), 0, 0, 0, 0))
        else:
            rows.append((number, found.framing, found.clock, found.rate, found.first, found.second))
    return rows


def _report(raw: dict[str, Any]) -> StreamReport:
    gaps = tuple(Gap(*gap) for gap in raw.pop("gaps"))
    types = tuple(raw.pop("payload_types"))
    sources = tuple(SourceReport(*source) for source in raw.pop("sources"))
    return StreamReport(gaps=gaps, payload_types=types, sources=sources, **raw)


def decode_g711(data: bytes, law: Literal["pcmu", "pcma"]) -> bytes:
    """Codes to 16-bit little-endian samples, bit-exact with ITU-T G.711."""
    return _core.g711_decode(data, law)


def encode_g711(pcm: bytes, law: Literal["pcmu", "pcma"]) -> bytes:
    """16-bit little-endian samples to codes; an odd last byte is ignored."""
    return _core.g711_encode(pcm, law)
