"""metadata.json: what is known of a recording, for people and programs.

Its fields are described in docs/reference/metadata-json.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from siprecord.media.audio import AudioRenderer
from siprecord.render.absences import absence_rows
from siprecord.render.audio_files import AudioFiles
from siprecord.render.continuing import continued_rows, continues_row
from siprecord.render.conversation import conversation
from siprecord.render.facts import LogFacts, StreamFacts
from siprecord.render.gaps import cut_short, gap_sums
from siprecord.render.moments import rfc3339
from siprecord.render.options import DEFAULT_OPTIONS, RenderOptions
from siprecord.render.stream_row import stream_row

SCHEMA_VERSION = 1
MAX_STRANGERS = 5
"""Senders of one stream that are named one by one; all are among its `sources`."""

_SIP_FIELDS = ("call_id", "from", "to", "request_uri", "transport", "source", "trunk")


def outcome_of(facts: LogFacts) -> str:
    """How the recording ended: as the log says, or `interrupted` when it does not or breaks off."""
    if facts.ended is None or facts.truncated:
        return "interrupted"
    return str(facts.ended.get("outcome") or "interrupted")


def build_document(
    facts: LogFacts,
    streams: Sequence[StreamFacts],
    renderer: AudioRenderer,
    files: Mapping[str, Any],
    options: RenderOptions = DEFAULT_OPTIONS,
) -> dict[str, Any]:
    """The whole document; `files` has the capture's name, `AudioFiles` or None, and metadata rows."""
    started_ns = _moment(facts.started) or facts.first_ns
    ended_ns = _moment(facts.ended or {}) or _last_moment(facts, renderer)
    made: AudioFiles | None = files["audio"]
    rows = [stream_row(stream, renderer, number, options, facts) for number, stream in enumerate(streams)]
    for channel, (stream, row) in enumerate(zip(streams, rows, strict=True)):
        row.update(_place(stream, channel, facts, made))
    absences, gaps = absence_rows(facts.absences, rows, renderer.origin_ns), gap_sums(rows)
    for row in rows:
        cut_short(row)
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
        "continues": continues_row(facts, renderer),
        "continued_by": continued_rows(facts),
        "dialogs": _dialogs(facts),
        "groups": facts.model.get("groups") or [],
        "sessions": facts.model.get("sessions") or [],
        "participants": facts.model.get("participants") or [],
        "streams": rows,
        "absences": absences,
        "gaps": gaps,
        "clock_settings": [_setting(event) for event in facts.clock_settings],
        "audio": _audio(renderer, made),
        "rules": [_rule_row(event) for event in facts.rules],
        "digits": _digits(facts),
        "metadata": files["metadata"],
        "deviations": [_deviation_row(event) for event in facts.deviations] + _own_deviations(rows),
        "merged": facts.merged,
        "capture": {
            "file": files["capture"],
            "complete": facts.complete,
            "truncated": facts.truncated,
            "bytes_left_over": facts.left_over,
            "bytes_damaged": facts.damaged,
        },
    }


def _setting(event: Mapping[str, Any]) -> dict[str, Any]:
    return {"time": rfc3339(event.get("time_ns")), "by_s": event.get("by_s")}


def _place(stream: StreamFacts, channel: int, facts: LogFacts, made: AudioFiles | None) -> dict[str, Any]:
    """Where a stream belongs: in the metadata and in the audio."""
    model = _model_stream(stream, facts)
    return {
        "stream_id": model.get("stream_id"),
        "session_id": model.get("session_id"),
        "participants": model.get("participants") or [],
        "channel": channel if made else None,
        "files": list(made.of_streams.get(channel, ())) if made else [],
    }


def _rule_row(event: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "rule": event.get("rule"),
        "action": event.get("action"),
        "late": bool(event.get("late")),
        "time": rfc3339(event.get("time_ns")),
    }


def _digits(facts: LogFacts) -> dict[str, Any] | None:
    event = facts.digits
    if not event:
        return None
    return {
        "masked": bool(event.get("masked")),
        "why": event.get("why"),
        "since": rfc3339(event.get("time_ns")),
    }


def _moment(event: Mapping[str, Any]) -> int:
    value = event.get("time_ns")
    return value if isinstance(value, int) else 0


def _last_moment(facts: LogFacts, renderer: AudioRenderer) -> int:
    return max([facts.last_ns, *(report.last_arrival_ns or 0 for report in renderer.reports)])


def _dialogs(facts: LogFacts) -> list[dict[str, Any]]:
    """All dialogs of the call, the first one included."""
    return [
        {name: event.get(name) for name in ("call_id", "source", "transport")}
        | {"since": rfc3339(event.get("time_ns"))}
        for event in (facts.started, *facts.dialogs)
    ]


def _audio(renderer: AudioRenderer, made: AudioFiles | None) -> dict[str, Any] | None:
    if made is None:
        return None
    return {
        "file": made.file,
        "files": list(made.whole),
        "peaks": made.peaks,
        "channels": renderer.channels,
        "sample_rate": renderer.sample_rate,
        "frames": renderer.frames,
        "duration_s": round(renderer.frames / renderer.sample_rate, 6),
        "started": rfc3339(renderer.origin_ns),
    }


def _model_stream(stream: StreamFacts, facts: LogFacts) -> dict[str, Any]:
    rows = facts.model.get("streams")
    known = [row for row in rows or () if isinstance(row, dict)]
    by_label = (row for row in known if row.get("label") == stream.label)
    by_mline = (row for row in known if "label" not in row and row.get("mline") == stream.mline)
    return next(by_label, None) or next(by_mline, {})


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
                found.append(f"{name}: {what} are in the capture log but not rendered: {codec['reason']}")
        found += _sender_deviations(name, row)
        if row["packets_broken"]:
            found.append(f"{name}: {row['packets_broken']} packets do not keep to the format of their codec")
        if row["packets_malformed"]:
            found.append(f"{name}: {row['packets_malformed']} packets are no RTP")
        if row["packets_overflowed"]:
            found.append(
                f"{name}: {row['packets_overflowed']} packets came faster than they were taken, and the "
                "kernel dropped them: a flood, a machine too busy, or too small a media.receive_buffer"
            )
    return [{"text": text, "reference": None, "time": None} for text in found]


def _sender_deviations(name: str, row: Mapping[str, Any]) -> list[str]:
    """What senders did: packets of strangers, clocks that make no sense, packets that can't be trusted."""
    strangers = [source for source in row["sources"] if source["packets_in_audio"] < source["packets"]]
    found = [
        f"{name}: {source['packets'] - source['packets_in_audio']} packets of {source['address']} "
        f"(SSRC 0x{source['ssrc']:08x}) are in the capture log and not in the audio: "
        "the stream did not follow this sender then"
        for source in strangers[:MAX_STRANGERS]
    ]
    if len(strangers) > MAX_STRANGERS:
        found.append(f"{name}: {len(strangers) - MAX_STRANGERS} more senders were not followed")
    if "contradict" in (row["aligned_reason"] or ""):
        found.append(f"{name}: {row['aligned_reason']}; the channel is aligned by arrival")
    protection = row["srtp"] or {}
    if protection.get("packets_failed"):
        found.append(
            f"{name}: {protection['packets_failed']} packets were not stored, since the key of the SDP does "
            "not fit them or they were changed on the way"
        )
    if protection.get("packets_replayed"):
        found.append(
            f"{name}: {protection['packets_replayed']} packets were not stored, since they came before"
        )
    return found
