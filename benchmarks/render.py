"""How fast a capture log of two channels becomes a WAV file, on one core, by codec."""

from __future__ import annotations

import resource
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.result import Result
from siprecord.render import render_recording
from tests.support import codecs as speech
from tests.support.capture_builder import CaptureBuilder, Sender, codes
from tests.support.codecs import Stream

SECONDS = 1800
CODED_SECONDS = 300
PACKETS_PER_SECOND = 50
TARGET, G722_TARGET, OPUS_TARGET = 2000, 200, 100

Build = Callable[[Path], Path]


def run() -> Sequence[Result]:
    """Half an hour of G.711, five minutes of the others; read from the page cache, CPU time counts."""
    return [
        measure("render_realtime_factor", build, SECONDS, TARGET),
        measure("render_g722_realtime_factor", build_g722, CODED_SECONDS, G722_TARGET),
        measure("render_opus_realtime_factor", build_opus, CODED_SECONDS, OPUS_TARGET),
    ]


def measure(name: str, make: Build, seconds: int, target: float) -> Result:
    with tempfile.TemporaryDirectory(prefix="render-") as folder:
        capture = make(Path(folder) / "capture.pcapng")
        render_recording(capture, Path(folder) / "warm-up")
        before = cpu_seconds()
        render_recording(capture, Path(folder) / "out")
        spent = cpu_seconds() - before
    return Result(name, seconds / spent, "times", target, at_most=False)


def build(path: Path) -> Path:
    builder = CaptureBuilder()
    builder.started()
    numbers = [builder.stream(label) for label in ("1", "2")]
    packets = [Sender(ssrc=number).send(codes(number, SECONDS * PACKETS_PER_SECOND)) for number in numbers]
    for number, stream in zip(numbers, packets, strict=True):
        builder.rtp(number, stream)
    builder.ended(SECONDS * 1000)
    return builder.write(path)


def build_g722(path: Path) -> Path:
    data = speech.encode(speech.speech(16_000), 16_000, "-c:a", "g722", "-f", "g722")
    return build_coded(path, speech.cut(data, 160), 160, {"encoding": "G722", "rate": 8000})


def build_opus(path: Path) -> Path:
    options = ("-c:a", "libopus", "-b:a", "24k", "-f", "opus")
    packets = speech.ogg_packets(speech.encode(speech.speech(48_000), 48_000, *options))
    return build_coded(path, packets, 960, {"encoding": "opus", "rate": 48_000, "channels": 2})


def build_coded(path: Path, packets: list[bytes], ticks: int, payload: dict[str, object]) -> Path:
    """Speech over and over, on two channels."""
    count = CODED_SECONDS * PACKETS_PER_SECOND
    packets = (packets * (count // len(packets) + 1))[:count]
    builder = CaptureBuilder()
    builder.started()
    for label in ("1", "2"):
        builder.rtp(builder.stream(label, {"96": payload}), Stream(packets, ticks).rtp())
    builder.ended(CODED_SECONDS * 1000)
    return builder.write(path)


def cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime
