"""Where the SDP and the metadata of one session say different things. Each is noted, and both are kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from siprecord.recording.deviations import Deviation
from siprecord.recording.model import RecordingModel, Stream
from siprecord.recording.plan import StreamPlan

SECTION = "RFC 7866 section 7.1.1"
MAX_NAMED = 20
"""Lines and streams named one by one; ours."""


def contradictions(model: RecordingModel, lines: Mapping[int, StreamPlan]) -> tuple[Deviation, ...]:
    """What doesn't fit together. Says nothing while there is no complete metadata, or none of streams."""
    streams = [stream for stream in model.streams.values() if stream.ended is None and not stream.placeholder]
    if not model.snapshot or not streams:
        return ()
    return (*_shared(streams), *_unmentioned(streams, lines), *_silent_senders(model, streams, lines))


def _shared(streams: list[Stream]) -> list[Deviation]:
    lines = [stream.mline for stream in streams if stream.mline is not None]
    if len(set(lines)) == len(lines):
        return []
    counts = Counter(lines)
    return [
        Deviation(f"{count} streams of the metadata name m-line {mline + 1}.", SECTION)
        for mline, count in sorted(counts.items())
        if count > 1
    ][:MAX_NAMED]


def _unmentioned(streams: list[Stream], lines: Mapping[int, StreamPlan]) -> list[Deviation]:
    known = {stream.mline for stream in streams}
    return [
        Deviation(
            f"The SDP offers {_line(plan)}, which the metadata doesn't mention; it is recorded.", SECTION
        )
        for mline, plan in sorted(lines.items())
        if mline not in known
    ][:MAX_NAMED]


def _silent_senders(
    model: RecordingModel, streams: list[Stream], lines: Mapping[int, StreamPlan]
) -> list[Deviation]:
    found = []
    for stream in streams:
        plan = lines.get(stream.mline) if stream.mline is not None else None
        if plan is not None and plan.direction == "recvonly" and model.senders(stream.id):
            text = f"The metadata says that somebody sends {_line(plan)}, but the SDP offers it as recvonly."
            found.append(Deviation(text, "RFC 3264 section 6.1"))
    return found[:MAX_NAMED]


def _line(plan: StreamPlan) -> str:
    return f"m-line {plan.mline + 1}" + (f" (label {plan.label})" if plan.label else "")
