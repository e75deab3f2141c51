from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from siprecord.errors import MediaError
from siprecord.media.reader import CaptureReader, Interface, Item, LogEvent, PacketSummary, SipMessage
from tests.support.capture_builder import START_NS, CaptureBuilder, Sender, codes

INVITE = b"INVITE sip:srs@example.com SIP/2.0\r\n\r\n"


def sample() -> CaptureBuilder:
    builder = CaptureBuilder()
    builder.started()
    builder.sip(INVITE, 1)
    builder.sip(b"SIP/2.0 200 OK\r\n\r\n", 2, tcp=True)
    builder.rtp(builder.stream("7"), Sender().send(codes(1, 3)))
    builder.ended()
    return builder


def items(path: Path, *, packets: bool = False) -> list[Item]:
    return list(CaptureReader(path, packets=packets))


def test_every_item_comes_in_file_order(tmp_path: Path) -> None:
    found = items(sample().write(tmp_path / "log"))
    sip, started, invite, answer, stream, opened, ended = found
    assert sip == Interface(0, "sip", 252, "")
    assert isinstance(started, LogEvent)
    assert (started.name, started.time_ns, started.interface) == ("recording.started", START_NS, None)
    source, destination = ("192.0.2.1", 5060), ("198.51.100.2", 5070)
    assert invite == SipMessage(START_NS + 1_000_000, INVITE, "udp", source, destination, None)
    assert isinstance(answer, SipMessage)
    assert answer.transport == "tcp"
    assert stream == Interface(1, "7", 101, "")
    assert isinstance(opened, LogEvent)
    assert (opened.name, opened.interface, opened.event["label"]) == ("stream.opened", 1, "7")
    assert isinstance(ended, LogEvent)


def test_packets_come_on_request(tmp_path: Path) -> None:
    found = [x for x in items(sample().write(tmp_path / "log"), packets=True) if isinstance(x, PacketSummary)]
    assert [(x.interface, x.time_ns - START_NS, len(x.payload)) for x in found] == [
        (1, 0, 172),
        (1, 20_000_000, 172),
        (1, 40_000_000, 172),
    ]
    assert (found[0].source, found[0].destination) == (("192.0.2.1", 4000), ("198.51.100.2", 20_002))


def test_a_cut_at_any_byte_reads_up_to_the_last_whole_block(tmp_path: Path) -> None:
    blocks = sample().blocks
    data, path = b"".join(blocks), tmp_path / "log"
    everything = items(sample().write(path), packets=True)
    ends = [len(b"".join(blocks[:count])) for count in range(len(blocks) + 1)]
    path.write_bytes(data)
    for cut in reversed(range(len(data))):
        os.truncate(path, cut)
        reader = CaptureReader(path, packets=True)
        found = list(reader)
        assert found == everything[: len(found)]
        whole = max(end for end in ends if end <= cut)
        assert (reader.read, reader.left_over, reader.damaged) == (whole, cut - whole, 0)
        assert reader.truncated == (cut != whole)
        assert len(found) == max(0, ends.index(whole) - 1)


def test_damage_in_the_middle_hides_only_itself(tmp_path: Path) -> None:
    builder = sample()
    torn = builder.blocks[3][:33]
    builder.blocks.insert(5, torn)
    reader = CaptureReader(builder.write(tmp_path / "log"))
    assert len(list(reader)) == len(items(sample().write(tmp_path / "whole")))
    assert (reader.damaged, reader.truncated) == (33, False)


def test_a_message_of_ten_megabytes_is_one_item(tmp_path: Path) -> None:
    builder = CaptureBuilder()
    builder.sip(b"x" * 10_000_000)
    builder.ended()
    _, message, _ = items(builder.write(tmp_path / "log"))
    assert isinstance(message, SipMessage)
    assert len(message.data) == 10_000_000


def test_thousands_of_items_come_in_batches(tmp_path: Path) -> None:
    builder = CaptureBuilder()
    for number in range(3000):
        builder.event("tick", number=number)
    found = [
        item.event["number"] for item in items(builder.write(tmp_path / "log")) if isinstance(item, LogEvent)
    ]
    assert found == list(range(3000))


def test_an_event_that_is_no_json_object_is_unreadable(tmp_path: Path) -> None:
    builder = CaptureBuilder()
    for body in (b"\xff\xfe\xff\xff", b"[1]     ", b"        "):
        builder.blocks.append(_custom(body))
    names = [item.name for item in items(builder.write(tmp_path / "log")) if isinstance(item, LogEvent)]
    assert names == ["unreadable"] * 3


def _custom(body: bytes) -> bytes:
    size = (16 + len(body)).to_bytes(4, "little")
    return (0xBAD).to_bytes(4, "little") + size + (32473).to_bytes(4, "little") + body + size


def test_an_empty_file_is_an_empty_log(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(b"")
    assert items(tmp_path / "log") == []


@pytest.mark.parametrize("content", [b"RIFF....WAVE", b"\xd4\xc3\xb2\xa1"])
def test_another_kind_of_file_is_refused_by_name(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "song.wav").write_bytes(content)
    with pytest.raises(MediaError, match=r"song\.wav is not a capture log"):
        CaptureReader(tmp_path / "song.wav")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match=r"can't read .*nothing: No such file"):
        CaptureReader(tmp_path / "nothing")


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_any_mutation_reads_or_ends_cleanly(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    raw = bytearray(sample().to_bytes())
    version = (12, 13)
    for at in data.draw(
        st.lists(st.integers(4, len(raw) - 1).filter(lambda at: at not in version), max_size=8)
    ):
        raw[at] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.getbasetemp() / "mutated"
    path.write_bytes(raw)
    reader = CaptureReader(path, packets=True)
    assert len(list(reader)) <= len(sample().blocks)
    assert reader.read + reader.left_over + reader.damaged == len(raw)


@pytest.mark.parametrize("order", ["little", "big"])
def test_a_log_from_a_newer_release_is_told_and_kept(tmp_path: Path, order: Literal["little", "big"]) -> None:
    newer = tmp_path / "newer.pcapng"
    fields = ((0x0A0D0D0A, 4), (28, 4), (0x1A2B3C4D, 4), (9, 2), (0, 2), (2**64 - 1, 8), (28, 4))
    whole = b"".join(number.to_bytes(size, order) for number, size in fields)
    newer.write_bytes(whole)
    with pytest.raises(MediaError, match=r"version 9, from a newer release.*upgrade siprecord"):
        list(CaptureReader(newer))
    assert newer.read_bytes() == whole


def test_a_version_that_can_only_be_damage_is_read_all_the_same(tmp_path: Path) -> None:
    raw = bytearray(sample().to_bytes())
    raw[13] = 0xFF
    (tmp_path / "damaged").write_bytes(raw)
    assert items(tmp_path / "damaged") == items(sample().write(tmp_path / "log"))
