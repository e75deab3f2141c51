"""Telephone events (RFC 4733): one digit for each key that was pressed, however many packets told of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from siprecord.media.audio import EventPacket

MAX_DIGITS = 10_000
"""Digits of one stream that are listed."""
_KEYS = "0123456789*#ABCD"
_FLASH = 16
_MASKED = 255
"""What stands in the log for a key that was masked at ingest."""
_SEGMENT = 0xFFFF
_BLOCK = 4


@dataclass(slots=True)
class Digit:
    """One event."""

    event: int
    start_ns: int
    """Its first moment, by the arrival of its packets and the durations in them."""
    ticks: int
    clock: int
    end: int
    """The time stamp at which it ends, as far as is known."""

    @property
    def key(self) -> str:
        """The key's sign; `flash` for the hook, `*` for a key that was masked before it was stored."""
        if self.event == _MASKED:
            return "*"
        return "flash" if self.event == _FLASH else _KEYS[self.event]


@dataclass(frozen=True, slots=True)
class _Block:
    ssrc: int
    timestamp: int
    event: int
    ticks: int
    arrival_ns: int
    clock: int


def read_digits(packets: Iterable[EventPacket], clocks: Mapping[int, int]) -> list[Digit]:
    """The events of a stream in order; `clocks` has the clock of each payload type, 8000 where it has none.

    Packets of one SSRC, time stamp and event are one digit (sections 2.5.1.2 and 2.5.2.2); a long event goes
    on in segments that begin where the one before ended (section 2.5.2.3). Tones and states other than keys
    and the hook are left out.
    """
    found: dict[tuple[int, int, int], Digit] = {}
    for block in (block for packet in packets for block in _blocks(packet, clocks)):
        key = (block.ssrc, block.timestamp, block.event)
        digit = found.get(key) or _segment(found, block)
        if digit is None:
            if len(found) >= MAX_DIGITS:
                continue
            digit = Digit(block.event, block.arrival_ns, 0, block.clock, block.timestamp)
        if key not in found:
            found[key] = digit
        _extend(digit, block)
    unique = {id(digit): digit for digit in found.values()}
    return sorted(unique.values(), key=lambda digit: digit.start_ns)


def _blocks(packet: EventPacket, clocks: Mapping[int, int]) -> Iterator[_Block]:
    """The events of one packet; each begins where the one before ended (section 2.5.2.4)."""
    timestamp, clock = packet.timestamp, clocks.get(packet.payload_type) or 8000
    for at in range(0, len(packet.payload) - _BLOCK + 1, _BLOCK):
        event, ticks = packet.payload[at], int.from_bytes(packet.payload[at + 2 : at + 4])
        if (event <= _FLASH or event == _MASKED) and ticks:
            yield _Block(packet.ssrc, timestamp, event, ticks, packet.arrival_ns, clock)
        timestamp = (timestamp + ticks) & 0xFFFFFFFF


def _segment(found: Mapping[tuple[int, int, int], Digit], block: _Block) -> Digit | None:
    """The event that this block goes on with, if one ended just where it begins."""
    before = found.get((block.ssrc, (block.timestamp - _SEGMENT) & 0xFFFFFFFF, block.event))
    return before if before is not None and before.end == block.timestamp else None


def _extend(digit: Digit, block: _Block) -> None:
    end = (block.timestamp + block.ticks) & 0xFFFFFFFF
    further = (end - digit.end) & 0xFFFFFFFF
    if further < 1 << 31:
        digit.ticks += further
        digit.end = end
    began = block.arrival_ns - digit.ticks * 1_000_000_000 // digit.clock
    digit.start_ns = min(digit.start_ns, began)


def digit_rows(digits: Iterable[Digit], origin_ns: int, *, shown: bool) -> list[dict[str, Any]]:
    """As metadata.json tells them; `*` stands for every key unless they are `shown`."""
    return [
        {
            "time_s": round((digit.start_ns - origin_ns) / 1e9, 3),
            "duration_s": round(digit.ticks / digit.clock, 3),
            "digit": digit.key if shown else "*",
            "masked": not shown or digit.event == _MASKED,
        }
        for digit in digits
    ]
