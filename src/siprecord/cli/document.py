"""Shows the account of a recording (the content of metadata.json) to people."""

from __future__ import annotations

from collections import Counter
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
            ("gaps", gap_text(document) or None),
            ("from", sip.get("from")),
            ("to", sip.get("to")),
            ("source", " ".join(filter(None, (sip.get("transport"), sip.get("source"))))),
            ("Call-ID", sip.get("call_id")),
            ("folder", folder),
            ("files", ", ".join(_files(document))),
        )
    )
    print_call(document)
    names = print_participants(document)
    print_streams(document, names)
    print_conversation(document)
    print_links(document)
    print_notes("Restarts", (absence_note(each) for each in document.get("absences") or []))
    print_notes("Clock", (setting_note(each) for each in document.get("clock_settings") or []))
    deviations = document.get("deviations") or []
    print_notes("Deviations", (_sentence(each) for each in deviations))


def print_call(document: Row) -> None:
    """Print what is known of the call beside its metadata: vendor, direction, sides, ids."""
    sides = document.get("sides") or {}
    vendor = document.get("vendor")
    ids = (f"{each.get('kind')} {each.get('value')}" for each in document.get("correlation") or [])
    print_fields(
        (
            ("client", vendor if vendor != "generic" else None),
            ("direction", document.get("direction")),
            ("caller", _side(sides.get("caller"))),
            ("callee", _side(sides.get("callee"))),
            ("sides from", sides.get("decided_from")),
            ("known as", "\n".join(ids)),
        )
    )


def print_links(document: Row) -> None:
    """Print which recording this one goes on with, and which went on with it."""
    before = document.get("continues") or {}
    after = document.get("continued_by") or []
    gap = before.get("gap_s")
    print_fields(
        (
            ("continues", _link(before) if before else None),
            ("decided from", before.get("by")),
            ("gap", f"{gap} s, cause {before.get('cause') or 'client silent'}" if gap is not None else None),
            ("continued by", "\n".join(_link(each) for each in after)),
        )
    )


def _link(link: Row) -> str:
    node = link.get("node")
    return f"{link.get('recording_id')}" + (f" on node {node}" if node else "")


def _side(side: Row | None) -> str | None:
    if not side:
        return None
    labels = ", ".join(side.get("labels") or [])
    who = " ".join(filter(None, (side.get("name"), side.get("aor"))))
    return f"{who} (label {labels})" if labels else who


def print_conversation(document: Row) -> None:
    """Print the other recordings of the same conversation, and what joins them."""
    conversation = document.get("conversation") or {}
    parts = conversation.get("recordings") or []
    if len(parts) < 2:
        return
    joins = {str(each.get("second")): each for each in conversation.get("joined_by") or []}
    rows = []
    for part in parts:
        join = joins.get(str(part.get("recording_id"))) or {}
        by = f"{join['by']} {join['value']}" if join else ""
        rows.append((part.get("recording_id"), str(part.get("started"))[:19].replace("T", " "), by))
    print_table(("recording", "started", "joined by"), rows, title="Conversation")


def outcome(document: Row) -> str:
    """How it ended, with the reason."""
    reason = document.get("reason")
    text = str(document.get("outcome") or "unknown")
    return f"{text}: {reason}" if reason else text


def seconds(value: object) -> str:
    """A duration for people."""
    if not isinstance(value, int | float):
        return ""
    if 0 < value < 0.1:  # one packet that is missing is not nothing
        return f"{value * 1000:.0f} ms"
    if value < 60:
        return f"{value:.1f} s"
    minutes, rest = divmod(round(value), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def sentence(deviation: Row) -> str:
    """A deviation with the rule it rests on, unless the text names one itself."""
    text, reference = str(deviation.get("text")), deviation.get("reference")
    return text if not reference or "RFC" in text else f"{text} ({reference})"


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
            "gaps",
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
        _gaps(stream),
    )


def _gaps(stream: Row) -> str:
    """How many there are of each cause, the most frequent first."""
    causes = Counter(str(gap.get("cause")) for gap in stream.get("gaps") or [])
    causes["more"] += int(stream.get("gaps_omitted") or 0)
    rows = [f"{count} {cause.replace('_', ' ')}" for cause, count in causes.most_common() if count]
    return ", ".join(rows) or "0"


def gap_text(document: Row) -> str:
    """What is not heard of all streams together, by cause; "" when nothing is known of it."""
    return ", ".join(
        f"{seconds(row.get('seconds'))} {str(row.get('cause')).replace('_', ' ')} ({row.get('count')})"
        for row in document.get("gaps") or []
    )


def absence_note(absence: Row) -> str:
    """One sentence: when no recorder was there, and what is missing for that."""
    missing = absence.get("missing_s") or {}
    what = ", ".join(
        f"{'an unknown time' if value is None else seconds(value)} of label {label}"
        for label, value in missing.items()
    )
    who = "another recorder took over" if absence.get("cause") == "failover" else "recorder restarted"
    return f"{who} at {absence.get('back')}: {what + ' missing' if what else 'nothing missing'}"


def setting_note(setting: Row) -> str:
    """One sentence: somebody set the clock of the recorder's machine."""
    by = setting.get("by_s") or 0.0
    return f"set by {by:+g} s at {setting.get('time')}; the times here go on as if it had not been"


def _packets(stream: Row, name: str) -> object:
    packets = stream.get("packets")
    return packets.get(name) if isinstance(packets, Mapping) else stream.get(f"packets_{name}")


def _files(document: Row) -> list[str]:
    parts = [document.get("audio"), *(document.get("metadata") or []), document.get("capture")]
    names = [part.get("file") for part in parts if isinstance(part, Mapping)]
    return list(dict.fromkeys(str(name) for name in names if name))


def _sentence(deviation: object) -> str:
    return sentence(deviation) if isinstance(deviation, Mapping) else str(deviation)
