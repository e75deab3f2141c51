"""metadata.json: what is known of a recording, for people and programs.

Its fields are described in docs/reference/metadata-json.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from siprecord.media.audio import SAMPLE_RATE, AudioRenderer, Gap, StreamReport
from siprecord.render.channels import codec_row
from siprecord.render.conversation import conversation
from siprecord.render.facts import LogFacts, StreamFacts

SCHEMA_VERSION = 1
MAX_GAPS = 10_000
"""Gaps of one stream that are listed; the rest is counted."""

_LATEST_NS = 1 << 62
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SIP_FIELDS = ("call_id", "from", "to", "request_uri", "transport", "source", "trunk")


def rfc3339(time_ns: object) -> str | None:
    """A wall-clock moment with its zone, to the microsecond; nothing for what is no moment."""
    if not isinstance(time_ns, int) or not 0 < time_ns < _LATEST_NS:
        return None
    return (_EPOCH + timedelta(microseconds=time_ns // 1000)).isoformat(timespec="microseconds")


def outcome_of(facts: LogFacts) -> str:
    """How the recording ended: as the log says, or `interrupted` when it does not or breaks off."""
    if facts.ended is None or facts.truncated:
        return "interrupted"
    return str(facts.ended.get("outcome") or "interrupted")


def build_document(
    facts: LogFacts, streams: Sequence[StreamFacts], renderer: AudioRenderer, files: Mapping[str, Any]
) -> dict[str, Any]:
    """The whole document; `files` has capture, audio (or None) and metadata file names."""
    started_ns = _moment(facts.started) or facts.first_ns
    ended_ns = _moment(facts.ended or {}) or _last_moment(facts, renderer)
    rows = [_stream_row(s, r, facts) for s, r in zip(streams, renderer.reports, strict=True)]
    for channel, row in enumerate(rows):
        row["channel"] = channel if files["audio"] else None
    return {
        "schema_version": SCHEMA_VERSION,
        "recording_id": facts.started.get("recording_id") or Path(files["capture"]).stem,
        "outcome": outcome_of(facts),
        "reason": (facts.ended or {}).get("reason"),
        "started": rfc3339(started_ns),
        "ended": rfc3339(ended_ns),
        "duration_s": round((ended_ns - started_ns) / 1e9, 6) if ended_ns and started_ns else None,
        "recorder": {name: facts.started.get(name) for name in ("version", "node")},
        "sip": {name: facts.started.get(name) for name in _SIP_FIELDS} | {"messages": facts.sip_messages},
        "vendor": facts.call.get("vendor"),
        "direction": facts.call.get("direction"),
        "sides": facts.call.get("sides"),
        "correlation": facts.call.get("correlation") or [],
        "conversation": conversation(facts),
        "groups": facts.model.get("groups") or [],
        "sessions": facts.model.get("sessions") or [],
        "participants": facts.model.get("participants") or [],
        "streams": rows,
        "audio": _audio(renderer, files["audio"]),
        "metadata": files["metadata"],
        "deviations": [_deviation_row(event) for event in facts.deviations] + _own_deviations(rows),
        "capture": {
            "file": files["capture"],
            "complete": facts.complete,
            "truncated": facts.truncated,
            "bytes_left_over": facts.left_over,
            "bytes_damaged": facts.damaged,
        },
    }


def _moment(event: Mapping[str, Any]) -> int:
    value = event.get("time_ns")
    return value if isinstance(value, int) else 0


def _last_moment(facts: LogFacts, renderer: AudioRenderer) -> int:
    return max([facts.last_ns, *(report.last_arrival_ns or 0 for report in renderer.reports)])


def _audio(renderer: AudioRenderer, file: str | None) -> dict[str, Any] | None:
    if file is None:
        return None
    return {
        "file": file,
        "channels": renderer.channels,
        "sample_rate": SAMPLE_RATE,
        "frames": renderer.frames,
        "duration_s": _seconds(renderer.frames),
        "started": rfc3339(renderer.origin_ns),
    }


def _seconds(samples: int) -> float:
    return round(samples / SAMPLE_RATE, 6)


def _stream_row(stream: StreamFacts, report: StreamReport, facts: LogFacts) -> dict[str, Any]:
    model = _model_stream(stream, facts)
    return {
        "label": stream.label,
        "mline": stream.mline,
        "kind": stream.kind,
        "direction": stream.direction,
        "stream_id": model.get("stream_id"),
        "session_id": model.get("session_id"),
        "participants": model.get("participants") or [],
        "channel": None,
        "codecs": [codec_row(stream, number, packets) for number, packets in report.payload_types],
        "packets_received": report.received,
        "packets_unique": report.unique,
        "packets_lost": report.lost,
        "packets_withheld": report.withheld,
        "packets_duplicated": report.duplicated,
        "packets_reordered": report.reordered,
        "packets_hidden": report.hidden,
        "packets_malformed": report.malformed,
        "rtcp_packets": report.rtcp_packets,
        "ssrc": report.first_ssrc,
        "ssrc_changes": report.ssrc_changes,
        "segments": report.segments,
        "clock_drift_ppm": report.drift_ppm,
        "first_packet": rfc3339(report.first_arrival_ns),
        "last_packet": rfc3339(report.last_arrival_ns),
        "audio_s": _seconds(report.audio_samples),
        "gaps": [_gap_row(gap) for gap in report.gaps[:MAX_GAPS]],
        "gaps_omitted": max(0, len(report.gaps) - MAX_GAPS),
    }


def _model_stream(stream: StreamFacts, facts: LogFacts) -> dict[str, Any]:
    rows = facts.model.get("streams")
    known = [row for row in rows or () if isinstance(row, dict)]
    by_label = (row for row in known if row.get("label") == stream.label)
    by_mline = (row for row in known if "label" not in row and row.get("mline") == stream.mline)
    return next(by_label, None) or next(by_mline, {})


def _gap_row(gap: Gap) -> dict[str, Any]:
    return {"start_s": _seconds(gap.start), "end_s": _seconds(gap.end), "cause": gap.cause}


def _deviation_row(event: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "text": event.get("text"),
        "reference": event.get("reference"),
        "time": rfc3339(event.get("time_ns")),
    }


def _own_deviations(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """What only a look at the packets can tell."""
    found = []
    for row in rows:
        name = f"label {row['label']}"
        if row["packets_received"] == 0:
            found.append(f"no RTP packet came for {name}")
        for codec in row["codecs"]:
            what = f"{codec['packets']} packets of {codec['encoding']}"
            if not codec["negotiated"]:
                found.append(
                    f"{name}: {what} came, which was never negotiated (payload type {codec['payload_type']})"
                )
            if not codec["rendered"] and not codec["signal"]:
                found.append(f"{name}: {what} are in the capture log but not rendered")
        if row["packets_malformed"]:
            found.append(f"{name}: {row['packets_malformed']} packets are no RTP")
    return [{"text": text, "reference": None, "time": None} for text in found]
