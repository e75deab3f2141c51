"""Samples in their exact places, and exact counts, for everything a sender may do."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from siprecord.errors import MediaError
from siprecord.media.audio import AudioRenderer, Gap, StreamPlan, decode_g711, encode_g711
from tests.support.capture_builder import (
    MILLISECOND,
    PACKET,
    SECOND,
    START_NS,
    CaptureBuilder,
    Rtp,
    Samples,
    Sender,
    codes,
    mu_samples,
)


def render(
    builder: CaptureBuilder, path: Path, *plans: StreamPlan, frames: int = 65_536
) -> tuple[AudioRenderer, Samples]:
    renderer = AudioRenderer(builder.write(path / "capture.pcapng"), plans or (StreamPlan(1),))
    pcm = np.frombuffer(b"".join(renderer.blocks(frames)), dtype="<i2").reshape(-1, renderer.channels)
    assert len(pcm) == renderer.frames
    return renderer, pcm.T


def one_stream(path: Path, packets: Sequence[Rtp], **plan: object) -> tuple[AudioRenderer, Samples]:
    builder = CaptureBuilder()
    builder.rtp(builder.stream("1"), packets)
    renderer, channels = render(builder, path, StreamPlan(1, **plan))  # type: ignore[arg-type]
    return renderer, channels[0]


def silence(packets: int) -> Samples:
    return np.zeros(packets * PACKET, dtype=np.int16)


def test_one_steady_stream_is_bit_exact(tmp_path: Path) -> None:
    sent = codes(1, 250)
    renderer, heard = one_stream(tmp_path, Sender().send(sent))
    np.testing.assert_array_equal(heard, mu_samples(sent))
    report = renderer.reports[0]
    assert (report.received, report.unique, report.lost, report.duplicated) == (250, 250, 0, 0)
    assert (report.reordered, report.segments, report.gaps) == (0, 1, ())
    assert renderer.origin_ns == START_NS
    assert report.last_arrival_ns == START_NS + 249 * 20 * MILLISECOND


@pytest.mark.parametrize("frames", [1, 7, 159, 160, 161, 8000, 1_000_000])
def test_chunks_of_any_size_give_the_same_audio(tmp_path: Path, frames: int) -> None:
    sent = codes(2, 20)
    builder = CaptureBuilder()
    builder.rtp(builder.stream("1"), Sender().send(sent))
    builder.rtp(builder.stream("2"), Sender(at_ms=30).send(sent))
    _, channels = render(builder, tmp_path, StreamPlan(1), StreamPlan(2), frames=frames)
    np.testing.assert_array_equal(channels[0], np.concatenate([mu_samples(sent), np.zeros(240, np.int16)]))
    np.testing.assert_array_equal(channels[1], np.concatenate([np.zeros(240, np.int16), mu_samples(sent)]))


def test_RTP_04_lost_packets_are_exact_silence_of_exact_length(tmp_path: Path) -> None:
    sent = codes(3, 100)
    packets = Sender().send(sent)
    kept = [*packets[:10], *packets[11:50], *packets[55:]]
    renderer, heard = one_stream(tmp_path, kept)
    expected = mu_samples(sent).copy()
    expected[10 * PACKET : 11 * PACKET] = 0
    expected[50 * PACKET : 55 * PACKET] = 0
    np.testing.assert_array_equal(heard, expected)
    assert (renderer.reports[0].lost, renderer.reports[0].unique) == (6, 94)
    assert renderer.reports[0].gaps == (Gap(1600, 1760, "network"), Gap(8000, 8800, "network"))


def test_RTP_03_duplicates_and_reordering_leave_the_audio_as_sent(tmp_path: Path) -> None:
    sent = codes(4, 100)
    packets = Sender().send(sent)
    copies = [packet.late(3) for packet in packets[::10]]
    packets[20] = packets[20].late(45)
    packets[60] = packets[60].late(900)
    renderer, heard = one_stream(tmp_path, [*packets, *copies])
    np.testing.assert_array_equal(heard, mu_samples(sent))
    report = renderer.reports[0]
    assert (report.received, report.unique, report.duplicated, report.lost) == (110, 100, 10, 0)
    assert report.segments == 1


def test_RTP_05_sequence_and_timestamp_wrap(tmp_path: Path) -> None:
    sent = codes(5, 200)
    renderer, heard = one_stream(tmp_path, Sender(sequence=65_500, timestamp=2**32 - 4000).send(sent))
    np.testing.assert_array_equal(heard, mu_samples(sent))
    assert (renderer.reports[0].lost, renderer.reports[0].segments) == (0, 1)


def test_a_stream_that_starts_later_keeps_its_distance(tmp_path: Path) -> None:
    first, second = codes(6, 250), codes(7, 50)
    builder = CaptureBuilder()
    builder.rtp(builder.stream("1"), Sender(at_ms=500).send(first))
    builder.rtp(builder.stream("2"), Sender(at_ms=3500, ssrc=9, timestamp=77).send(second))
    renderer, channels = render(builder, tmp_path, StreamPlan(1), StreamPlan(2))
    np.testing.assert_array_equal(channels[0], mu_samples(first))
    np.testing.assert_array_equal(channels[1][24_000:32_000], mu_samples(second))
    assert not channels[1][:24_000].any()
    assert not channels[1][32_000:].any()
    assert renderer.origin_ns == START_NS + 500 * MILLISECOND
    assert renderer.reports[1].gaps == (Gap(0, 24_000, "before_start"), Gap(32_000, 40_000, "after_end"))


def test_RTP_07_an_ssrc_change_goes_on_at_its_own_arrival(tmp_path: Path) -> None:
    first, second = codes(8, 100), codes(9, 100)
    packets = Sender().send(first) + Sender(ssrc=5, sequence=9, timestamp=1, at_ms=2060).send(second)
    renderer, heard = one_stream(tmp_path, packets)
    np.testing.assert_array_equal(heard, np.concatenate([mu_samples(first), silence(3), mu_samples(second)]))
    report = renderer.reports[0]
    assert (report.ssrc_changes, report.lost, report.unique, report.segments) == (1, 0, 200, 2)
    assert report.gaps == (Gap(16_000, 16_480, "new_source"),)


@pytest.mark.parametrize("jump", [2**31, 10**6, -(10**6), 80_000])
def test_RTP_06_a_timestamp_reset_is_bounded(tmp_path: Path, jump: int) -> None:
    sent = codes(10, 200)
    sender = Sender(timestamp=2_000_000)
    packets = sender.send(sent[:16_000])
    sender.timestamp += jump
    packets += sender.send(sent[16_000:])
    renderer, heard = one_stream(tmp_path, packets)
    np.testing.assert_array_equal(heard, mu_samples(sent))
    assert (renderer.reports[0].lost, renderer.reports[0].segments) == (0, 2)


@pytest.mark.parametrize("running", [True, False])
def test_RSDP_12_a_hold_keeps_its_true_length(tmp_path: Path, running: bool) -> None:
    first, second = codes(11, 100), codes(12, 100)
    sender = Sender()
    packets = sender.send(first)
    sender.at_ms += 5000
    sender.timestamp += 40_000 if running else 0
    packets += sender.send(second)
    hold = ((START_NS + 2 * SECOND, START_NS + 7 * SECOND, "hold"),)
    renderer, heard = one_stream(tmp_path, packets, silences=hold)
    np.testing.assert_array_equal(
        heard, np.concatenate([mu_samples(first), silence(250), mu_samples(second)])
    )
    assert renderer.reports[0].gaps == (Gap(16_000, 56_000, "hold"),)
    assert (renderer.reports[0].lost, renderer.reports[0].segments) == (0, 1 if running else 2)
    unexplained, _ = one_stream(tmp_path, packets)
    assert unexplained.reports[0].gaps == (Gap(16_000, 56_000, "silence"),)


def test_what_a_pause_withholds_is_not_lost(tmp_path: Path) -> None:
    sent = codes(24, 500)
    packets = Sender().send(sent)
    kept = [*packets[:100], *packets[350:400], *packets[405:]]
    pause = ((START_NS + 1990 * MILLISECOND, START_NS + 6995 * MILLISECOND, "pause"),)
    renderer, heard = one_stream(tmp_path, kept, silences=pause)
    expected = mu_samples(sent).copy()
    expected[100 * PACKET : 350 * PACKET] = 0
    expected[400 * PACKET : 405 * PACKET] = 0
    np.testing.assert_array_equal(heard, expected)
    report = renderer.reports[0]
    assert (report.withheld, report.lost, report.unique) == (250, 5, 245)
    assert report.gaps == (Gap(16_000, 56_000, "pause"), Gap(64_000, 64_800, "network"))


def test_three_streams_with_different_packet_lengths(tmp_path: Path) -> None:
    builder = CaptureBuilder()
    sent = [codes(seed, 30) for seed in (13, 14, 15)]
    for data, size in zip(sent, (80, 160, 240), strict=True):
        sender = Sender(ssrc=size)
        packets = [sender.one(data[at : at + size]) for at in range(0, len(data), size)]
        builder.rtp(builder.stream(str(size)), packets)
    _, channels = render(builder, tmp_path, StreamPlan(1), StreamPlan(2), StreamPlan(3))
    for channel, data in zip(channels, sent, strict=True):
        np.testing.assert_array_equal(channel, mu_samples(data))


def test_both_laws_in_one_stream(tmp_path: Path) -> None:
    mu, a = codes(16, 50), codes(17, 50)
    sender = Sender()
    packets = sender.send(mu)
    sender.payload_type = 8
    renderer, heard = one_stream(tmp_path, packets + sender.send(a))
    a_samples = np.frombuffer(decode_g711(a, "pcma"), dtype="<i2")
    np.testing.assert_array_equal(heard, np.concatenate([mu_samples(mu), a_samples]))
    assert renderer.reports[0].payload_types == ((0, 50), (8, 50))


def test_an_unknown_codec_is_counted_and_silent(tmp_path: Path) -> None:
    builder = CaptureBuilder()
    sent = codes(18, 100)
    builder.rtp(builder.stream("1"), Sender().send(sent))
    foreign = Sender(payload_type=18, ssrc=2)
    builder.rtp(builder.stream("2"), [replace(rtp, payload=rtp.payload[:20]) for rtp in foreign.send(sent)])
    renderer, channels = render(builder, tmp_path, StreamPlan(1), StreamPlan(2))
    np.testing.assert_array_equal(channels[0], mu_samples(sent))
    assert not channels[1].any()
    assert (renderer.reports[1].unique, renderer.reports[1].payload_types) == (100, ((18, 100),))
    assert renderer.reports[1].gaps == (Gap(0, 16_000, "not_rendered"),)


def test_telephone_events_and_comfort_noise_are_no_audio(tmp_path: Path) -> None:
    sent = codes(19, 100)
    packets = Sender().send(sent)
    held = packets[40].timestamp
    packets[40:50] = [
        replace(p, payload=b"\1\n\0\xa0", payload_type=101, timestamp=held) for p in packets[40:50]
    ]
    packets[70] = replace(packets[70], payload=b"\x40", payload_type=13)
    renderer, heard = one_stream(tmp_path, packets, codecs={101: "signal"})
    expected = mu_samples(sent).copy()
    expected[6400:8000] = 0
    expected[11_200:11_360] = 0
    np.testing.assert_array_equal(heard, expected)
    assert renderer.reports[0].gaps == (Gap(6400, 8000, "silence"), Gap(11_200, 11_360, "silence"))
    assert renderer.reports[0].lost == 0


def test_a_wrong_payload_map_is_obeyed_and_an_absent_one_is_guessed(tmp_path: Path) -> None:
    sent = codes(20, 10)
    _, as_a = one_stream(tmp_path, Sender().send(sent), codecs={0: "pcma"})
    np.testing.assert_array_equal(as_a, np.frombuffer(decode_g711(sent, "pcma"), dtype="<i2"))
    renderer, _ = one_stream(tmp_path, Sender().send(sent), codecs={0: "foreign"})
    assert renderer.frames == 0
    dynamic = Sender(payload_type=96).send(sent)
    renderer, heard = one_stream(tmp_path, dynamic, codecs={96: "pcmu"})
    np.testing.assert_array_equal(heard, mu_samples(sent))


def test_rtcp_and_garbage_are_told_apart(tmp_path: Path) -> None:
    builder = CaptureBuilder()
    stream = builder.stream("1")
    sent = codes(21, 10)
    builder.rtp(stream, Sender().send(sent))
    builder.datagram(stream, 50, struct.pack(">BBHI", 0x80, 200, 6, 0x1234) + bytes(20))
    builder.datagram(stream, 60, b"\x80")
    builder.datagram(stream, 70, b"GET / HTTP/1.1\r\n\r\n")
    builder.blocks.append(b"")
    renderer, channels = render(builder, tmp_path)
    np.testing.assert_array_equal(channels[0], mu_samples(sent))
    report = renderer.reports[0]
    assert (report.received, report.rtcp_packets, report.malformed) == (10, 1, 2)


def test_padding_extension_and_csrc_are_not_audio(tmp_path: Path) -> None:
    builder = CaptureBuilder()
    stream = builder.stream("1")
    sent = codes(22, 1)
    head = struct.pack(">BBHII", 0x80 | 0x20 | 0x10 | 2, 0, 1, 160, 7) + bytes(8)
    extension = struct.pack(">HHI", 0xBEDE, 1, 0)
    builder.datagram(stream, 0, head + extension + sent + b"\0\0\0\4", ipv6=True)
    _, channels = render(builder, tmp_path)
    np.testing.assert_array_equal(channels[0], mu_samples(sent))


def test_an_empty_log_and_one_without_packets_give_no_audio(tmp_path: Path) -> None:
    renderer, _ = render(CaptureBuilder(), tmp_path)
    assert (renderer.frames, renderer.reports[0].received) == (0, 0)
    renderer, _ = render(CaptureBuilder(blocks=[]), tmp_path)
    assert renderer.read(100) == b""


def test_time_stamps_beyond_reason_do_not_make_a_huge_file(tmp_path: Path) -> None:
    sent = codes(23, 10)
    packets = Sender().send(sent)
    packets[5] = packets[5].late(1e12)
    renderer, heard = one_stream(tmp_path, packets)
    assert len(heard) == 1600
    assert renderer.reports[0].malformed == 1


def test_a_file_that_is_not_there_is_named() -> None:
    with pytest.raises(MediaError, match=r"can't read /nowhere/x\.pcapng"):
        AudioRenderer("/nowhere/x.pcapng", [StreamPlan(1)])


@pytest.mark.parametrize(("law", "subtype"), [("pcmu", "ULAW"), ("pcma", "ALAW")])
def test_g711_agrees_with_libsndfile(tmp_path: Path, law: str, subtype: str) -> None:
    every = bytes(range(256))
    raw = tmp_path / "all.raw"
    raw.write_bytes(every)
    theirs, _ = soundfile.read(raw, dtype="int16", format="RAW", subtype=subtype, samplerate=8000, channels=1)
    ours = decode_g711(every, law)  # type: ignore[arg-type]
    np.testing.assert_array_equal(np.frombuffer(ours, dtype="<i2"), theirs)
    again = encode_g711(ours, law)  # type: ignore[arg-type]
    assert decode_g711(again, law) == ours  # type: ignore[arg-type]
    assert [code for code in every if again[code] != code] == ([0x7F] if law == "pcmu" else [])
