"""An Ogg file of each Opus stream, made of the packets as they came."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from siprecord.media.audio import AudioRenderer, PlacedPacket
from siprecord.media.codecs import opus_ticks
from siprecord.render.codecs import Choice
from siprecord.render.decoders.spool import Opus
from siprecord.render.files import replacing
from siprecord.render.ogg import RATE, OpusFile

_STEREO = 0x04
_LEAST_JUMP = RATE // 400
"""The shortest packet there is, 2.5 ms: less is a clock that is followed, and no gap."""


def has_opus(renderer: AudioRenderer, channel: int, choices: Mapping[int, Choice]) -> bool:
    """Whether Opus packets came on a stream."""
    came = (choices.get(kind) for kind, _ in renderer.reports[channel].payload_types)
    return any(choice is not None and choice.decoder is Opus for choice in came)


def remux(
    renderer: AudioRenderer, channel: int, choices: Mapping[int, Choice], destination: Path
) -> dict[str, Any] | None:
    """Write the file and say what is in it; None when no packet has a place.

    Gaps are jumps of the granule position; what other codecs said in between is a gap here.
    """
    packets = _opus(renderer.packets(channel), choices)
    first = next(packets, None)
    if first is None:
        return None
    unit = renderer.unit(channel)
    channels = 2 if first.payload[0] & _STEREO else 1
    with replacing(destination) as part, part.open("wb") as file:
        ogg = OpusFile(file, channels=channels)
        _write(ogg, first, first, unit)
        for packet in packets:
            _write(ogg, packet, first, unit)
        ogg.finish()
    begin = first.start / unit - renderer.origin / renderer.sample_rate
    return {"file": destination.name, "channels": channels, "starts_s": round(begin, 6)}


def _write(ogg: OpusFile, packet: PlacedPacket, first: PlacedPacket, unit: int) -> None:
    place = (packet.start - packet.skip - first.start) * RATE // unit
    if place - ogg.position >= _LEAST_JUMP:
        ogg.skip(place - ogg.position)
    ogg.add(packet.payload, opus_ticks(packet.payload) or 0)


def _opus(packets: Iterator[PlacedPacket], choices: Mapping[int, Choice]) -> Iterator[PlacedPacket]:
    for packet in packets:
        choice = choices.get(packet.payload_type)
        if choice is not None and choice.decoder is Opus:
            yield packet
