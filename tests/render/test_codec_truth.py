"""Speech through each codec: encoded by ffmpeg, sent as RTP, rendered, and compared with what was said."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from siprecord.render import RenderOptions, render_recording
from tests.support import codecs
from tests.support.capture_builder import CaptureBuilder, Rtp
from tests.support.codecs import Samples, Stream, speech

NO_EXTRA = "PyAV is not installed: pip install siprecord[codecs]"


def rendered(
    path: Path, stream: Stream, payload: dict[str, Any], lost: tuple[int, ...] = ()
) -> tuple[Samples, int, dict[str, Any]]:
    """The channel that the stream becomes, its rate and the document."""
    builder = CaptureBuilder()
    builder.started()
    builder.rtp(builder.stream("1", {str(stream.payload_type): payload}), stream.rtp(lost=lost))
    builder.ended(20_000)
    result = render_recording(builder.write(path / "capture.pcapng"), path, RenderOptions())
    samples, rate = soundfile.read(path / "audio.wav", dtype="int16")
    return np.asarray(samples, np.int16), rate, json.loads(result.document.read_text())


def g722() -> tuple[bytes, Stream]:
    data = codecs.encode(speech(16_000), 16_000, "-c:a", "g722", "-f", "g722")
    return data, Stream(codecs.cut(data, 160), 160, payload_type=9)


def test_PAY_03_g722_is_what_ffmpeg_decodes_to_the_last_bit(tmp_path: Path) -> None:
    data, stream = g722()
    heard, rate, document = rendered(tmp_path, stream, {"encoding": "G722", "rate": 8000})
    assert rate == document["audio"]["sample_rate"] == 16_000
    np.testing.assert_array_equal(heard, codecs.decode(data, 16_000, "-f", "g722"))
    late = codecs.delay(speech(16_000), heard)
    assert late == 22  # of the two mirror filters
    assert codecs.snr_db(speech(16_000), heard, late) > 22
    assert document["streams"][0]["gaps"] == []


def test_PAY_03_noise_through_g722_is_what_ffmpeg_decodes_too(tmp_path: Path) -> None:
    noise = np.random.default_rng(1).integers(0, 256, 160_000, dtype=np.uint8).tobytes()
    stream = Stream(codecs.cut(noise, 160), 160, payload_type=9)
    heard, _, _ = rendered(tmp_path, stream, {"encoding": "G722", "rate": 8000})
    np.testing.assert_array_equal(heard, codecs.decode(noise, 16_000, "-f", "g722"))


def test_a_lost_packet_of_g722_is_exact_silence_and_the_rest_stays_in_place(tmp_path: Path) -> None:
    data, stream = g722()
    heard, _, document = rendered(tmp_path, stream, {"encoding": "G722", "rate": 8000}, lost=(100, 101))
    assert not heard[32_000:32_640].any()
    assert document["streams"][0]["gaps"] == [{"start_s": 2.0, "end_s": 2.04, "cause": "network"}]
    reference = codecs.decode(data, 16_000, "-f", "g722")
    np.testing.assert_array_equal(heard[:32_000], reference[:32_000])
    assert codecs.snr_db(reference[36_000:], heard[36_000:], 0) > 25


@pytest.mark.parametrize(
    ("rate", "channels"), [(8000, 1), (16_000, 1), (44_100, 1), (44_100, 2), (48_000, 2)]
)
def test_PAY_05_l16_comes_back_to_the_bit(tmp_path: Path, rate: int, channels: int) -> None:
    said = speech(rate)
    data = np.repeat(said, channels).astype(">i2").tobytes()
    stream = Stream(codecs.cut(data, rate // 100 * 2 * channels), rate // 100, milliseconds=10)
    heard, found, _ = rendered(tmp_path, stream, {"encoding": "L16", "rate": rate, "channels": channels})
    assert found == rate
    np.testing.assert_array_equal(heard, said)


def test_gsm_is_close_to_ffmpegs_decoder_and_to_what_was_said(tmp_path: Path) -> None:
    data = codecs.encode(speech(8000), 8000, "-c:a", "libgsm", "-f", "gsm")
    stream = Stream(codecs.cut(data, 33), 160, payload_type=3)
    heard, rate, _ = rendered(tmp_path, stream, {"encoding": "GSM", "rate": 8000})
    assert rate == 8000
    np.testing.assert_array_equal(heard, codecs.decode(data, 8000, "-f", "gsm"))
    late = codecs.delay(speech(8000), heard)
    assert late == 0
    assert codecs.snr_db(speech(8000), heard, late) > 8
    assert codecs.intelligibility(speech(8000), heard, late, 8000) > 0.93


def opus(*options: str) -> tuple[bytes, Stream]:
    data = codecs.encode(speech(48_000), 48_000, "-c:a", "libopus", "-b:a", "24k", *options, "-f", "opus")
    return data, Stream(codecs.ogg_packets(data), 960, payload_type=111)


OPUS = {"encoding": "opus", "rate": 48_000, "channels": 2}


def test_PAY_15_opus_is_what_ffmpegs_libopus_decodes(tmp_path: Path) -> None:
    data, stream = opus()
    heard, rate, document = rendered(tmp_path, stream, OPUS)
    assert (rate, document["streams"][0]["codecs"][0]["rendered"]) == (48_000, True)
    reference = codecs.decode(data, 48_000, "-c:a", "libopus")
    skipped = codecs.delay(reference, heard)
    assert skipped == 312  # the encoder's delay, which an Ogg file tells and RTP does not
    count = min(len(reference), len(heard) - skipped)
    difference = heard[skipped : skipped + count].astype(int) - reference[:count]
    assert np.abs(difference).max() <= 2
    assert codecs.delay(speech(48_000), heard) == pytest.approx(312, abs=8)
    assert codecs.intelligibility(speech(48_000), heard, 312, 48_000) > 0.97


def test_opus_packets_stand_in_an_ogg_file_as_they_came(tmp_path: Path) -> None:
    _, stream = opus()
    heard, _, document = rendered(tmp_path, stream, OPUS, lost=(50, 51, 52))
    row = document["streams"][0]["files"][0]
    assert (row["file"], row["reencoded"], row["starts_s"]) == ("stream-1.opus", False, 0.0)
    data = (tmp_path / "stream-1.opus").read_bytes()
    assert codecs.ogg_packets(data) == [*stream.payloads[:50], *stream.payloads[53:]]
    played, rate = soundfile.read(tmp_path / "stream-1.opus", dtype="float32")
    assert rate == 48_000
    np.testing.assert_allclose(played[: 50 * 960], heard[: 50 * 960] / 32_768, atol=2e-4)
    assert not heard[50 * 960 : 53 * 960].any()


def test_g723_1_is_what_ffmpeg_decodes(tmp_path: Path) -> None:
    pytest.importorskip("av", reason=NO_EXTRA)
    data = codecs.encode(speech(8000), 8000, "-c:a", "g723_1", "-b:a", "6.3k", "-f", "g723_1")
    stream = Stream(codecs.cut(data, 24), 240, 30, payload_type=4)
    heard, _, _ = rendered(tmp_path, stream, {"encoding": "G723", "rate": 8000})
    np.testing.assert_array_equal(heard, codecs.decode(data, 8000, "-f", "g723_1"))
    late = codecs.delay(speech(8000), heard)
    assert late == pytest.approx(60, abs=4)
    assert codecs.intelligibility(speech(8000), heard, late, 8000) > 0.92


def test_speex(tmp_path: Path) -> None:
    pytest.importorskip("av", reason=NO_EXTRA)
    for rate, delayed in ((8000, 80), (16_000, 223)):
        data = codecs.encode(speech(rate), rate, "-c:a", "libspeex", "-f", "ogg")
        stream = Stream(codecs.ogg_packets(data), rate // 50, payload_type=97)
        heard, found, _ = rendered(tmp_path, stream, {"encoding": "speex", "rate": rate})
        assert found == rate
        late = codecs.delay(speech(rate), heard)
        assert late == pytest.approx(delayed, abs=4)
        assert codecs.intelligibility(speech(rate), heard, late, rate) > 0.95


def amr_payload(frame: bytes, *, wideband: bool, aligned: bool) -> bytes:
    """One storage frame as an RTP payload (RFC 4867 sections 4.3 and 4.4)."""
    head, speech_bits = frame[0], frame[1:]
    if aligned:
        return bytes((0xF0, head)) + speech_bits
    size = (WIDE_BITS if wideband else NARROW_BITS)[head >> 3]
    bits = "1111" + f"0{head >> 3:04b}1" + "".join(f"{octet:08b}" for octet in speech_bits)[:size]
    bits += "0" * (-len(bits) % 8)
    return bytes(int(bits[at : at + 8], 2) for at in range(0, len(bits), 8))


NARROW_BITS = (95, 103, 118, 134, 148, 159, 204, 244)
WIDE_BITS = (132, 177, 253, 285, 317, 365, 397, 461, 477)


def amr_frames(data: bytes, sizes: tuple[int, ...]) -> list[bytes]:
    frames = []
    while data:
        size = 1 + -(-sizes[data[0] >> 3] // 8)
        frames.append(data[:size])
        data = data[size:]
    return frames


@pytest.mark.parametrize("aligned", [True, False])
def test_PAY_18_amr_in_both_packings(tmp_path: Path, aligned: bool) -> None:
    av = pytest.importorskip("av", reason=NO_EXTRA)
    encoder = av.codec.CodecContext.create("libopencore_amrnb", "w")
    encoder.sample_rate, encoder.layout, encoder.format = 8000, "mono", "s16"
    encoder.bit_rate = 12_200
    frames = []
    for at in range(0, len(speech(8000)) // 160 * 160, 160):
        frame = av.AudioFrame.from_ndarray(speech(8000)[np.newaxis, at : at + 160], "s16", "mono")
        frame.sample_rate = 8000
        frames += [bytes(packet) for packet in encoder.encode(frame)]
    payloads = [amr_payload(frame, wideband=False, aligned=aligned) for frame in frames]
    payload = {
        "encoding": "AMR",
        "rate": 8000,
        "fmtp": "octet-align=1; mode-change-period=2" if aligned else "",
    }
    heard, _, _ = rendered(tmp_path, Stream(payloads, 160), payload)
    reference = codecs.decode(b"#!AMR\n" + b"".join(frames), 8000, "-f", "amr")
    assert np.abs(heard.astype(int) - reference[: len(heard)]).max() <= 1
    late = codecs.delay(speech(8000), heard)
    assert late == pytest.approx(40, abs=4)
    assert codecs.intelligibility(speech(8000), heard, late, 8000) > 0.95


@pytest.mark.parametrize("aligned", [True, False])
def test_PAY_18_amr_wb_decodes_as_the_same_frames_in_a_file_do(tmp_path: Path, aligned: bool) -> None:
    """There is no free encoder: frames of chance show that each one reaches the decoder whole."""
    pytest.importorskip("av", reason=NO_EXTRA)
    random = np.random.default_rng(5)
    frames = []
    for kind in random.integers(0, 9, 200).tolist():
        bits = random.integers(0, 2, WIDE_BITS[kind]).tolist()
        octets = np.packbits(np.array(bits, np.uint8)).tobytes()
        frames.append(bytes((kind << 3 | 4,)) + octets)
    payloads = [amr_payload(frame, wideband=True, aligned=aligned) for frame in frames]
    payload = {"encoding": "AMR-WB", "rate": 16_000, "fmtp": f"octet-align={int(aligned)}"}
    heard, rate, _ = rendered(tmp_path, Stream(payloads, 320), payload)
    reference = codecs.decode(b"#!AMR-WB\n" + b"".join(frames), 16_000, "-f", "amr")
    assert rate == 16_000
    assert np.abs(heard.astype(int) - reference[: len(heard)]).max() <= 1


@pytest.mark.parametrize("aligned", [True, False])
def test_PAY_18_speech_through_amr_wb(tmp_path: Path, aligned: bool) -> None:
    pytest.importorskip("av", reason=NO_EXTRA)
    frames = codecs.amr_wb_frames(speech(16_000))
    payloads = [amr_payload(frame, wideband=True, aligned=aligned) for frame in frames]
    payload = {"encoding": "AMR-WB", "rate": 16_000, "fmtp": f"octet-align={int(aligned)}"}
    heard, _, _ = rendered(tmp_path, Stream(payloads, 320), payload)
    reference = codecs.decode(b"#!AMR-WB\n" + b"".join(frames), 16_000, "-f", "amr")
    assert np.abs(heard.astype(int) - reference[: len(heard)]).max() <= 1
    late = codecs.delay(speech(16_000), heard)
    assert late == pytest.approx(80, abs=40)
    assert codecs.intelligibility(speech(16_000), heard, late, 16_000) > 0.95


def test_PAY_04_speech_through_g729(tmp_path: Path) -> None:
    pytest.importorskip("av", reason=NO_EXTRA)
    data = b"".join(codecs.g729_frames(speech(8000)))
    stream = Stream(codecs.cut(data, 20), 160, payload_type=18)
    heard, _, _ = rendered(tmp_path, stream, {"encoding": "G729"})
    np.testing.assert_array_equal(heard, codecs.decode(data, 8000, "-f", "g729"))
    late = codecs.delay(speech(8000), heard)
    assert late == pytest.approx(40, abs=8)
    assert codecs.intelligibility(speech(8000), heard, late, 8000) > 0.9


def test_PAY_04_Q64_g729_that_stops_sending_in_silence_keeps_its_length(tmp_path: Path) -> None:
    """Annex B as a sender does it: descriptors of two octets, then nothing until somebody speaks again."""
    pytest.importorskip("av", reason=NO_EXTRA)
    pause = np.zeros(24_000, np.int16)
    said = np.concatenate([speech(8000), pause, speech(8000)])
    frames = codecs.g729_frames(said, annex_b=True)
    assert any(len(frame) == 2 for frame in frames)
    sent = [(n, frame) for n, frame in enumerate(frames) if frame]
    packets = [
        Rtp(n * 10, 100 + number, n * 80, frame, payload_type=18) for number, (n, frame) in enumerate(sent)
    ]
    builder = CaptureBuilder()
    builder.started()
    builder.rtp(builder.stream("1", {"18": {"encoding": "G729"}}), packets)
    builder.ended(30_000)
    result = render_recording(builder.write(tmp_path / "capture.pcapng"), tmp_path)
    heard = np.asarray(soundfile.read(tmp_path / "audio.wav", dtype="int16")[0], np.int16)
    row = json.loads(result.document.read_text())["streams"][0]
    assert (row["packets_broken"], row["packets_lost"]) == (0, 0)
    assert {gap["cause"] for gap in row["gaps"]} == {"silence"}
    again = len(speech(8000)) + len(pause)
    assert codecs.delay(speech(8000), heard[again:]) == pytest.approx(40, abs=8)
    assert codecs.intelligibility(speech(8000), heard[again:], 40, 8000) > 0.9
    assert np.abs(heard[again - 16_000 : again - 800].astype(int)).max() < 200


@pytest.mark.parametrize(("mode", "size", "ticks"), [(20, 38, 160), (30, 50, 240)])
def test_ilbc_decodes_as_the_same_frames_in_a_file_do(
    tmp_path: Path, mode: int, size: int, ticks: int
) -> None:
    pytest.importorskip("av", reason=NO_EXTRA)
    data = np.random.default_rng(6).integers(0, 256, size * 100, dtype=np.uint8).tobytes()
    data = b"".join(frame[:-1] + bytes((frame[-1] & 0xFE,)) for frame in codecs.cut(data, size))
    stream = Stream(codecs.cut(data, size), ticks, mode)
    heard, _, _ = rendered(tmp_path, stream, {"encoding": "iLBC", "rate": 8000, "fmtp": f"mode={mode}"})
    reference = codecs.decode(b"#!iLBC%d\n" % mode + data, 8000, "-f", "ilbc")
    assert len(heard) == 100 * ticks
    assert np.abs(heard.astype(int) - reference[: len(heard)]).max() <= 1


def test_PAY_04_q64_g729_with_silence_descriptors(tmp_path: Path) -> None:
    pytest.importorskip("av", reason=NO_EXTRA)
    data = np.random.default_rng(7).integers(0, 256, 2000, dtype=np.uint8).tobytes()
    frames = codecs.cut(data, 10)
    payloads = [frames[n] + frames[n + 1] for n in range(0, 200, 2)]
    payloads[50] = frames[100] + b"\x12\x34"
    heard, _, document = rendered(tmp_path, Stream(payloads, 160, payload_type=18), {"encoding": "G729"})
    without = b"".join(frames[:101] + frames[102:])
    reference = codecs.decode(without, 8000, "-f", "g729")
    np.testing.assert_array_equal(heard[: 101 * 80], reference[: 101 * 80])
    assert not heard[101 * 80 : 102 * 80].any()
    np.testing.assert_array_equal(heard[102 * 80 :], reference[101 * 80 :])
    assert document["streams"][0]["packets_broken"] == 0
