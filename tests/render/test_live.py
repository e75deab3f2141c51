"""Live audio of every codec: the same decoders as the rendering, packet by packet while the log grows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from siprecord.media.audio import encode_g711
from siprecord.media.follower import LiveAudio
from siprecord.render import render_recording
from siprecord.render.live import LiveTail
from tests.support import codecs
from tests.support.capture_builder import START_NS, CaptureBuilder, Rtp, Samples
from tests.support.codecs import Stream, speech

SECOND_NS = 1_000_000_000
MOST = 20


def g711() -> tuple[Stream, dict[str, Any]]:
    data = encode_g711(speech(8000).tobytes(), "pcma")
    return Stream(codecs.cut(data, 160), 160, payload_type=8), {"encoding": "PCMA", "rate": 8000}


def g722() -> tuple[Stream, dict[str, Any]]:
    data = codecs.encode(speech(16_000), 16_000, "-c:a", "g722", "-f", "g722")
    return Stream(codecs.cut(data, 160), 160, payload_type=9), {"encoding": "G722", "rate": 8000}


def linear() -> tuple[Stream, dict[str, Any]]:
    data = speech(16_000).astype(">i2").tobytes()
    return Stream(codecs.cut(data, 640), 320), {"encoding": "L16", "rate": 16_000}


def gsm() -> tuple[Stream, dict[str, Any]]:
    data = codecs.encode(speech(8000), 8000, "-c:a", "libgsm", "-f", "gsm")
    return Stream(codecs.cut(data, 33), 160, payload_type=3), {"encoding": "GSM", "rate": 8000}


def opus() -> tuple[Stream, dict[str, Any]]:
    data = codecs.encode(speech(48_000), 48_000, "-c:a", "libopus", "-b:a", "24k", "-f", "opus")
    payload = {"encoding": "opus", "rate": 48_000, "channels": 2}
    return Stream(codecs.ogg_packets(data), 960, payload_type=111), payload


def g729() -> tuple[Stream, dict[str, Any]]:
    data = b"".join(codecs.g729_frames(speech(8000)))
    return Stream(codecs.cut(data, 20), 160, payload_type=18), {"encoding": "G729", "rate": 8000}


def amr_wb() -> tuple[Stream, dict[str, Any]]:
    payloads = [b"\xf0" + frame for frame in codecs.amr_wb_frames(speech(16_000))]
    return Stream(payloads, 320), {"encoding": "AMR-WB", "rate": 16_000, "fmtp": "octet-align=1"}


class Log:
    """A log that grows in a file."""

    def __init__(self, path: Path) -> None:
        self.path = path / "capture.pcapng"
        self.path.touch()
        self.builder = CaptureBuilder()
        self._written = 0

    def grow(self) -> None:
        data = self.builder.to_bytes()
        with self.path.open("ab") as file:
            file.write(data[self._written :])
        self._written = len(data)


def heard(pieces: Sequence[LiveAudio], interface: int = 1) -> tuple[int, int, Samples]:
    """Rate, first sample, and all samples of one stream, holes as zeros."""
    mine = [piece for piece in pieces if piece.interface == interface]
    first, last = mine[0], mine[-1]
    out = np.zeros(last.start_sample - first.start_sample + len(last.pcm) // 2, np.int16)
    end = first.start_sample
    for piece in mine:
        assert piece.start_sample >= end, "live audio never overlaps"
        at = piece.start_sample - first.start_sample
        end = piece.start_sample + len(piece.pcm) // 2
        out[at : at + len(piece.pcm) // 2] = np.frombuffer(piece.pcm, "<i2")
    return first.rate, first.start_sample, out


def apart(live: Samples, rendered: Samples) -> float:
    """The loudness of the difference against that of the sound."""
    difference = live.astype(float) - rendered
    return float(np.sqrt(np.mean(difference**2) / np.mean(rendered.astype(float) ** 2)))


def followed(log: Log, interface: int, packets: Sequence[Rtp], each: int = 5) -> list[LiveAudio]:
    """What a reader is given that looks every few packets."""
    tail = LiveTail(log.path)
    found: list[LiveAudio] = []
    for at in range(0, len(packets), each):
        log.builder.rtp(interface, packets[at : at + each])
        log.grow()
        found.extend(tail.poll().audio)
    return found + list(tail.poll(flush=True).audio)


@pytest.mark.parametrize(
    ("make", "exact"),
    [(g711, True), (g722, True), (linear, True), (g729, True), (amr_wb, True), (gsm, False), (opus, False)],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_live_audio_is_what_is_rendered(tmp_path: Path, make: Any, exact: bool) -> None:
    """Not to the bit where a decoder is brought back to its state by the packets before."""
    stream, payload = make()
    log = Log(tmp_path)
    log.builder.started()
    number = log.builder.stream("1", {str(stream.payload_type): payload})
    rate, start, live = heard(followed(log, number, stream.rtp()))
    log.builder.ended(20_000)
    log.grow()
    render_recording(log.path, tmp_path)
    samples, found = soundfile.read(tmp_path / "audio.wav", dtype="int16")
    assert (rate, len(live)) == (found, len(samples))
    assert start == START_NS // SECOND_NS * rate
    assert not exact or np.array_equal(live, samples)
    assert apart(live, samples) < 0.03


def test_a_codec_change_and_a_loss_in_mid_stream_keep_their_place(tmp_path: Path) -> None:
    wide, _ = g722()
    narrow, _ = g711()
    log = Log(tmp_path)
    payloads = {"8": {"encoding": "PCMA", "rate": 8000}, "9": {"encoding": "G722", "rate": 8000}}
    number = log.builder.stream("1", payloads)
    packets = Stream(narrow.payloads[:50], 160, payload_type=8).rtp()
    packets += [
        Rtp(n * 20, 100 + n, packets[0].timestamp + n * 160, wide.payloads[n], payload_type=9)
        for n in range(50, 150)
        if n != 100
    ]
    found = followed(log, number, packets)
    rates = [piece.rate for piece in found]
    assert rates == sorted(rates)
    assert set(rates) == {8000, 16_000}
    assert sum(len(piece.pcm) // 2 / piece.rate for piece in found) == pytest.approx(149 * 0.02)
    after = next(piece for piece in found if piece.time_ns == START_NS + 101 * 20_000_000)
    assert after.rate == 16_000


def test_a_reader_may_begin_at_any_moment_and_several_read_at_once(tmp_path: Path) -> None:
    stream, payload = g722()
    log = Log(tmp_path)
    number = log.builder.stream("1", {"9": payload})
    log.builder.rtp(number, stream.rtp())
    log.grow()
    tails = [LiveTail(log.path, START_NS + seconds * SECOND_NS) for seconds in (0, 3, 6)]
    whole, later, last = (heard(tail.poll(flush=True).audio) for tail in tails)
    for (rate, start, samples), seconds in ((later, 3), (last, 6)):
        assert start == whole[1] + seconds * rate
        expected = whole[2][seconds * rate :]
        assert len(samples) == len(expected)
        assert apart(samples, expected) < 0.03
    assert LiveTail(log.path, START_NS + 3600 * SECOND_NS).poll(flush=True).audio == ()


def test_streams_of_several_codecs_come_side_by_side_and_what_nobody_decodes_is_left_out(
    tmp_path: Path,
) -> None:
    log = Log(tmp_path)
    one, (other, payload) = g711()[0], opus()
    first = log.builder.stream("1", {"8": {"encoding": "PCMA", "rate": 8000}})
    second = log.builder.stream("2", {"111": payload})
    third = log.builder.stream("3", {"97": {"encoding": "EVS", "rate": 16_000}})
    log.builder.rtp(first, one.rtp()[:MOST])
    log.builder.rtp(second, other.rtp()[:MOST])
    log.builder.rtp(third, Stream([b"evs"] * MOST, 320, payload_type=97).rtp())
    log.grow()
    found = LiveTail(log.path).poll(flush=True).audio
    assert {(piece.interface, piece.rate) for piece in found} == {(first, 8000), (second, 48_000)}
    assert {piece.interface: len(piece.pcm) // 2 / piece.rate for piece in found} == {first: 0.4, second: 0.4}
