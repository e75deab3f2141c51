"""SIP messages out of segments: whole datagrams, and TCP streams put together in order."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from siprecord.cli.field.files import Account, frames
from siprecord.cli.field.packets import Address, Segment, Unpacker
from siprecord.errors import SiprecordError
from siprecord.syntax.sip import StreamFramer

MAX_MESSAGES = 20_000
MAX_STREAMS = 2000
MAX_WAITING = 256
"""Segments of one stream that wait for one before them. Then it is given up: captures do lose packets."""
_SIP = re.compile(rb"\s*(?:SIP/2\.0 \d{3}|[A-Z][A-Za-z]{1,20} \S{3,300} SIP/\d)")
_TLS = re.compile(rb"[\x14-\x17]\x03[\x00-\x04]")
_HALF = 1 << 31


@dataclass(frozen=True, slots=True)
class FieldMessage:
    """One message as it was on the wire."""

    time_ns: int
    transport: str
    source: Address
    destination: Address
    data: bytes


@dataclass(frozen=True, slots=True)
class FieldCapture:
    """All SIP messages of a capture. `cut`: it breaks off. `hint` says why there are none."""

    messages: tuple[FieldMessage, ...]
    cut: bool
    hint: str = ""


def sip_messages(path: Path) -> FieldCapture:
    """The SIP messages of a pcap or pcapng file, in order; raises SiprecordError when it can't be read."""
    account, signs = Account(), Signs()
    try:
        with path.open("rb") as file:
            unpack = Unpacker()
            segments = (segment for frame in frames(file, account) for segment in unpack.segments(frame))
            found = tuple(assemble(map(signs.watch, segments)))
            return FieldCapture(found, account.cut, "" if found else signs.hint(account))
    except OSError as error:
        raise SiprecordError(f"can't read {path}: {error.strerror}") from None
    except SiprecordError as error:
        raise SiprecordError(f"{path}: {error}") from None


@dataclass(slots=True)
class Signs:
    """What passes by, to say why no message was found in it."""

    packets: int = 0
    tls: int = 0
    beginnings: int = 0

    def watch(self, segment: Segment) -> Segment:
        """Look at a segment and hand it on."""
        self.packets += 1
        self.tls += segment.transport == "tcp" and _TLS.match(segment.data) is not None
        self.beginnings += _SIP.match(segment.data) is not None
        return segment

    def hint(self, account: Account) -> str:
        """A sentence for a capture without SIP."""
        if not account.frames:
            return "it breaks off before its first packet" if account.cut else "it holds no packet at all"
        if not self.packets:
            return f"none of its {account.frames} packets is UDP or TCP; was it taken on the right interface?"
        if self.beginnings:
            return "a SIP message begins in it, but its end is missing: segments were lost or it breaks off"
        if self.tls:
            return "it is TLS: capture behind the SBC's own decryption, or let it speak TCP for the trace"
        more = "; the file breaks off in the middle" if account.cut else ""
        return f"its {self.packets} UDP and TCP packets hold none; is the port of SIP in its filter?{more}"


def assemble(segments: Iterable[Segment]) -> Iterator[FieldMessage]:
    """The messages in these segments."""
    streams: dict[tuple[Address, Address], _Stream] = {}
    found = 0
    for segment in segments:
        for data in _messages(segment, streams):
            yield FieldMessage(segment.time_ns, segment.transport, segment.source, segment.destination, data)
            found += 1
            if found >= MAX_MESSAGES:
                return


def _messages(segment: Segment, streams: dict[tuple[Address, Address], _Stream]) -> list[bytes]:
    if segment.transport == "udp":
        return [segment.data] if _SIP.match(segment.data) else []
    key = (segment.source, segment.destination)
    stream = streams.get(key)
    if segment.opens:
        stream = streams[key] = _Stream(next=(segment.sequence + 1) % (1 << 32))
    elif stream is None and _SIP.match(segment.data):
        stream = streams[key] = _Stream(next=segment.sequence)
    if stream is None:
        return []
    while len(streams) > MAX_STREAMS:
        streams.pop(next(iter(streams)))
    return stream.take(segment)


@dataclass(slots=True)
class _Stream:
    """One direction of a connection."""

    next: int
    framer: StreamFramer = field(default_factory=StreamFramer)
    waiting: dict[int, bytes] = field(default_factory=dict)

    def take(self, segment: Segment) -> list[bytes]:
        if self.framer.dead or not segment.data:
            return []
        ahead = (segment.sequence - self.next) % (1 << 32)
        if ahead >= _HALF:
            old = (1 << 32) - ahead
            return self._feed(segment.data[old:]) if len(segment.data) > old else []
        self.waiting[segment.sequence] = segment.data
        if len(self.waiting) > MAX_WAITING:
            self._begin_again()
        return self._drain()

    def _drain(self) -> list[bytes]:
        found: list[bytes] = []
        while (data := self.waiting.pop(self.next, None)) is not None:
            found += self._feed(data)
        return found

    def _feed(self, data: bytes) -> list[bytes]:
        self.next = (self.next + len(data)) % (1 << 32)
        return [each for each in self.framer.feed(data) if isinstance(each, bytes)]

    def _begin_again(self) -> None:
        """A segment is missing for good: go on at the next one that begins a message."""
        starts = sorted(key for key, data in self.waiting.items() if _SIP.match(data))
        self.framer = StreamFramer()
        if starts:
            self.next = starts[0]
        self.waiting = {key: data for key, data in self.waiting.items() if starts and key >= starts[0]}
