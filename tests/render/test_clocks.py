"""Channels that stay together: senders whose clocks are not ours, and networks that take their time."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from siprecord.render import RenderOptions, render_recording
from siprecord.render.live import LiveTail
from tests.support.capture_builder import START_NS, CaptureBuilder, Rtp, Samples

SECONDS = 1200
EVERY = 30
PCMU = {"0": {"encoding": "PCMU", "rate": 8000}}
L16 = {"96": {"encoding": "L16", "rate": 8000}}
NTP_AHEAD = 2_208_988_800 + 7_200
"""From 1970 to 1900, and a sender whose clock is two hours ahead."""


def clicks(ppm: float, seconds: int = SECONDS) -> Samples:
    """Faint noise with a click every thirty seconds of our time, as a sender with this clock samples it."""
    noise = np.random.default_rng(1).integers(-8, 9, seconds * 8000, dtype=np.int16)
    for moment in range(EVERY, seconds, EVERY):
        noise[round(moment * 8000 / (1 + ppm / 1e6))] = 20_000
    return noise


def sent(samples: Samples, ppm: float, late_ms: float, kind: int, ssrc: int) -> list[Rtp]:
    """Packets of 20 ms by a slow (positive) or fast clock, through a network with jitter up to 40 ms."""
    jitter = np.random.default_rng(2).uniform(0, 40, len(samples) // 160)
    packets = []
    for number in range(len(samples) // 160):
        part = samples[number * 160 : number * 160 + 160]
        payload = part.astype(">i2").tobytes() if kind else linear_to_mu(part)
        at_ms = number * 20 * (1 + ppm / 1e6) + late_ms + jitter[number]
        packets.append(Rtp(at_ms, number, number * 160 + ssrc * 99_999, payload, ssrc, kind))
    return packets


def linear_to_mu(samples: Samples) -> bytes:
    codes = np.full(len(samples), 0xFF, np.uint8)
    codes[samples > 1000] = 0x8F
    return codes.tobytes()


def reports(
    ppm: float, late_ms: float, ssrc: int, seconds: int, *, wrong_s: float = 0.0
) -> list[tuple[float, bytes]]:
    found = []
    for moment in range(3, seconds, 5):
        ntp = START_NS / 1e9 + moment + NTP_AHEAD + wrong_s
        words = (int(ntp), int(ntp % 1 * 2**32))
        timestamp = int(moment * 8000 / (1 + ppm / 1e6)) + ssrc * 99_999 & 0xFFFFFFFF
        report = struct.pack(">BBHIIIIII", 0x80, 200, 6, ssrc, *words, timestamp, 1, 1)
        found.append(
            (moment * 1000 + late_ms, report + struct.pack(">BBHI", 0x81, 202, 3, ssrc) + b"\1\5a@sbc\0")
        )
    return found


def found_clicks(channel: Samples) -> list[int]:
    return np.flatnonzero(channel > 10_000).tolist()


def rendered(path: Path, builder: CaptureBuilder) -> tuple[Samples, list[dict[str, Any]], dict[str, Any]]:
    builder.ended(SECONDS * 1000 + 1000)
    result = render_recording(builder.write(path / "capture.pcapng"), path, RenderOptions())
    samples, _ = soundfile.read(path / "audio.wav", dtype="int16", always_2d=True)
    document = json.loads(result.document.read_text())
    return np.asarray(samples, np.int16), document["streams"], document


@pytest.mark.parametrize("payloads", [PCMU, L16], ids=["in-the-core", "by-layers"])
def test_RTP_12_Q69_channels_of_drifting_clocks_stay_together(
    tmp_path: Path, payloads: dict[str, Any]
) -> None:
    kind = int(next(iter(payloads)))
    builder = CaptureBuilder()
    builder.started()
    drifts = (0.0, 120.0, -120.0)
    for ssrc, ppm in enumerate(drifts):
        stream = builder.stream(str(ssrc), payloads)
        builder.rtp(stream, sent(clicks(ppm), ppm, 0, kind, ssrc))
    samples, rows, _ = rendered(tmp_path, builder)
    expected = np.arange(EVERY, SECONDS, EVERY) * 8000
    for channel, (ppm, row) in enumerate(zip(drifts, rows, strict=True)):
        places = np.array(found_clicks(samples[:, channel]))
        assert len(places) == len(expected)
        assert np.abs(places - expected).max() <= 40, "five milliseconds"
        assert row["clock_drift_ppm"] == pytest.approx(ppm, abs=2)
        moved = row["clock_inserted_s"] - row["clock_dropped_s"]
        assert moved == pytest.approx(SECONDS * ppm / 1e6, abs=0.004)
        assert [
            gap["cause"] for gap in row["gaps"] if gap["cause"] not in ("before_start", "after_end")
        ] == []
        assert (row["aligned_by"], row["aligned_reason"]) == ("arrival", "no usable sender reports")


@pytest.mark.parametrize("payloads", [PCMU, L16], ids=["in-the-core", "by-layers"])
def test_RTP_12_live_channels_of_drifting_clocks_stay_together_too(
    tmp_path: Path, payloads: dict[str, Any]
) -> None:
    kind = int(next(iter(payloads)))
    builder = CaptureBuilder()
    builder.started()
    drifts = {builder.stream(str(ppm), payloads): ppm for ppm in (120.0, -120.0)}
    for ssrc, (stream, ppm) in enumerate(drifts.items()):
        builder.rtp(stream, sent(clicks(ppm), ppm, 0, kind, ssrc))
    tail = LiveTail(builder.write(tmp_path / "capture.pcapng"))
    batches = [tail.poll()]
    while batches[-1].more:
        batches.append(tail.poll())
    pieces = [piece for batch in (*batches, tail.poll(flush=True)) for piece in batch.audio]
    expected = np.arange(EVERY, SECONDS, EVERY) * 8000
    for stream in drifts:
        mine = [piece for piece in pieces if piece.interface == stream]
        begin = START_NS // 1_000_000_000 * 8000
        places = [
            piece.start_sample - begin + at
            for piece in mine
            for at in found_clicks(np.frombuffer(piece.pcm, "<i2"))
        ]
        apart = np.abs(np.array(places) - expected)
        assert apart.max() <= 12 * 8, "no more than the first windows let it run away"
        assert apart[3:].max() <= 5 * 8, "five milliseconds"


def two_streams(builder: CaptureBuilder, **wrong: float) -> None:
    for ssrc, late_ms in ((1, 4.0), (2, 84.0)):
        stream = builder.stream(str(ssrc), PCMU)
        builder.rtp(stream, sent(clicks(0, 61), 0, late_ms, 0, ssrc))
        for at_ms, data in reports(0, late_ms, ssrc, 60, **(wrong if ssrc == 2 else {})):
            builder.datagram(stream, at_ms, data)


def test_RTCP_05_sender_reports_put_the_channels_together(tmp_path: Path) -> None:
    builder = CaptureBuilder()
    builder.started()
    two_streams(builder)
    samples, rows, _ = rendered(tmp_path, builder)
    first, second = (found_clicks(samples[:, channel]) for channel in (0, 1))
    assert np.abs(np.array(first) - second).max() <= 8
    assert [row["aligned_by"] for row in rows] == ["rtcp", "rtcp"]
    assert rows[1]["aligned_offset_s"] - rows[0]["aligned_offset_s"] == pytest.approx(-0.08, abs=0.002)
    assert [row["aligned_reason"] for row in rows] == [None, None]


def test_reports_that_contradict_arrival_are_told_of_and_not_believed(tmp_path: Path) -> None:
    builder = CaptureBuilder()
    builder.started()
    two_streams(builder, wrong_s=4.0)
    samples, rows, document = rendered(tmp_path, builder)
    first, second = (found_clicks(samples[:, channel]) for channel in (0, 1))
    assert np.abs(np.array(second) - first - 640).max() <= 16, "80 ms apart, as they arrived"
    assert [row["aligned_by"] for row in rows] == ["arrival", "arrival"]
    assert any("contradict the arrival" in row["text"] for row in document["deviations"])


def test_Q68_a_hold_and_a_late_start_are_silence_to_the_sample(tmp_path: Path) -> None:
    """The second stream begins late; the first is on hold for five seconds, its time stamps stand still."""
    builder = CaptureBuilder()
    builder.started()
    one, two = builder.stream("1", PCMU), builder.stream("2", PCMU)
    voice = bytes([0x10]) * 160
    before = [Rtp(n * 20, n, n * 160, voice, 1) for n in range(100)]
    after = [Rtp(7000 + n * 20, 100 + n, 16_000 + n * 160, voice, 1) for n in range(150)]
    builder.rtp(one, before, after)
    builder.rtp(two, [Rtp(2000 + n * 20, n, n * 160, voice, 2) for n in range(400)])
    builder.event("stream.paused", 2000, interface=one, cause="hold")
    builder.event("stream.resumed", 7000, interface=one)
    samples, rows, _ = rendered(tmp_path, builder)
    loud = samples != 0
    assert loud[:16_000, 0].all()
    assert not loud[16_000:56_000, 0].any()
    assert loud[56_000:80_000, 0].all()
    assert not loud[:16_000, 1].any()
    assert loud[16_000:80_000, 1].all()
    assert rows[0]["gaps"] == [{"start_s": 2.0, "end_s": 7.0, "cause": "hold"}]
    assert rows[1]["gaps"] == [{"start_s": 0.0, "end_s": 2.0, "cause": "before_start"}]
