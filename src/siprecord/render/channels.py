"""Which streams become channels, in which order, and what their payload types mean."""

from __future__ import annotations

from typing import Any

from siprecord.media.audio import StreamPlan, codec_of
from siprecord.render.facts import LogFacts, StreamFacts

_STATIC_NAMES = {0: "PCMU", 3: "GSM", 4: "G723", 8: "PCMA", 9: "G722", 13: "CN", 15: "G728", 18: "G729"}
"""Names of payload types that mean something without being negotiated (RFC 3551 section 6)."""


def channel_streams(facts: LogFacts) -> list[StreamFacts]:
    """The audio streams in channel order: numeric labels in numeric order, then the others by name."""
    return sorted((s for s in facts.streams.values() if s.kind == "audio"), key=_order)


def _order(stream: StreamFacts) -> tuple[int, int, str, int, int]:
    mline = stream.mline if stream.mline is not None else 1 << 30
    if stream.label.isascii() and stream.label.isdecimal():
        return (0, int(stream.label[:18]), stream.label, mline, stream.interface)
    return (1, 0, stream.label, mline, stream.interface)


def stream_plan(stream: StreamFacts) -> StreamPlan:
    """How the renderer is to understand this stream."""
    codecs = {number: codec_of(values) for number, values in stream.payloads.items()}
    return StreamPlan(stream.interface, codecs, tuple(stream.silences))


def codec_row(stream: StreamFacts, number: int, packets: int) -> dict[str, Any]:
    """One payload type that was seen, as metadata.json tells it."""
    negotiated = number in stream.payloads
    static = {"encoding": _STATIC_NAMES.get(number, f"payload type {number}"), "rate": 8000, "channels": 1}
    values = stream.payloads.get(number, static)
    known = negotiated or number in (0, 8, 13)
    codec = codec_of(values) if known else "foreign"
    return {
        "payload_type": number,
        "encoding": values.get("encoding"),
        "rate": values.get("rate"),
        "channels": values.get("channels", 1),
        "packets": packets,
        "negotiated": negotiated,
        "rendered": codec in ("pcmu", "pcma"),
        "signal": codec == "signal",
    }
