"""One stream in metadata.json: what came, what did not, and what was pressed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from siprecord.media.audio import AudioRenderer, Gap, SourceReport, StreamReport
from siprecord.render.channels import codec_row
from siprecord.render.conceal import concealed_spans
from siprecord.render.digits import digit_rows, read_digits
from siprecord.render.facts import LogFacts, StreamFacts
from siprecord.render.gaps import MAX_GAPS, gap_rows, pauses_after
from siprecord.render.moments import rfc3339
from siprecord.render.options import RenderOptions
from siprecord.syntax.sip import format_host_port

_REASONS = {
    "": "no usable sender reports",
    "alone": "no other stream has the same clock",
    "unsteady": "the sender reports scatter by more than 10 ms",
    "contradicted": "the sender reports contradict the arrival of packets",
}
_QUALITY = ("codec", "loss_percent", "jitter_ms", "reordered", "mos", "level_dbov")


def stream_row(
    stream: StreamFacts,
    renderer: AudioRenderer,
    channel: int,
    options: RenderOptions,
    facts: LogFacts,
) -> dict[str, Any]:
    """All that the stream's own description and packets tell, and what the recorder counted itself."""
    ended = facts.counted(stream.interface)
    report, rate = renderer.reports[channel], renderer.sample_rate
    codecs = [codec_row(stream, number, packets) for number, packets in report.payload_types]
    return {
        "label": stream.label,
        "mline": stream.mline,
        "kind": stream.kind,
        "direction": stream.direction,
        "stream_id": None,
        "session_id": None,
        "participants": [],
        "channel": None,
        "files": [],
        "codecs": codecs,
        "packets_received": report.received,
        "packets_unique": report.unique,
        "packets_lost": report.lost,
        "packets_withheld": report.withheld,
        "packets_duplicated": report.duplicated,
        "packets_reordered": report.reordered,
        "packets_hidden": report.hidden,
        "packets_malformed": report.malformed,
        "packets_broken": report.broken,
        "comfort_noise_packets": sum(row["packets"] for row in codecs if row["encoding"] == "CN"),
        "rtcp_packets": report.rtcp_packets,
        "packets_stray": report.strays,
        "packets_overflowed": ended.get("overflowed", 0),
        "srtp": _srtp(stream, ended),
        "quality": _quality(ended),
        "alarms": [_alarm_row(event) for event in stream.alarms],
        "source_expected": stream.expected,
        "sources": [_source_row(source) for source in report.sources],
        "source_changes": [_change_row(event) for event in stream.followed[1:]],
        "ssrc": report.first_ssrc,
        "ssrc_changes": report.ssrc_changes,
        "segments": report.segments,
        "clock_drift_ppm": None if report.drift_ppm is None else round(report.drift_ppm, 1),
        "clock_inserted_s": report.inserted_ns / 1e9,
        "clock_dropped_s": report.dropped_ns / 1e9,
        **_alignment(report),
        "first_packet": rfc3339(report.first_arrival_ns),
        "last_packet": rfc3339(report.last_arrival_ns),
        "audio_s": round(report.audio_samples / rate, 6),
        "gaps": _gaps(stream, renderer, report, facts),
        "gaps_omitted": 0,
        "concealed": _concealed(report.gaps, rate) if options.conceal else [],
        "digits": _digits(stream, renderer, channel, options),
    }


def _gaps(
    stream: StreamFacts, renderer: AudioRenderer, report: StreamReport, facts: LogFacts
) -> list[dict[str, Any]]:
    rate, origin_ns = renderer.sample_rate, renderer.origin_ns
    rows = gap_rows(report, rate, facts.absences, origin_ns)
    after = pauses_after(stream.silences, origin_ns, renderer.frames / rate) if renderer.frames else []
    return rows + after


def _alignment(report: StreamReport) -> dict[str, Any]:
    """What put the stream in its place beside the others; nothing without packets."""
    by, _, why = report.aligned_by.partition("-")
    return {
        "aligned_by": by if report.received else None,
        "aligned_reason": _REASONS[why] if by == "arrival" and report.received else None,
        "aligned_offset_s": round(report.aligned_offset_ns / 1e9, 6),
    }


def _srtp(stream: StreamFacts, ended: Mapping[str, Any]) -> dict[str, Any] | None:
    """The suite, and what was not stored because it was not authentic; None for a stream in the clear."""
    if stream.srtp is None:
        return None
    failed, replayed = (ended.get(name, 0) for name in ("srtp_failed", "srtp_replayed"))
    return {"suite": stream.srtp, "packets_failed": failed, "packets_replayed": replayed}


def _quality(ended: Mapping[str, Any]) -> dict[str, Any] | None:
    """What the recorder measured while the stream ran; None when its log does not say."""
    told = ended.get("quality")
    return {name: told.get(name) for name in _QUALITY} if isinstance(told, dict) else None


def _alarm_row(event: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "time": rfc3339(event.get("time_ns")),
        "kind": event.get("kind"),
        "text": event.get("text"),
        "over": event.get("event") == "stream.alarm_over",
    }


def _source_row(source: SourceReport) -> dict[str, Any]:
    return {
        "address": format_host_port(*source.address),
        "ssrc": source.ssrc,
        "packets": source.packets,
        "packets_in_audio": source.own,
        "first_packet": rfc3339(source.first_ns),
        "last_packet": rfc3339(source.last_ns),
    }


def _change_row(event: Mapping[str, Any]) -> dict[str, Any]:
    """From whom to whom, and from when on the new one's packets count."""
    before = event.get("before")
    return {
        "time": rfc3339(event.get("since_ns")),
        "address": event.get("address"),
        "ssrc": event.get("ssrc"),
        "before": before if isinstance(before, dict) else None,
    }


def _concealed(gaps: tuple[Gap, ...], rate: int) -> list[dict[str, Any]]:
    spans = concealed_spans(gaps, rate)[:MAX_GAPS]
    return [{"start_s": round(start / rate, 6), "end_s": round(end / rate, 6)} for start, end in spans]


def _digits(
    stream: StreamFacts, renderer: AudioRenderer, channel: int, options: RenderOptions
) -> list[dict[str, Any]]:
    rates = ((number, values.get("rate")) for number, values in stream.payloads.items())
    clocks = {number: rate for number, rate in rates if isinstance(rate, int) and rate > 0}
    digits = read_digits(renderer.events(channel), clocks)
    return digit_rows(digits, renderer.origin_ns, shown=options.digits == "shown")
