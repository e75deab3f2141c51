"""Which streams become channels, in which order, and what their payload types mean."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from siprecord.media.audio import StreamPlan
from siprecord.render.absences import absence_span
from siprecord.render.codecs import STATIC, Choice, choose
from siprecord.render.facts import Absence, LogFacts, StreamFacts


def channel_streams(facts: LogFacts) -> list[StreamFacts]:
    """The audio streams in channel order: numeric labels in numeric order, then the others by name."""
    return sorted((s for s in facts.streams.values() if s.kind == "audio"), key=_order)


def _order(stream: StreamFacts) -> tuple[int, int, str, int, int]:
    mline = stream.mline if stream.mline is not None else 1 << 30
    if stream.label.isascii() and stream.label.isdecimal():
        return (0, int(stream.label[:18]), stream.label, mline, stream.interface)
    return (1, 0, stream.label, mline, stream.interface)


def stream_choices(stream: StreamFacts) -> dict[int, Choice]:
    """What becomes of each payload type, as the session description says or else as RFC 3551 does."""
    return {number: choose(values) for number, values in {**STATIC, **stream.payloads}.items()}


def stream_plan(stream: StreamFacts, absences: Iterable[Absence] = ()) -> StreamPlan:
    """How the renderer is to understand this stream."""
    codecs = {number: choice.codec for number, choice in stream_choices(stream).items()}
    away = [(*absence_span(absence), absence.cause) for absence in absences]
    return StreamPlan(stream.interface, codecs, (*stream.silences, *away), stream.earlier)


def codec_row(stream: StreamFacts, number: int, packets: int) -> dict[str, Any]:
    """One payload type that was seen, as metadata.json tells it; `number` is a key of `payloads`."""
    was = {kind: payload_type for _, payload_type, kind in stream.earlier}
    unknown = {"encoding": f"payload type {number}", "rate": 8000, "channels": 1}
    values = stream.payloads.get(number) or STATIC.get(number) or unknown
    choice = choose(values)
    return {
        "payload_type": was.get(number, number),
        "encoding": values.get("encoding"),
        "rate": values.get("rate"),
        "channels": values.get("channels", 1),
        "packets": packets,
        "negotiated": number in stream.payloads,
        "rendered": choice.rendered,
        "signal": choice.signal,
        "reason": choice.reason or None,
    }
