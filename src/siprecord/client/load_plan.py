"""What a load test calls, when, and with which faults: pure, and the same again for the same seed."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random

from siprecord.client.codecs import CODECS, FRAME_SECONDS, Codec
from siprecord.client.plan import LINGER_SECONDS, CallPlan, Party
from siprecord.client.report import CallError

MAX_CALLS = 20_000
MAX_RATE = 1_000.0
MAX_SECONDS = 3_600.0
MAX_STREAMS = 8
MAX_PERCENT = 50.0
MAX_JITTER_MS = 2_000.0
REORDER_SECONDS = FRAME_SECONDS * 1.5
"""How much later than its time a reordered packet leaves: after the next one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultRates:
    """Percent of the packets of each stream that are never sent, sent twice, or sent after the next one.

    `jitter` is in milliseconds: each packet leaves up to so much later than its time.
    """

    loss: float = 0.0
    duplicate: float = 0.0
    reorder: float = 0.0
    jitter: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """The faults of one stream, by index of the packet."""

    lost: tuple[int, ...] = ()
    duplicated: tuple[int, ...] = ()
    reordered: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadPlan:
    """`calls` calls, `rate` of them a second, each with `seconds` of audio; over `uris` in turn.

    Raises `CallError` when something is beyond its bounds, which keep a slip of the finger harmless.
    """

    uris: tuple[str, ...]
    calls: int
    rate: float
    seconds: float
    streams: int = 2
    codec: Codec = "pcmu"
    srtp: str | None = None
    faults: FaultRates = field(default_factory=FaultRates)
    seed: int = 0
    patience: float = 10.0

    def __post_init__(self) -> None:
        _within("--calls", self.calls, 1, MAX_CALLS)
        _within("--rate", self.rate, 0.01, MAX_RATE)
        _within("--seconds", self.seconds, FRAME_SECONDS, MAX_SECONDS)
        _within("--streams", self.streams, 1, MAX_STREAMS)
        for name in ("loss", "duplicate", "reorder"):
            _within(f"--{name}", getattr(self.faults, name), 0, MAX_PERCENT)
        _within("--jitter", self.faults.jitter, 0, MAX_JITTER_MS)

    @property
    def packets(self) -> int:
        """Packets of one stream, before its faults."""
        return round(self.seconds / FRAME_SECONDS)

    @property
    def peak(self) -> int:
        """How many calls are up at a time if all goes well."""
        return min(self.calls, math.ceil(self.rate * self.seconds))

    def marks(self, call: int) -> range:
        """The numbers of a call's streams; no two streams share one."""
        return range(call * self.streams, (call + 1) * self.streams)


def _within(what: str, value: float, least: float, most: float) -> None:
    if not least <= value <= most:
        raise CallError(f"{what} {value:g} is out of bounds: {least:g} to {most:g}")


def call_plans(plan: LoadPlan) -> Iterator[CallPlan]:
    """The calls in the order in which they are placed; their audio is one and the same object."""
    audio = pattern(plan)
    for number in range(plan.calls):
        parties = tuple(
            Party(
                name=f"Load {number}-{mark % plan.streams + 1}",
                aor=f"sip:load-{mark}@client.invalid",
                audio=audio,
                codec=plan.codec,
                mark=mark,
            )
            for mark in plan.marks(number)
        )
        uri = plan.uris[number % len(plan.uris)]
        yield CallPlan(
            uri=uri, parties=parties, patience=plan.patience, srtp=plan.srtp, linger=linger_of(plan)
        )


def linger_of(plan: LoadPlan) -> float:
    """How long the last packet is waited for, which may leave late."""
    return LINGER_SECONDS + plan.faults.jitter / 1000


def pattern(plan: LoadPlan) -> bytes:
    """Noise in which no two frames are alike. Streams begin at different frames of it."""
    codec = CODECS[plan.codec]
    noise = bytearray(Random(plan.seed).randbytes(plan.packets * codec.octets))
    for place, octet in enumerate(codec.head):
        noise[place :: codec.octets] = bytes([octet]) * plan.packets
    return bytes(noise)


def faults_of(plan: LoadPlan, mark: int) -> Faults:
    """The faults of one stream: drawn packet by packet, each kind for itself."""
    random = Random(f"{plan.seed} {mark}")
    lost, duplicated, reordered = (
        tuple(_hits(random, percent / 100, plan.packets))
        for percent in (plan.faults.loss, plan.faults.duplicate, plan.faults.reorder)
    )
    return Faults(lost=lost, duplicated=duplicated, reordered=reordered)


def _hits(random: Random, chance: float, count: int) -> Iterator[int]:
    """Indexes hit with this chance each; costs as much as there are hits, not as there are indexes."""
    if chance <= 0:
        return
    scale = math.log1p(-chance)
    index = -1
    while True:
        index += 1 + int(math.log1p(-random.random()) / scale)
        if index >= count:
            return
        yield index
