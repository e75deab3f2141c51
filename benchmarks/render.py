"""How fast a capture log of two G.711 channels becomes a WAV file, on one core."""

from __future__ import annotations

import resource
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.result import Result
from siprecord.render import render_recording
from tests.support.capture_builder import CaptureBuilder, Sender, codes

SECONDS = 1800
PACKETS_PER_SECOND = 50
TARGET = 2000


def run() -> Sequence[Result]:
    """Half an hour of two channels, read from the page cache, written as WAV; CPU time counts."""
    with tempfile.TemporaryDirectory(prefix="render-") as folder:
        capture = build(Path(folder) / "capture.pcapng")
        render_recording(capture, Path(folder) / "warm-up")
        before = cpu_seconds()
        render_recording(capture, Path(folder) / "out")
        spent = cpu_seconds() - before
    return [Result("render_realtime_factor", SECONDS / spent, "times", TARGET, at_most=False)]


def build(path: Path) -> Path:
    builder = CaptureBuilder()
    builder.started()
    numbers = [builder.stream(label) for label in ("1", "2")]
    packets = [Sender(ssrc=number).send(codes(number, SECONDS * PACKETS_PER_SECOND)) for number in numbers]
    for number, stream in zip(numbers, packets, strict=True):
        builder.rtp(number, stream)
    builder.ended(SECONDS * 1000)
    return builder.write(path)


def cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime
