"""Notices streams that bring nothing, or nothing that could be heard, while the call goes on (Q71, Q74)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Kind = Literal["one_way", "silent"]

COMES_S = 10.0
"""RTP comes when the last packet is no older."""


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
        self._heard_since: dict[int, float] = {}
        """The same of its sound: since when its level has been known without a break."""
        self.alarms: dict[int, Kind] = {}
        """What is wrong now, by m-line."""

    def check(self, streams: Mapping[int, Heard], now: float) -> list[Alarm]:
        """What began and what ended since the last check."""
        for mline, stream in streams.items():
            if stream.paused or mline not in self._since:
                self._since[mline] = now
            if not stream.audible or self._since[mline] == now:
                self._heard_since[mline] = now
        found = {mline: self._fault(mline, streams, now) for mline in streams}
        told: list[Alarm] = []
        for mline in {**self.alarms, **found}:
            before, fault = self.alarms.get(mline), found.get(mline)
            kind = fault[0] if fault else None
            if before is not None and kind != before:
                text = self._why_over(mline, streams, now)
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
        if patience.one_way_s and quiet >= patience.one_way_s and self._others_send(mline, streams, now):
            return "one_way", f"no RTP has come for {quiet:.0f} s on stream {stream.name}, while others send"
        still = now - max(self._heard_since[mline], stream.last_sound)
        comes = quiet < min(patience.silent_s / 2, COMES_S)
        if patience.silent_s and stream.audible and still >= patience.silent_s and comes:
            return (
                "silent",
                f"nothing is heard for {still:.0f} s on stream {stream.name}, though RTP comes",
            )
        return None

    def _others_send(self, mline: int, streams: Mapping[int, Heard], now: float) -> bool:
        """Streams that all ended at about the same time are not one-way, whichever ended first."""
        within = self._patience.one_way_s * (1.0 if self.alarms.get(mline) == "one_way" else 0.5)
        return any(now - other.last_packet < within for at, other in streams.items() if at != mline)

    def _why_over(self, mline: int, streams: Mapping[int, Heard], now: float) -> str:
        stream = streams.get(mline)
        if stream is None:
            return f"stream {mline} has ended"
        if stream.paused:
            return f"stream {stream.name} is on hold or paused"
        kind, patience = self.alarms[mline], self._patience
        if kind == "one_way":
            well, text = now - stream.last_packet < patience.one_way_s, "sends as little as all others now"
        else:
            well, text = now - stream.last_sound < patience.silent_s, "brings no RTP at all now"
        return f"stream {stream.name} {'is well again' if well else text}"
