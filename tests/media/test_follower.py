from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from siprecord.errors import MediaError
from siprecord.media.follower import LiveAudio, LogFollower
from siprecord.media.reader import Interface, LogEvent, SipMessage
from tests.support.capture_builder import (
    G711,
    PACKET,
    START_NS,
    CaptureBuilder,
    Samples,
    Sender,
    codes,
    mu_samples,
)

BASE = START_NS // 1_000_000_000 * 8000


class Growing:
    """A log that grows in a file, as the recorder's does."""

    def __init__(self, path: Path) -> None:
        self.path = path / "log.pcapng"
        self.path.touch()
        self.builder = CaptureBuilder()
        self.written = 0

    def grow(self, keep_back: int = 0) -> None:
        data = self.builder.to_bytes()
        end = len(data) - keep_back
        with self.path.open("ab") as file:
            file.write(data[self.written : end])
        self.written = end


def joined(pieces: list[LiveAudio], interface: int = 1) -> tuple[int, Samples]:
    """The first sample and all samples of one stream, holes as zeros."""
    mine = [piece for piece in pieces if piece.interface == interface]
    first, last = mine[0], mine[-1]
    out = np.zeros(last.start_sample - first.start_sample + len(last.pcm) // 2, np.int16)
    for piece in mine:
        at = piece.start_sample - first.start_sample
        out[at : at + len(piece.pcm) // 2] = np.frombuffer(piece.pcm, dtype="<i2")
    return first.start_sample, out


def test_each_poll_gives_what_has_come_since(tmp_path: Path) -> None:
    log = Growing(tmp_path)
    follower = LogFollower(log.path)
    assert follower.poll().items == ()
    log.builder.started()
    log.builder.sip(b"INVITE")
    stream = log.builder.stream("1")
    log.grow()
    kinds = [type(item) for item in follower.poll().items]
    assert kinds == [Interface, LogEvent, SipMessage, Interface, LogEvent]
    sent = codes(1, 100)
    heard: list[LiveAudio] = []
    for number, packet in enumerate(Sender().send(sent)):
        log.builder.rtp(stream, [packet])
        if number % 5 == 4:
            log.grow()
            batch = follower.poll()
            assert [len(piece.pcm) for piece in batch.audio] == [5 * PACKET * 2]
            heard.extend(batch.audio)
    assert follower.poll().audio == ()
    start, samples = joined(heard)
    np.testing.assert_array_equal(samples, mu_samples(sent))
    assert (start, heard[0].time_ns, heard[0].rate) == (BASE, START_NS, 8000)


def test_half_a_block_is_waited_for(tmp_path: Path) -> None:
    log = Growing(tmp_path)
    stream = log.builder.stream("1")
    log.builder.rtp(stream, Sender().send(codes(2, 2)))
    for keep_back in range(len(log.builder.blocks[-1]), 0, -1):
        log.grow(keep_back)
        if keep_back == len(log.builder.blocks[-1]):
            follower = LogFollower(log.path)
            assert len(follower.poll().audio[0].pcm) == PACKET * 2
        assert follower.poll() == follower.poll(flush=True)
    log.grow()
    assert len(follower.poll().audio[0].pcm) == PACKET * 2


def test_damage_followed_by_whole_blocks_is_stepped_over_while_growing(tmp_path: Path) -> None:
    log = Growing(tmp_path)
    log.builder.started()
    log.builder.blocks.append(log.builder.blocks[-1][:50])
    log.grow()
    follower = LogFollower(log.path)
    assert len(follower.poll().items) == 2
    for number in range(5):
        log.builder.event("tick", number=number)
        log.grow()
        follower.poll()
    log.builder.event("last")
    log.grow()
    assert [item.name for item in follower.poll().items if isinstance(item, LogEvent)] == ["last"]


def test_streams_are_told_apart_and_keep_their_distance(tmp_path: Path) -> None:
    log = Growing(tmp_path)
    first, second = codes(3, 100), codes(4, 50)
    log.builder.rtp(log.builder.stream("1"), Sender().send(first))
    payloads = {"97": {"encoding": "PCMU", "rate": 8000}}
    log.builder.rtp(log.builder.stream("2", payloads), Sender(at_ms=1000, payload_type=97).send(second))
    log.grow()
    pieces = list(LogFollower(log.path).poll().audio)
    assert joined(pieces, 1)[0] == BASE
    start, samples = joined(pieces, 2)
    assert start == BASE + 8000
    np.testing.assert_array_equal(samples, mu_samples(second))


def test_reordered_packets_come_in_order_and_lost_ones_leave_a_hole(tmp_path: Path) -> None:
    log = Growing(tmp_path)
    sent = codes(5, 100)
    packets = Sender().send(sent)
    packets[10] = packets[10].late(45)
    del packets[50]
    copies = [packet.late(30) for packet in packets[::7]]
    log.builder.rtp(log.builder.stream("1"), packets, copies)
    log.grow()
    _, samples = joined(list(LogFollower(log.path).poll().audio))
    expected = mu_samples(sent).copy()
    expected[50 * PACKET : 51 * PACKET] = 0
    np.testing.assert_array_equal(samples, expected)


def test_what_waits_for_a_missing_packet_comes_with_the_last_poll(tmp_path: Path) -> None:
    log = Growing(tmp_path)
    packets = Sender().send(codes(6, 3))
    log.builder.rtp(log.builder.stream("1"), [packets[0], packets[2]])
    log.grow()
    follower = LogFollower(log.path)
    assert [piece.start_sample for piece in follower.poll().audio] == [BASE]
    assert [piece.start_sample for piece in follower.poll(flush=True).audio] == [BASE + 320]


def test_telephone_events_and_unknown_codecs_are_silent(tmp_path: Path) -> None:
    log = Growing(tmp_path)
    payloads = {**G711, "101": {"encoding": "telephone-event", "rate": 8000}}
    stream = log.builder.stream("1", payloads)
    log.builder.rtp(stream, Sender(payload_type=101).send(codes(7, 5)))
    log.builder.rtp(stream, Sender(payload_type=18, at_ms=100, sequence=105).send(codes(7, 5)))
    log.grow()
    assert LogFollower(log.path).poll(flush=True).audio == ()


def test_a_long_log_comes_in_several_polls(tmp_path: Path) -> None:
    log = Growing(tmp_path)
    for _ in range(90):
        log.builder.sip(b"x" * 100_000)
    log.grow()
    follower = LogFollower(log.path)
    counts = []
    while (batch := follower.poll()).more:
        counts.append(len(batch.items))
    assert sum(counts) + len(batch.items) == 91
    assert max(counts) < 45


def test_the_file_may_be_moved_while_it_is_followed(tmp_path: Path) -> None:
    log = Growing(tmp_path)
    log.grow()
    follower = LogFollower(log.path)
    follower.poll()
    log.path = log.path.rename(tmp_path / "moved.pcapng")
    log.builder.ended()
    log.grow()
    assert len(follower.poll().items) == 1


def test_other_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"hello")
    with pytest.raises(MediaError, match="not a capture log"):
        LogFollower(tmp_path / "x")
    with pytest.raises(MediaError, match="No such file"):
        LogFollower(tmp_path / "y")
