"""Recordings of several codecs and clocks: one rate, one time line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from siprecord.media.audio import encode_g711
from siprecord.render import RenderOptions, render_recording
from siprecord.render.codecs import choose
from siprecord.render.decoders import libav
from tests.support import codecs
from tests.support.capture_builder import CaptureBuilder, Rtp, Sender, codes, mu_samples
from tests.support.codecs import Stream, speech


def opus_stream() -> Stream:
    options = ("-c:a", "libopus", "-b:a", "24k", "-f", "opus")
    return Stream(codecs.ogg_packets(codecs.encode(speech(48_000), 48_000, *options)), 960, payload_type=111)


def l16(rate: int) -> Stream:
    data = speech(rate).astype(">i2").tobytes()
    return Stream(codecs.cut(data, rate // 50 * 2), rate // 50)


def test_streams_of_several_rates_line_up(tmp_path: Path) -> None:
    builder = CaptureBuilder()
    builder.started()
    for label, rate in (("1", 8000), ("2", 16_000), ("3", 48_000)):
        number = builder.stream(label, {"96": {"encoding": "L16", "rate": rate}})
        builder.rtp(number, l16(rate).rtp(at_ms=500 if label == "2" else 0))
    builder.ended(20_000)
    render_recording(builder.write(tmp_path / "capture.pcapng"), tmp_path)
    samples, rate = soundfile.read(tmp_path / "audio.wav", dtype="int16")
    low, middle, high = (np.asarray(samples[:, channel], np.int16) for channel in range(3))
    assert rate == 48_000
    np.testing.assert_array_equal(high[: len(speech(48_000))], speech(48_000))
    assert codecs.delay(high, low) == 0
    assert codecs.delay(high, middle, 30_000) == 24_000
    assert not middle[:23_900].any()


def test_Q66_a_codec_change_in_mid_stream_keeps_its_place(tmp_path: Path) -> None:
    """G.711, then G.722, then G.711: one clock, two sample rates."""
    data = codecs.encode(speech(16_000), 16_000, "-c:a", "g722", "-f", "g722")[: 100 * 160]
    said = encode_g711(speech(8000)[:16_000].tobytes(), "pcmu")
    builder = CaptureBuilder()
    builder.started()
    stream = builder.stream("1", {"0": {"encoding": "PCMU", "rate": 8000}, "9": {"encoding": "G722"}})
    sender = Sender()
    packets = sender.send(said[: 50 * 160])
    sender.payload_type = 9
    packets += sender.send(data)
    sender.payload_type = 0
    packets += sender.send(said[50 * 160 :])
    builder.rtp(stream, packets)
    builder.ended()
    render_recording(builder.write(tmp_path / "capture.pcapng"), tmp_path)
    samples, rate = soundfile.read(tmp_path / "audio.wav", dtype="int16")
    assert (rate, len(samples)) == (16_000, 64_000)
    wide = np.asarray(samples[17_000:47_000], np.int16)
    np.testing.assert_array_equal(wide, codecs.decode(data, 16_000, "-f", "g722")[1000:31_000])
    for heard, sent in (
        (samples[:15_800:2], mu_samples(said)[:7900]),
        (samples[48_200::2], mu_samples(said)[8100:]),
    ):
        assert codecs.snr_db(sent, np.asarray(heard, np.int16), 0) > 30


def test_Q66_a_change_of_clock_in_mid_stream(tmp_path: Path) -> None:
    opus, said = opus_stream(), codes(1, 100)
    builder = CaptureBuilder()
    builder.started()
    stream = builder.stream("1", {"0": {"encoding": "PCMU"}, "111": {"encoding": "opus", "rate": 48_000}})
    sender = Sender(ssrc=0x1234)
    packets = sender.send(said)
    opus_packets = [
        Rtp(2000 + 20 * n, 200 + n, 77_000 + 960 * n, payload, 0x1234, 111)
        for n, payload in enumerate(opus.payloads[:100])
    ]
    builder.rtp(stream, packets, opus_packets)
    builder.ended()
    result = render_recording(builder.write(tmp_path / "capture.pcapng"), tmp_path)
    document = json.loads(result.document.read_text())
    samples, rate = soundfile.read(tmp_path / "audio.wav", dtype="int16")
    assert (rate, len(samples)) == (48_000, 4 * 48_000)
    assert document["streams"][0]["gaps"] == []
    assert document["streams"][0]["packets_lost"] == 0
    assert document["streams"][0]["files"][0]["starts_s"] == 2.0
    assert codecs.delay(speech(48_000)[:90_000], np.asarray(samples[96_000:], np.int16)) == pytest.approx(
        312, abs=8
    )


def test_a_payload_type_that_gets_another_meaning_keeps_the_old_one_for_what_came_before(
    tmp_path: Path,
) -> None:
    """Against RFC 3264 section 8.3.2, and seen all the same: the number is reused in a re-INVITE."""
    meanings = [{"96": {"encoding": name, "rate": 8000}} for name in ("PCMA", "PCMU", "L16", "PCMA")]
    pcm = speech(8000)[: 50 * 160]
    forms = [
        encode_g711(pcm.tobytes(), "pcma"),
        encode_g711(pcm.tobytes(), "pcmu"),
        pcm.astype(">i2").tobytes(),
    ]
    builder = CaptureBuilder()
    builder.started()
    stream = builder.stream("1", meanings[0])
    for turn, data in enumerate([*forms, forms[0]]):
        if turn:
            builder.event("stream.updated", turn * 1000 - 5, interface=stream, payloads=meanings[turn])
        size = len(data) // 50
        packets = [
            Rtp(turn * 1000 + n * 20, turn * 50 + n, (turn * 50 + n) * 160, data[n * size : (n + 1) * size],
                payload_type=96)
            for n in range(50)
        ]  # fmt: skip
        builder.rtp(stream, packets)
    builder.ended()
    render_recording(builder.write(tmp_path / "capture.pcapng"), tmp_path)
    samples, _ = soundfile.read(tmp_path / "audio.wav", dtype="int16")
    parts = np.asarray(samples, np.int16).reshape(4, -1)
    np.testing.assert_array_equal(parts[2], pcm)
    np.testing.assert_array_equal(parts[3], parts[0])
    assert all(codecs.snr_db(pcm, parts[turn], 0) > 30 for turn in (0, 1))
    row = json.loads((tmp_path / "metadata.json").read_text())["streams"][0]
    told = [(codec["payload_type"], codec["encoding"], codec["packets"]) for codec in row["codecs"]]
    assert sorted(told) == [(96, "L16", 50), (96, "PCMA", 50), (96, "PCMA", 50), (96, "PCMU", 50)]


def test_payloads_that_break_their_format_are_counted_and_silent(tmp_path: Path) -> None:
    stream = opus_stream()
    payloads = list(stream.payloads[:100])
    payloads[40] = b"\xfb\x00"
    builder = CaptureBuilder()
    builder.started()
    number = builder.stream("1", {"111": {"encoding": "opus", "rate": 48_000}})
    builder.rtp(number, Stream(payloads, 960, payload_type=111).rtp())
    builder.ended()
    result = render_recording(builder.write(tmp_path / "capture.pcapng"), tmp_path)
    document = json.loads(result.document.read_text())
    samples, _ = soundfile.read(tmp_path / "audio.wav", dtype="int16")
    assert document["streams"][0]["packets_broken"] == 1
    assert "1 packets do not keep to the format" in document["deviations"][0]["text"]
    assert not samples[40 * 960 : 41 * 960].any()


def test_PAY_22_without_the_extra_a_stream_is_kept_and_the_extra_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(libav, "available", lambda codec: False)
    builder = CaptureBuilder()
    builder.started()
    number = builder.stream("1", {"18": {"encoding": "G729", "rate": 8000}})
    builder.rtp(number, Stream([bytes(20)] * 50, 160, payload_type=18).rtp())
    builder.ended()
    result = render_recording(builder.write(tmp_path / "capture.pcapng"), tmp_path)
    document = json.loads(result.document.read_text())
    assert result.audio is None
    [row] = document["streams"][0]["codecs"]
    assert (row["rendered"], row["reason"]) == (False, "G.729 needs the extra siprecord[codecs]")
    assert "needs the extra siprecord[codecs]" in document["deviations"][0]["text"]


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"encoding": None, "rate": "x"},
        {"encoding": "EVS", "rate": 16_000},
        {"encoding": "L16", "rate": 0},
        {"encoding": "L16", "rate": 1 << 40},
        {"encoding": "L16", "rate": 96_000},
        {"encoding": "L16", "channels": 99},
        {"encoding": "PCMU", "rate": 16_000},
        {"encoding": "AMR", "rate": 8000, "fmtp": "octet-align=1; interleaving=30"},
        {"encoding": "speex", "rate": 11_025},
    ],
)
def test_what_is_not_understood_is_not_rendered_and_has_a_reason(values: dict[str, object]) -> None:
    choice = choose(values)
    assert (choice.codec, choice.rendered) == ("foreign", False)
    assert choice.reason


@pytest.mark.parametrize("kind", ["g711", "opus"])
def test_all_formats_streams_mono_and_peaks(tmp_path: Path, kind: str) -> None:
    builder = CaptureBuilder()
    builder.started()
    for label in ("1", "a/b"):
        if kind == "opus":
            number = builder.stream(label, {"111": {"encoding": "opus", "rate": 48_000}})
            builder.rtp(number, opus_stream().rtp())
        else:
            builder.rtp(builder.stream(label), Sender().send(codes(1, 200)))
    builder.ended(20_000)
    options = RenderOptions(formats=("wav", "flac", "opus", "mp3"), per_stream=True, mono=True, peaks=True)
    result = render_recording(builder.write(tmp_path / "capture.pcapng"), tmp_path, options)
    document = json.loads(result.document.read_text())
    audio = document["audio"]
    assert [row["file"] for row in audio["files"]] == [
        f"{name}.{ending}" for name in ("audio", "mono") for ending in ("wav", "flac", "opus", "mp3")
    ]
    wav, rate = soundfile.read(tmp_path / "audio.wav", dtype="int16")
    flac, _ = soundfile.read(tmp_path / "audio.flac", dtype="int16")
    np.testing.assert_array_equal(wav, flac)
    for name in ("audio.opus", "audio.mp3", "mono.opus", "stream-a_b.opus", "stream-1.mp3"):
        assert soundfile.info(tmp_path / name).duration == pytest.approx(audio["duration_s"], abs=0.2), name
    mono, _ = soundfile.read(tmp_path / "mono.wav", dtype="int16")
    np.testing.assert_array_equal(mono, np.clip(wav.astype(int).sum(axis=1), -32_768, 32_767))
    one, _ = soundfile.read(tmp_path / "stream-a_b.wav", dtype="int16")
    np.testing.assert_array_equal(one, wav[:, 1])
    assert {row["reencoded"] for row in document["streams"][0]["files"] if row["format"] == "opus"} == {
        kind != "opus"
    }
    peaks = json.loads((tmp_path / "peaks.json").read_text())
    assert (peaks["channels"], peaks["samples_per_pixel"], peaks["bits"]) == (2, rate // 100, 16)
    assert len(peaks["data"]) == peaks["length"] * 4
    window = wav[: rate // 100]
    assert peaks["data"][:4] == [
        window[:, 0].min(),
        window[:, 0].max(),
        window[:, 1].min(),
        window[:, 1].max(),
    ]


def test_concealment_only_when_asked_and_listed(tmp_path: Path) -> None:
    builder = CaptureBuilder()
    builder.started()
    packets = Sender().send(codes(1, 100))
    builder.rtp(builder.stream("1"), packets[:30] + packets[40:60] + packets[61:])
    builder.ended()
    capture = builder.write(tmp_path / "capture.pcapng")
    render_recording(capture, tmp_path)
    exact, _ = soundfile.read(tmp_path / "audio.wav", dtype="int16")
    result = render_recording(capture, tmp_path, RenderOptions(conceal=True))
    filled, _ = soundfile.read(tmp_path / "audio.wav", dtype="int16")
    row = json.loads(result.document.read_text())["streams"][0]
    assert row["concealed"] == [{"start_s": 0.6, "end_s": 0.66}, {"start_s": 1.2, "end_s": 1.22}]
    changed = np.flatnonzero(exact != filled)
    assert changed.min() >= 4800
    assert all(4800 <= at < 5280 or 9600 <= at < 9760 for at in changed)
    np.testing.assert_allclose(filled[4800:4810], exact[4640:4650], rtol=0.05, atol=3)
    assert np.abs(filled[5270:5280]).max() < 600
    assert not exact[4800:6400].any()


_ANY = {
    str(number): {"encoding": encoding, "rate": rate, "fmtp": fmtp}
    for number, (encoding, rate, fmtp) in enumerate(
        (
            ("opus", 48_000, ""),
            ("GSM", 8000, ""),
            ("G722", 8000, ""),
            ("L16", 16_000, ""),
            ("G729", 8000, ""),
            ("G723", 8000, ""),
            ("iLBC", 8000, "mode=20"),
            ("AMR", 8000, ""),
            ("AMR-WB", 16_000, "octet-align=1"),
            ("speex", 16_000, ""),
        ),
        start=96,
    )
}


@settings(max_examples=40, deadline=None)
@given(
    rows=st.lists(
        st.tuples(st.integers(96, 105), st.binary(max_size=80), st.integers(0, 2), st.integers(0, 4000)),
        max_size=25,
    )
)
def test_any_payloads_in_any_codec_are_rendered(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[int, bytes, int, int]]
) -> None:
    folder = tmp_path_factory.mktemp("any")
    builder = CaptureBuilder()
    builder.started()
    packets = [
        Rtp(20 * n, n, jump * 160 + n * 320, payload, ssrc, kind)
        for n, (kind, payload, ssrc, jump) in enumerate(rows)
    ]
    builder.rtp(builder.stream("1", _ANY), packets)
    builder.ended()
    result = render_recording(builder.write(folder / "capture.pcapng"), folder)
    document = json.loads(result.document.read_text())
    if result.audio is not None:
        samples, rate = soundfile.read(result.audio, dtype="int16")
        assert (rate, len(samples)) == (document["audio"]["sample_rate"], document["audio"]["frames"])
