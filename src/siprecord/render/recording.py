"""Render one recording: everything comes from its capture log, and may be made again at any time."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from siprecord.errors import MediaError, RenderError
from siprecord.media.audio import AudioRenderer
from siprecord.render.audio_files import write_audio
from siprecord.render.channels import channel_streams, stream_plan
from siprecord.render.document import build_document, outcome_of
from siprecord.render.facts import LogFacts, MetadataFacts, read_facts
from siprecord.render.files import write_whole
from siprecord.render.moments import rfc3339
from siprecord.render.options import DEFAULT_OPTIONS, RenderOptions

DOCUMENT_NAME = "metadata.json"
METADATA_NAME = "metadata.xml"

_COMPLETE = re.compile(rb"<(?:[\w.-]+:)?data-?mode\s*>\s*complete\s*<", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class RenderResult:
    """What a rendering made."""

    recording_id: str
    outcome: str
    audio: Path | None
    duration_s: float
    document: Path


def render_recording(
    capture: Path, destination: Path, options: RenderOptions = DEFAULT_OPTIONS
) -> RenderResult:
    """Make audio.wav, metadata.xml and, last, metadata.json in the directory `destination`.

    `options` may ask for other and for more files. Each file appears whole or not at all, so metadata.json is
    the sign that the rendering is done. A log that breaks off is rendered as far as it goes. Raises
    RenderError with one clear sentence. Blocking.
    """
    try:
        facts = read_facts(capture)
        streams = channel_streams(facts)
        renderer = AudioRenderer(capture, [stream_plan(stream, facts.absences) for stream in streams])
        destination.mkdir(parents=True, exist_ok=True)
        made = write_audio(renderer, streams, destination, options)
        files = {
            "capture": capture.name,
            "audio": made,
            "metadata": _write_metadata(facts, destination),
        }
        document = build_document(facts, streams, renderer, files, options)
        path = destination / DOCUMENT_NAME
        write_whole(path, msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n")
    except (MediaError, OSError) as error:
        raise RenderError(f"can't render {capture}: {error}") from error
    seconds = renderer.frames / renderer.sample_rate
    audio = destination / made.file if made is not None else None
    return RenderResult(document["recording_id"], outcome_of(facts), audio, seconds, path)


def _write_metadata(facts: LogFacts, destination: Path) -> list[dict[str, Any]]:
    """metadata.xml is the first complete document; of several, each is kept under its number too."""
    if not facts.metadata:
        return []
    write_whole(destination / METADATA_NAME, _main_document(facts.metadata))
    if len(facts.metadata) == 1:
        return [_metadata_row(facts.metadata[0], METADATA_NAME)]
    rows = []
    for number, found in enumerate(facts.metadata, start=1):
        name = f"metadata-{number}.xml"
        write_whole(destination / name, found.document)
        rows.append(_metadata_row(found, name))
    return rows


def _main_document(found: list[MetadataFacts]) -> bytes:
    complete = (entry.document for entry in found if _COMPLETE.search(entry.document))
    return next(complete, found[0].document)


def _metadata_row(found: MetadataFacts, name: str) -> dict[str, Any]:
    return {
        "file": name,
        "content_type": found.content_type,
        "carried_by": found.carried_by,
        "received": rfc3339(found.time_ns),
    }
