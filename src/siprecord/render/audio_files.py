"""Which sound files a recording gets, and making them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from siprecord.media.audio import AudioRenderer
from siprecord.render.channels import stream_choices
from siprecord.render.codecs import Choice
from siprecord.render.conceal import conceal, concealed_spans
from siprecord.render.facts import StreamFacts
from siprecord.render.layers import layered
from siprecord.render.options import RenderOptions
from siprecord.render.peaks import PEAKS_NAME, Peaks
from siprecord.render.remux import has_opus, remux
from siprecord.render.sound import Sound, SoundFile, mixed, one_channel, whole_file, write_sound

_UNSAFE = re.compile(r"[^\w.-]")
_MAX_NAME = 80


@dataclass(frozen=True, slots=True)
class AudioFiles:
    """The files that were made, by name."""

    file: str
    """The main one."""
    whole: tuple[dict[str, Any], ...]
    """Those of the whole recording: file, format, channels, and whether all streams are mixed in it."""
    of_streams: Mapping[int, Sequence[dict[str, Any]]] = field(default_factory=dict)
    """By channel. `reencoded` false: the packets as they were received."""
    peaks: str | None = None


def write_audio(
    renderer: AudioRenderer, streams: Sequence[StreamFacts], destination: Path, options: RenderOptions
) -> AudioFiles | None:
    """Write all sound files; None when there is nothing to be heard. Raises RenderError."""
    if not renderer.frames:
        return None
    choices = [stream_choices(stream) for stream in streams]
    names = stream_names(streams)
    remuxed = _remux(renderer, choices, names, destination)
    whole = _whole(renderer.channels, destination, options)
    single = _single(names, destination, options, remuxed)
    peaks = Peaks(renderer.channels, renderer.sample_rate) if options.peaks else None
    sound = Sound(
        renderer.channels, renderer.sample_rate, renderer.frames, _blocks(renderer, choices, options)
    )
    watch = () if peaks is None else (peaks.add,)
    write_sound(sound, [*whole, *(file for _, file in single)], watch)
    if peaks is not None:
        peaks.write(destination / PEAKS_NAME)
    of_streams: dict[int, list[dict[str, Any]]] = {channel: [row] for channel, row in remuxed.items()}
    for channel, file in single:
        of_streams.setdefault(channel, []).append(_stream_file(file))
    rows = tuple(_whole_file(file) for file in whole)
    return AudioFiles(whole[0].path.name, rows, of_streams, PEAKS_NAME if peaks else None)


def stream_names(streams: Sequence[StreamFacts]) -> list[str]:
    """A file name for each stream, without its ending: by label, made safe and unlike the others."""
    names: list[str] = []
    for number, stream in enumerate(streams):
        name = f"stream-{_UNSAFE.sub('_', stream.label)[:_MAX_NAME]}"
        names.append(name if name not in names else f"{name}-channel-{number}")
    return names


def _blocks(
    renderer: AudioRenderer, choices: Sequence[Mapping[int, Choice]], options: RenderOptions
) -> Iterator[bytes]:
    if renderer.plain:
        blocks = renderer.blocks(max(1024, 65_536 // max(1, renderer.channels // 2)))
    else:
        blocks = layered(renderer, choices)
    if not options.conceal:
        return blocks
    spans = [concealed_spans(report.gaps, renderer.sample_rate) for report in renderer.reports]
    return conceal(blocks, spans, renderer.sample_rate)


def _whole(channels: int, destination: Path, options: RenderOptions) -> list[SoundFile]:
    kinds = options.formats or ("wav",)
    files = [whole_file(destination / f"audio.{kind}", kind, channels) for kind in kinds]
    if options.mono:
        files += [SoundFile(destination / f"mono.{kind}", kind, 1, mixed) for kind in kinds]
    return files


def _single(
    names: Sequence[str], destination: Path, options: RenderOptions, remuxed: Mapping[int, Any]
) -> list[tuple[int, SoundFile]]:
    """A file of each stream in each format, but where its Opus packets are one already."""
    if not options.per_stream:
        return []
    return [
        (channel, SoundFile(destination / f"{name}.{kind}", kind, 1, one_channel(channel)))
        for channel, name in enumerate(names)
        for kind in options.formats or ("wav",)
        if not (kind == "opus" and channel in remuxed)
    ]


def _remux(
    renderer: AudioRenderer, choices: Sequence[Mapping[int, Choice]], names: Sequence[str], destination: Path
) -> dict[int, dict[str, Any]]:
    rows = {}
    for channel, found in enumerate(choices):
        if has_opus(renderer, channel, found):
            row = remux(renderer, channel, found, destination / f"{names[channel]}.opus")
            if row is not None:
                rows[channel] = {**row, "format": "opus", "reencoded": False}
    return rows


def _whole_file(file: SoundFile) -> dict[str, Any]:
    return {
        "file": file.path.name,
        "format": file.format,
        "channels": file.channels,
        "mixed": file.pick is mixed,
    }


def _stream_file(file: SoundFile) -> dict[str, Any]:
    return {"file": file.path.name, "channels": 1, "starts_s": 0.0, "format": file.format, "reencoded": True}
