"""Notices streams that bring nothing, or nothing that could be heard, while the call goes on (Q71, Q74)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Kind = Literal["one_way", "silent"]


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds until an alarm; 0 turns it off."""

    one_way_s: float = 30.0
    silent_s: float = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What is known of one stream at a moment; times in seconds since 1970, 0 for never."""

    name: str
    last_packet: float
    last_sound: float
    audible: bool
    """Whether its level is known at all."""
    paused: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """A stream is not as it should be, or (`over`) is so again."""

    mline: int
    kind: Kind
    text: str
    over: bool = False


class SoundWatch:
    """Watches the streams of one call. Time is an argument; whoever checks often is told soon."""

    def __init__(self, patience: Patience) -> None:
        self._patience = patience
        self._since: dict[int, float] = {}
        """Since when each stream has been there and not paused: what was silent before is forgiven."""
        self.alarms: dict[int, Kind] = {}
        """What is wrong now, by m-line."""

    def check(self, streams: Mapping[int, Heard], now: float) -> list[Alarm]:
        """What began and what ended since the last check."""
        for mline, stream in streams.items():
            if stream.paused or mline not in self._since:
                self._since[mline] = now
        found = {mline: self._fault(mline, streams, now) for mline in streams}
        told: list[Alarm] = []
        for mline in {**self.alarms, **found}:
            before, fault = self.alarms.get(mline), found.get(mline)
            kind = fault[0] if fault else None
            if before is not None and kind != before:
                name = streams[mline].name if mline in streams else str(mline)
                text = f"stream {name} is well again"
                told.append(Alarm(mline=mline, kind=before, text=text, over=True))
            if fault is not None and kind != before:
                told.append(Alarm(mline=mline, kind=fault[0], text=fault[1]))
        self.alarms = {mline: fault[0] for mline, fault in found.items() if fault is not None}
        return told

    def _fault(self, mline: int, streams: Mapping[int, Heard], now: float) -> tuple[Kind, str] | None:
        stream, patience = streams[mline], self._patience
        if stream.paused:
            return None
        begun = self._since[mline]
        quiet = now - max(begun, stream.last_packet)
        others = [other for number, other in streams.items() if number != mline]
        speaking = any(now - other.last_packet < patience.one_way_s for other in others)
        if patience.one_way_s and quiet >= patience.one_way_s and speaking:
            return "one_way", f"no RTP has come for {quiet:.0f} s on stream {stream.name}, while others send"
        still = now - max(begun, stream.last_sound)
        if patience.silent_s and stream.audible and still >= patience.silent_s and quiet < patience.silent_s:
            return (
                "silent",
                f"nothing is heard for {still:.0f} s on stream {stream.name}, though RTP comes",
            )
        return None
