"""Whom a stream follows, and what it tells of that: FIELD Q62 and Q63, CONFORMANCE 4G."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from siprecord.errors import MediaError
from siprecord.media import MediaEngine, StreamSpec
from tests.media import capture
from tests.media.capture import SPEC, Sender, rtp


@pytest.fixture
def stranger() -> Iterator[Sender]:
    stranger = Sender()
    yield stranger
    stranger.close()


def address(sender: Sender) -> str:
    return f"{sender.address[0]}:{sender.address[1]}"


def test_RTP_08_the_first_packet_is_stored_and_counted(
    slow_engine: MediaEngine, sender: Sender, tmp_path: Path
) -> None:
    path = tmp_path / "a.pcapng"
    log = slow_engine.open_log(path)
    stream = log.open_stream(SPEC)
    sender.send(stream.rtp_port, rtp(1))
    log.flush()
    stats = stream.stats()
    assert (stats.packets, stats.strays, stats.ssrc, stats.source) == (1, 1, None, None)
    sender.send(stream.rtp_port, rtp(2))
    log.close()
    stats = stream.stats()
    assert (stats.packets, stats.received, stats.strays) == (2, 2, 0)
    assert (stats.ssrc, stats.source, stats.source_changes) == (0x1234, sender.address, 0)
    first = capture.datagrams(path)[0]
    (event,) = capture.events(path)
    assert event.pop("time_ns") > event["since_ns"]
    assert event == {
        "event": "stream.source_followed",
        "interface": 1,
        "address": address(sender),
        "ssrc": 0x1234,
        "since_ns": first.time_ns,
        "before": None,
    }
    assert slow_engine.drain_notices() == []


def test_Q62_a_stray_first_packet_does_not_lock_a_stream(
    slow_engine: MediaEngine, sender: Sender, stranger: Sender, tmp_path: Path
) -> None:
    log = slow_engine.open_log(tmp_path / "a.pcapng")
    stream = log.open_stream(SPEC)
    stranger.send(stream.rtp_port, rtp(9, ssrc=9))
    sender.send(stream.rtp_port, *map(rtp, range(50)))
    log.close()
    stats = stream.stats()
    assert (stats.packets, stats.received, stats.lost, stats.strays) == (51, 50, 0, 1)
    assert (stats.source, stats.source_changes) == (sender.address, 0)
    assert len(capture.datagrams(tmp_path / "a.pcapng")) == 51


def test_Q62_a_change_of_ssrc_is_followed_counted_and_told(
    slow_engine: MediaEngine, sender: Sender, tmp_path: Path
) -> None:
    path = tmp_path / "a.pcapng"
    log = slow_engine.open_log(path)
    stream = log.open_stream(SPEC)
    sender.send(stream.rtp_port, *map(rtp, range(50)))
    sender.send(stream.rtp_port, *(rtp(number, ssrc=0x9999) for number in range(900, 950)))
    log.close()
    stats = stream.stats()
    assert (stats.received, stats.expected, stats.strays) == (100, 100, 0)
    assert (stats.ssrc, stats.source_changes) == (0x9999, 1)
    (notice,) = slow_engine.drain_notices()
    assert (notice.kind, notice.interface, notice.recording) == ("source_changed", 1, str(path))
    who = address(sender)
    assert notice.text == (f"interface 1 now follows {who} (SSRC 0x00009999), before {who} (SSRC 0x00001234)")
    event = capture.events(path)[1]
    assert event["before"] == {"address": who, "ssrc": 0x1234}


def test_RTP_09_a_second_sender_is_stored_not_followed_and_told_once(
    slow_engine: MediaEngine, sender: Sender, stranger: Sender, tmp_path: Path
) -> None:
    path = tmp_path / "a.pcapng"
    log = slow_engine.open_log(path)
    stream = log.open_stream(SPEC)
    for number in range(100):
        sender.send(stream.rtp_port, rtp(number))
        stranger.send(stream.rtp_port, rtp(number + 500))
    log.close()
    stats = stream.stats()
    assert (stats.packets, stats.received, stats.lost, stats.strays) == (200, 100, 0, 100)
    (notice,) = slow_engine.drain_notices()
    assert (notice.kind, notice.interface) == ("source_refused", 1)
    assert notice.text.startswith(f"interface 1 does not follow {address(stranger)} (SSRC 0x00001234)")
    assert [event["event"] for event in capture.events(path)] == [
        "stream.source_followed",
        "stream.source_refused",
    ]


def test_Q63_what_came_before_the_port_was_known_is_never_followed(
    slow_engine: MediaEngine, sender: Sender, stranger: Sender, tmp_path: Path
) -> None:
    log = slow_engine.open_log(tmp_path / "a.pcapng")
    stream = log.open_stream(StreamSpec(label="1", mline=0, announced=False))
    stranger.send(stream.rtp_port, *(rtp(number, ssrc=9) for number in range(20)))
    stream.announce()
    stranger.send(stream.rtp_port, *(rtp(number, ssrc=9) for number in range(20, 40)))
    sender.send(stream.rtp_port, *map(rtp, range(30)))
    log.close()
    stats = stream.stats()
    assert (stats.source, stats.received, stats.strays) == (sender.address, 30, 40)


def test_the_address_of_the_offer_is_preferred(
    slow_engine: MediaEngine, sender: Sender, stranger: Sender, tmp_path: Path
) -> None:
    log = slow_engine.open_log(tmp_path / "a.pcapng")
    stream = log.open_stream(StreamSpec(label="1", mline=0, expected_source=sender.address))
    stranger.send(stream.rtp_port, *(rtp(number, ssrc=9) for number in range(20)))
    sender.send(stream.rtp_port, *map(rtp, range(5)))
    log.flush()
    assert stream.stats().source == sender.address
    stream.expect_source(stranger.address)
    stranger.send(stream.rtp_port, *(rtp(number, ssrc=10) for number in range(5)))
    log.flush()
    assert stream.stats().source == stranger.address
    stream.expect_source(None)
    with pytest.raises(MediaError, match='"nowhere" is not an IP address'):
        stream.expect_source(("nowhere", 1))
    log.close()
    with pytest.raises(MediaError, match="closed"):
        stream.announce()
