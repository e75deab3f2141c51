"""What the engine tells of its streams."""

from __future__ import annotations

import select
from pathlib import Path

import pytest

from siprecord.media import MediaEngine, MediaSettings
from siprecord.media.engine import _clock_rates
from tests.media.capture import SENDER_REPORT, SPEC, Sender, rtp
from tests.support.patience import wait_until


def test_reports_on_the_media_port_are_told_apart(
    slow_engine: MediaEngine, sender: Sender, tmp_path: Path
) -> None:
    log = slow_engine.open_log(tmp_path / "a.pcapng")
    stream = log.open_stream(SPEC)
    sender.send(stream.rtp_port, rtp(1), SENDER_REPORT, rtp(2))
    log.close()
    stats = stream.stats()
    assert (stats.packets, stats.rtcp_packets, stats.other_packets) == (2, 1, 0)


def test_statistics_follow_the_sequence_numbers(
    slow_engine: MediaEngine, sender: Sender, tmp_path: Path
) -> None:
    log = slow_engine.open_log(tmp_path / "a.pcapng")
    stream = log.open_stream(SPEC)
    assert stream.stats().ssrc is None
    sender.send(stream.rtp_port, *(rtp(number) for number in (65_534, 65_535, 65_537, 65_536, 65_540)))
    log.flush()
    stats = stream.stats()
    assert (stats.packets, stats.received, stats.expected, stats.lost) == (5, 5, 7, 2)
    assert (stats.bytes, stats.ssrc, stats.sources) == (5 * 172, 0x1234, 1)
    assert 0 < stats.first_arrival_ns <= stats.last_arrival_ns
    log.close()
    assert stream.stats() == stats


def test_no_notices_and_nothing_readable_in_peace(engine: MediaEngine, tmp_path: Path) -> None:
    engine.open_log(tmp_path / "a.pcapng").close()
    assert engine.drain_notices() == []
    assert select.select([engine], [], [], 0)[0] == []


@pytest.mark.parametrize(
    ("payloads", "rates"),
    [
        ({"0": {"rate": 8000}, "96": {"rate": 48000}}, [(0, 8000), (96, 48000)]),
        ({"x": {"rate": 1}, "200": {"rate": 1}, "5": 3, "6": {"rate": -1}, "7": {"rate": "8"}}, []),
        (
            {"9": {"encoding": "G722", "rate": 16000}, "96": {"encoding": "opus", "rate": 8000}},
            [(9, 8000), (96, 48000)],
        ),
        (None, []),
        ([1, 2], []),
    ],
)
def test_clock_rates_are_read_leniently(payloads: object, rates: list[tuple[int, int]]) -> None:
    assert _clock_rates({"payloads": payloads}) == rates


def test_a_codec_that_a_later_offer_brings_is_counted_by_its_own_clock(
    engine: MediaEngine, sender: Sender, tmp_path: Path
) -> None:
    log = engine.open_log(tmp_path / "a.pcapng")
    stream = log.open_stream(SPEC)
    stream.expect_payloads({"0": {"encoding": "L16", "rate": 16_000}})
    sender.send(stream.rtp_port, *(rtp(number) for number in range(3)))
    wait_until(lambda: stream.stats().packets == 3)
    assert stream.stats().clock_rate == 16_000
    log.close()


def test_the_level_and_the_order_of_g711_are_seen_while_it_comes(
    engine: MediaEngine, sender: Sender, tmp_path: Path
) -> None:
    log = engine.open_log(tmp_path / "a.pcapng")
    stream = log.open_stream(SPEC)
    loud, quiet = bytes([0x80]) * 160, bytes([0xFF]) * 160
    assert stream.stats().level_dbov is None

    sender.send(stream.rtp_port, *(rtp(number, loud) for number in range(50)))
    wait_until(lambda: stream.stats().packets == 50)
    stats = stream.stats()
    assert stats.level_dbov is not None
    assert stats.level_dbov > -1
    assert (stats.payload_type, stats.clock_rate, stats.reordered) == (0, 8000, 0)
    assert stats.first_arrival_ns <= stats.last_sound_ns <= stats.last_arrival_ns
    sender.send(stream.rtp_port, rtp(52, quiet), rtp(51, quiet))
    wait_until(lambda: stream.stats().packets == 52)
    assert stream.stats().reordered == 1
    log.close()


def test_one_busy_stream_does_not_starve_the_others(sender: Sender, tmp_path: Path) -> None:
    engine = MediaEngine(
        MediaSettings(bind_address="127.0.0.1", drain_interval_ms=20, threads=1, receive_buffer=8 << 20)
    )
    busy = engine.open_log(tmp_path / "busy.pcapng").open_stream(SPEC)
    quiet_log = engine.open_log(tmp_path / "quiet.pcapng")
    quiet = quiet_log.open_stream(SPEC)
    for sequence in range(20_000):
        sender.send(busy.rtp_port, rtp(sequence, b"x" * 20))
        if sequence % 100 == 0:
            sender.send(quiet.rtp_port, rtp(sequence))
    wait_until(lambda: quiet.stats().packets == 200)
    wait_until(lambda: busy.stats().packets + busy.stats().lost == 20_000)
    assert busy.stats().lost == busy.stats().dropped_kernel
    quiet_log.close()
    engine.close()
