"""The player of a load test: shared sockets, and streams that can be told apart to the last packet."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from types import TracebackType

from siprecord.client import CallError, Law, LoadPlan, Played, Track, faults_of
from siprecord.client.codecs import CODECS
from siprecord.client.load_plan import REORDER_SECONDS
from siprecord.errors import MediaError
from siprecord.media import Impairments, RtpClip, RtpSender, SendSpec, SentStream
from siprecord.media.audio import encode_g711

STREAMS_PER_SOCKET = 512
"""The more streams share a socket, the more packets leave in one system call."""
FRAME_STEP = 7919
"""How far apart in the pattern two streams begin: a prime, so that many streams find places of their own."""
SPREAD = 0x9E3779B1
"""Multiplied by it, neighbouring numbers are far apart (2^32 over the golden ratio, odd)."""


class LoadPlayer:
    """Sends the streams of all calls from one thread; a context manager.

    A stream's mark decides its SSRC, the start of its sequence numbers and timestamps, where in the shared
    audio it begins, and its faults.
    """

    def __init__(self, plan: LoadPlan) -> None:
        self._plan = plan
        self._sender = RtpSender()
        self._ssrc = Random(plan.seed).getrandbits(32)
        self._clips: dict[int, tuple[bytes, RtpClip]] = {}
        self._sockets: dict[str, tuple[int, int]] = {}
        self._bound = 0
        self._streams: dict[int, tuple[int, SendSpec]] = {}

    def __enter__(self) -> LoadPlayer:
        self._sender.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._sender.stop()

    # Player

    def encode(self, pcm: bytes, codec: Law) -> bytes:
        """16-bit little-endian samples to G.711."""
        return encode_g711(pcm, codec)

    def bind(self, host: str) -> tuple[int, int]:
        """A socket at that IP address, shared by many streams: its number and its port."""
        if self._bound % STREAMS_PER_SOCKET == 0 or host not in self._sockets:
            try:
                self._sockets[host] = self._sender.bind(host)
            except MediaError as error:
                raise CallError(f"{error}; `ulimit -n` says how many files may be open") from None
        self._bound += 1
        return self._sockets[host]

    def play(self, tracks: Sequence[Track]) -> list[int]:
        """Start these tracks together; returns their numbers."""
        specs = [self._spec(track) for track in tracks]
        numbers = self._sender.add_streams(specs)
        for track, number, spec in zip(tracks, numbers, specs, strict=True):
            self._streams[_mark(track)] = number, spec
        return numbers

    def played(self, numbers: Sequence[int]) -> list[Played]:
        """How far these tracks have come."""
        return [Played(each.sent, each.done) for each in self._sender.progress(list(numbers))]

    def stop(self, numbers: Sequence[int]) -> None:
        """End these tracks."""
        self._sender.stop_streams(list(numbers))

    # What was sent

    def sent(self, marks: Sequence[int]) -> list[SentStream]:
        """The streams of a call as they were sent; those that never began are left out."""
        known = [(mark, *self._streams[mark]) for mark in marks if mark in self._streams]
        progress = self._sender.progress([number for _, number, _ in known])
        return [
            SentStream(name=str(mark % self._plan.streams + 1), spec=spec, sent=each.sent, failed=each.failed)
            for (mark, _, spec), each in zip(known, progress, strict=True)
        ]

    def totals(self) -> tuple[int, int]:
        """Packets that the kernel took, and that it refused, of all streams."""
        every = self._sender.progress()
        return sum(each.sent for each in every), sum(each.failed for each in every)

    def lateness_counts(self) -> list[int]:
        """Packets by how late they left: entry n counts those less than 2**n microseconds late."""
        return self._sender.lateness_counts()

    @property
    def lateness(self) -> float:
        """The most a packet left after its time, in seconds."""
        return self._sender.lateness

    def _spec(self, track: Track) -> SendSpec:
        mark, codec = _mark(track), CODECS[track.codec]
        start = (self._plan.seed ^ mark * SPREAD) & 0xFFFFFFFF
        return SendSpec(
            socket=track.socket,
            destination=track.destination,
            clip=self._clip(track.audio),
            payload_type=track.payload_type,
            ssrc=(self._ssrc + mark) & 0xFFFFFFFF,
            sequence=start >> 16,
            timestamp=start,
            first_frame=mark * FRAME_STEP,
            frame_samples=codec.ticks,
            frame_bytes=codec.octets,
            clock_rate=codec.encoding.clock_rate,
            start_delay=track.start_delay,
            impairments=self._impairments(mark),
            srtp=track.srtp,
        )

    def _impairments(self, mark: int) -> Impairments:
        faults = faults_of(self._plan, mark)
        return Impairments(
            drop=faults.lost,
            duplicate=faults.duplicated,
            delay=tuple((index, REORDER_SECONDS) for index in faults.reordered),
            jitter=self._plan.faults.jitter / 1000,
            seed=self._plan.seed ^ mark * SPREAD,
        )

    def _clip(self, audio: bytes) -> RtpClip:
        """One clip for all streams of the same audio, which is kept, so that its id stays its own."""
        if id(audio) not in self._clips:
            self._clips[id(audio)] = audio, RtpClip(audio)
        return self._clips[id(audio)][1]


def _mark(track: Track) -> int:
    if track.mark is None:
        raise ValueError("a stream of a load test has no mark")
    return track.mark
