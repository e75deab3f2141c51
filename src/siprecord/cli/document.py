"""Shows the account of a recording (the content of metadata.json) to people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from siprecord.cli.output import print_fields, print_notes, print_table

Row = Mapping[str, Any]


def print_document(document: Row, *, folder: str | None = None) -> None:
    """Print one recording: its facts, participants, streams and what deviated."""
    sip = document.get("sip") or {}
    print_fields(
        (
            ("recording", document.get("recording_id")),
            ("outcome", outcome(document)),
            ("started", document.get("started")),
            ("ended", document.get("ended")),
            ("duration", seconds(document.get("duration_s"))),
            ("from", sip.get("from")),
            ("to", sip.get("to")),
            ("source", " ".join(filter(None, (sip.get("transport"), sip.get("source"))))),
            ("Call-ID", sip.get("call_id")),
            ("folder", folder),
            ("files", ", ".join(_files(document))),
        )
    )
    names = print_participants(document)
    print_streams(document, names)
    deviations = document.get("deviations") or []
    print_notes("Deviations", (_sentence(each) for each in deviations))


def outcome(document: Row) -> str:
    """How it ended, with the reason."""
    reason = document.get("reason")
    text = str(document.get("outcome") or "unknown")
    return f"{text}: {reason}" if reason else text


def seconds(value: object) -> str:
    """A duration for people."""
    if not isinstance(value, int | float):
        return ""
    if value < 60:
        return f"{value:.1f} s"
    minutes, rest = divmod(round(value), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def people(document: Row) -> list[str]:
    """The participants by the best name there is."""
    return [participant_name(each) for each in document.get("participants") or []]


def participant_name(participant: Row) -> str:
    """Name, else address, else id."""
    return str(participant.get("name") or participant.get("aor") or participant.get("id") or "unknown")


def print_participants(document: Row) -> dict[str, str]:
    """Print who took part; gives names by id."""
    participants = document.get("participants") or []
    if participants:
        rows = [(each.get("name"), each.get("aor"), each.get("id")) for each in participants]
        print_table(("name", "address", "id"), rows, title="Participants")
    return {str(each.get("id")): participant_name(each) for each in participants}


def print_streams(document: Row, names: Mapping[str, str]) -> None:
    """Print the streams with their packets."""
    streams = document.get("streams") or []
    if not streams:
        return
    print_table(
        (
            "label",
            "who",
            "codec",
            ">channel",
            ">received",
            ">lost",
            ">duplicated",
            ">reordered",
            ">audio",
            ">gaps",
        ),
        [_stream_row(stream, names) for stream in streams],
        title="Streams",
    )


def _stream_row(stream: Row, names: Mapping[str, str]) -> tuple[object, ...]:
    codecs = stream.get("codecs") or []
    return (
        stream.get("label"),
        ", ".join(names.get(str(who), str(who)) for who in stream.get("participants") or []),
        ", ".join(str(codec.get("encoding")) for codec in codecs),
        stream.get("channel"),
        _packets(stream, "received"),
        _packets(stream, "lost"),
        _packets(stream, "duplicated"),
        _packets(stream, "reordered"),
        seconds(stream.get("audio_s")),
        len(stream.get("gaps") or []) + int(stream.get("gaps_omitted") or 0),
    )


def _packets(stream: Row, name: str) -> object:
    packets = stream.get("packets")
    return packets.get(name) if isinstance(packets, Mapping) else stream.get(f"packets_{name}")


def _files(document: Row) -> list[str]:
    audio = document.get("audio") or {}
    capture = document.get("capture") or {}
    return [name for name in (audio.get("file"), document.get("metadata"), capture.get("file")) if name]


def _sentence(deviation: object) -> str:
    if not isinstance(deviation, Mapping):
        return str(deviation)
    reference = deviation.get("reference")
    return f"{deviation.get('text')} ({reference})" if reference else str(deviation.get("text"))
