"""Two independent recordings of one call (2N) become one, with an account of what came from where."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import msgspec

from siprecord.errors import RenderError
from siprecord.media.merging import CaptureMerge, Pause
from siprecord.render.facts import LogFacts, read_facts
from siprecord.render.files import replacing
from siprecord.render.options import DEFAULT_OPTIONS, RenderOptions
from siprecord.render.recording import RenderResult, render_recording

CAPTURE_NAME = "capture.pcapng"


@dataclass(frozen=True, slots=True)
class MergeResult:
    """The merged log, its rendering, and the account that metadata.json holds as `merged`."""

    capture: Path
    rendering: RenderResult
    account: dict[str, Any]


def merge_recordings(
    first: Path, second: Path, destination: Path, options: RenderOptions = DEFAULT_OPTIONS
) -> MergeResult:
    """Merge two capture logs packet by packet into `destination`, a directory that must be new or empty.

    SIP messages and events are those of the copy that ended properly, else of the first. Neither copy is
    changed. Raises RenderError when the two are no copies of one call, and then leaves nothing behind.
    Blocking.
    """
    _check_new(destination)
    facts = {first: read_facts(first), second: read_facts(second)}
    if facts[first].ended is None and facts[second].ended is not None:
        first, second = second, first
    pauses = (_pauses(facts[first]), _pauses(facts[second]))
    merge = CaptureMerge.compare(first, second, pauses)
    account = _account(merge, (first, second), facts)
    _check_copies(merge, account)
    capture = destination / CAPTURE_NAME
    try:
        destination.mkdir(parents=True, exist_ok=True)
        with replacing(capture) as part:
            merge.write(part, [msgspec.json.encode(event) for event in _events(merge, pauses[1], account)])
    except OSError as error:
        raise RenderError(f"can't write {capture}: {error.strerror or error}") from error
    return MergeResult(capture, render_recording(capture, destination, options), account)


def _check_new(destination: Path) -> None:
    if destination.exists() and (not destination.is_dir() or any(destination.iterdir())):
        raise RenderError(f"{destination} is there already: name a new directory, nothing is written over")


def _check_copies(merge: CaptureMerge, account: dict[str, Any]) -> None:
    if not any(stream.both or stream.only_second for stream in merge.streams):
        first, second = (copy["capture"] for copy in account["copies"])
        raise RenderError(
            f"{first} and {second} have no stream in common: they are no copies of one call, "
            "and both stay as they are"
        )


def _pauses(facts: LogFacts) -> list[Pause]:
    return [
        Pause(stream.interface, start, end)
        for stream in facts.streams.values()
        for start, end, cause in stream.silences
        if cause == "pause"
    ]


def _account(merge: CaptureMerge, captures: tuple[Path, Path], facts: dict[Path, LogFacts]) -> dict[str, Any]:
    mine, theirs = (facts[path].streams for path in captures)
    return {
        "copies": [
            {
                "recording_id": facts[path].started.get("recording_id"),
                "node": facts[path].started.get("node"),
                "capture": str(path),
                "ended": facts[path].ended is not None,
            }
            for path in captures
        ],
        "clock_offset_s": round(merge.clock_offset_ns / 1e9, 9) if merge.shared else None,
        "streams": [
            {"label": mine[stream.interface].label, **_counts(asdict(stream))} for stream in merge.streams
        ],
        "unmatched": [
            {"label": theirs[each.interface].label, "ssrc": each.ssrc, "packets": each.packets}
            for each in merge.unmatched
        ],
    }


def _counts(stream: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in stream.items() if name not in ("interface", "name")}


def _events(merge: CaptureMerge, pauses: list[Pause], account: dict[str, Any]) -> list[dict[str, Any]]:
    """The account, and the second copy's pauses: what is missing there was left out by order."""
    events: list[dict[str, Any]] = [{"event": "recording.merged", **account}]
    for pause in pauses:
        for interface in merge.partners(pause.interface):
            start, end = (moment - merge.clock_offset_ns for moment in (pause.from_ns, pause.to_ns))
            events.append({"event": "stream.paused", "interface": interface, "time_ns": start})
            events.append({"event": "stream.resumed", "interface": interface, "time_ns": end})
    return events
