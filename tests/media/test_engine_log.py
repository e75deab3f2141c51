"""What the engine stores in a capture log."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from siprecord.media import CaptureLog, MediaEngine, MediaSettings, StreamSpec
from tests.media import capture
from tests.media.capture import SENDER_REPORT, SPEC, Sender, rtp
from tests.support.patience import wait_until
from tests.support.ports import HAS_IPV6

LOCAL, REMOTE = ("192.0.2.1", 5060), ("198.51.100.7", 5062)


def test_a_log_begins_with_its_section_and_the_sip_interface(engine: MediaEngine, tmp_path: Path) -> None:
    path = tmp_path / "a.pcapng"
    log = engine.open_log(path, {"comment": "first", "application": "siprecord 9", "recording_id": "abc"})
    assert log.status.bytes_written == path.stat().st_size
    log.close()
    section, interface = capture.blocks(path)
    assert (section.kind, interface.kind) == (0x0A0D0D0A, 1)
    texts = capture.options(section.body[16:])
    assert texts[4] == b"siprecord 9"
    assert texts[1] == b'first\n{"recording_id":"abc"}'
    assert capture.interfaces(path) == [capture.Interface(252, "sip", "")]
    assert path.stat().st_mode & 0o777 == 0o640


def test_packets_are_stored_in_order_with_addresses_and_times(
    slow_engine: MediaEngine, sender: Sender, tmp_path: Path
) -> None:
    log = slow_engine.open_log(tmp_path / "a.pcapng")
    stream = log.open_stream(SPEC)
    assert stream.rtp_port % 2 == 0
    assert stream.rtcp_port == stream.rtp_port + 1
    before = time.time_ns()
    sent = [rtp(number, bytes([number % 256]) * (number % 200)) for number in range(300)]
    sender.send(stream.rtp_port, *sent)
    log.close()
    found = capture.datagrams(tmp_path / "a.pcapng")
    assert [datagram.payload for datagram in found] == sent
    assert {datagram.source for datagram in found} == {sender.address}
    assert {datagram.destination for datagram in found} == {("127.0.0.1", stream.rtp_port)}
    times = [datagram.time_ns for datagram in found]
    assert times == sorted(times)
    assert before <= times[0] <= times[-1] <= time.time_ns()


def test_reports_are_stored_from_the_odd_port(engine: MediaEngine, sender: Sender, tmp_path: Path) -> None:
    log = engine.open_log(tmp_path / "a.pcapng")
    stream = log.open_stream(SPEC)
    sender.send(stream.rtcp_port, SENDER_REPORT)
    wait_until(lambda: stream.stats().rtcp_packets == 1)
    log.close()
    (found,) = capture.datagrams(tmp_path / "a.pcapng")
    assert (found.payload, found.destination[1]) == (SENDER_REPORT, stream.rtcp_port)


def test_datagrams_that_are_not_rtp_are_kept_as_evidence(
    slow_engine: MediaEngine, sender: Sender, tmp_path: Path
) -> None:
    log = slow_engine.open_log(tmp_path / "a.pcapng")
    stream = log.open_stream(SPEC)
    strange = [b"", b"\x80", b"\0" * 40, bytes(range(11)), b"\x16\xfe\xfd" + bytes(60)]
    sender.send(stream.rtp_port, *strange, rtp(1))
    sender.send(stream.rtcp_port, b"what")
    log.close()
    found = [datagram.payload for datagram in capture.datagrams(tmp_path / "a.pcapng")]
    assert found == [*strange, rtp(1), b"what"]
    stats = stream.stats()
    assert (stats.packets, stats.other_packets, stats.bytes) == (1, 6, 172)


def test_the_largest_datagrams_are_kept_whole(
    slow_engine: MediaEngine, sender: Sender, tmp_path: Path
) -> None:
    log = slow_engine.open_log(tmp_path / "a.pcapng")
    stream = log.open_stream(SPEC)
    sent = [rtp(1, os.urandom(64_988)), rtp(2), rtp(3, os.urandom(65_495))]
    sender.send(stream.rtp_port, *sent)
    log.close()
    assert [datagram.payload for datagram in capture.datagrams(tmp_path / "a.pcapng")] == sent
    assert stream.stats().truncated == 0


def test_a_bound_cuts_datagrams_and_tells_their_length(sender: Sender, tmp_path: Path) -> None:
    engine = MediaEngine(MediaSettings(bind_address="127.0.0.1", datagram_bytes=2_048))
    log = engine.open_log(tmp_path / "a.pcapng")
    stream = log.open_stream(SPEC)
    sent = rtp(1, os.urandom(64_988))
    sender.send(stream.rtp_port, sent, rtp(2))
    log.close()
    engine.close()
    cut, whole = capture.datagrams(tmp_path / "a.pcapng")
    assert (cut.payload, cut.original) == (sent[:2_048], 65_000)
    assert whole.payload == rtp(2)
    assert stream.stats().truncated == 1


@pytest.mark.skipif(not HAS_IPV6, reason="no IPv6 on this machine")
@pytest.mark.parametrize("bind", ["::1", "::"])
def test_ipv6_has_a_true_checksum(bind: str, tmp_path: Path) -> None:
    engine = MediaEngine(MediaSettings(bind_address=bind))
    sender = Sender("::1")
    log = engine.open_log(tmp_path / "a.pcapng")
    stream = log.open_stream(SPEC)
    sender.send(stream.rtp_port, rtp(1), rtp(2, b"odd"))
    log.close()
    engine.close()
    found = capture.datagrams(tmp_path / "a.pcapng")
    sender.close()
    assert [datagram.payload for datagram in found] == [rtp(1), rtp(2, b"odd")]
    assert {(one.source, one.destination) for one in found} == {(sender.address, ("::1", stream.rtp_port))}


def test_a_wildcard_address_stores_where_a_packet_was_sent(sender: Sender, tmp_path: Path) -> None:
    engine = MediaEngine(MediaSettings(bind_address="0.0.0.0"))
    log = engine.open_log(tmp_path / "a.pcapng")
    stream = log.open_stream(SPEC)
    sender.send(stream.rtp_port, rtp(1))
    log.close()
    engine.close()
    (found,) = capture.datagrams(tmp_path / "a.pcapng")
    assert found.destination == ("127.0.0.1", stream.rtp_port)


def test_interfaces_are_numbered_and_named_apart(engine: MediaEngine, tmp_path: Path) -> None:
    log = engine.open_log(tmp_path / "a.pcapng")
    first = log.open_stream(SPEC)
    first.close()
    log.open_stream(SPEC)
    third = log.open_stream(StreamSpec(label="", mline=7, kind="video"))
    log.close()
    _, *media = capture.interfaces(tmp_path / "a.pcapng")
    assert [interface.name for interface in media] == ["1", "1#2", "mline-7"]
    assert {interface.link_type for interface in media} == {101}
    assert json.loads(media[0].description)["payloads"] == SPEC.description["payloads"]
    assert json.loads(media[2].description) == {
        "label": "",
        "mline": 7,
        "kind": "video",
        "sources": "judged",
    }
    assert third.interface == 3


def test_streams_do_not_mix(slow_engine: MediaEngine, sender: Sender, tmp_path: Path) -> None:
    logs = [slow_engine.open_log(tmp_path / f"{number}.pcapng") for number in range(5)]
    streams = [[log.open_stream(SPEC) for _ in range(2)] for log in logs]
    for sequence in range(20):
        for number, pair in enumerate(streams):
            for side, stream in enumerate(pair):
                sender.send(stream.rtp_port, rtp(sequence, ssrc=number * 2 + side))
    for number, log in enumerate(logs):
        log.close()
        for side in range(2):
            found = capture.datagrams(tmp_path / f"{number}.pcapng", interface=side + 1)
            expected = [rtp(sequence, ssrc=number * 2 + side) for sequence in range(20)]
            assert [datagram.payload for datagram in found] == expected


def test_sip_messages_carry_their_way(engine: MediaEngine, tmp_path: Path) -> None:
    log = engine.open_log(tmp_path / "a.pcapng")
    log.append_sip(b"INVITE sip:a SIP/2.0\r\n\r\n", LOCAL, REMOTE, "udp", True, 1_700_000_000_123_456_789)
    log.append_sip(b"SIP/2.0 200 OK\r\n\r\n", LOCAL, REMOTE, "tls", False)
    log.append_sip(b"x", ("[fe80::1%eth0]", 1), ("::ffff:192.0.2.9", 2), "tcp", True)
    log.append_sip(b"y", ("no address", 1), REMOTE, "tcp", True)
    log.close()
    first, second, third, _ = capture.packets(tmp_path / "a.pcapng")
    tags = (
        "000c000473697000" "00140004c6336407" "00150004c0000201" "0018000400000003"
        "00190004000013c6" "001a0004000013c4" "00000000"
    )  # fmt: skip
    assert first[:2] == (0, 1_700_000_000_123_456_789)
    assert first[2] == bytes.fromhex(tags) + b"INVITE sip:a SIP/2.0\r\n\r\n"
    assert first[4] == {2: b"\x01\0\0\0"}
    assert bytes.fromhex("00140004c000020100150004c63364070018000400000002") in second[2]
    assert second[4] == {2: b"\x02\0\0\0"}
    assert abs(second[1] - time.time_ns()) < 60e9
    assert bytes.fromhex("00140004c000020900170010fe80" + "00" * 13 + "01") in third[2]


def test_a_sip_message_of_ten_megabytes_is_cut_and_tells_its_length(
    engine: MediaEngine, tmp_path: Path
) -> None:
    message = os.urandom(10_000_000)
    log = engine.open_log(tmp_path / "a.pcapng")
    log.append_sip(message, LOCAL, REMOTE, "tcp", True)
    log.close()
    (found,) = capture.packets(tmp_path / "a.pcapng")
    tags = found[3] - len(message)
    assert len(found[2]) == 262_000
    assert found[2][tags:] == message[: 262_000 - tags]


def test_text_that_is_no_utf8_stands_as_question_marks_in_an_event(
    engine: MediaEngine, tmp_path: Path
) -> None:
    path = tmp_path / "a.pcapng"
    log = engine.open_log(path)
    log.append_event(
        {"event": "recording.started", "from": b"sip:\xff\xfe@a".decode("utf-8", "surrogateescape")}
    )
    log.close()
    (event,) = capture.events(path)
    assert event["from"] == "sip:??@a"


def test_events_are_json_and_get_a_time(engine: MediaEngine, tmp_path: Path) -> None:
    log = engine.open_log(tmp_path / "a.pcapng")
    log.append_event({"event": "deviation", "text": "Zoë ✓", "time_ns": 5})
    log.append_event({"event": "stream.paused"})
    log.close()
    first, second = capture.events(tmp_path / "a.pcapng")
    assert first == {"event": "deviation", "text": "Zoë ✓", "time_ns": 5}
    assert abs(second["time_ns"] - time.time_ns()) < 60e9


def _record_a_call(log: CaptureLog, sender: Sender) -> None:
    stream = log.open_stream(SPEC)
    sdp = (
        "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
        f"m=audio {stream.rtp_port} RTP/AVP 0\r\n"
    )
    head = (
        "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 198.51.100.7:5062;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\n"
        "To: <sip:c@d>;tag=2\r\nCall-ID: x\r\nCSeq: 1 INVITE\r\nContent-Type: application/sdp\r\n"
        f"Content-Length: {len(sdp)}\r\n\r\n"
    )
    log.append_sip((head + sdp).encode(), LOCAL, REMOTE, "udp", False)
    log.append_event({"event": "stream.opened", "interface": stream.interface})
    sender.send(stream.rtp_port, *map(rtp, range(50)))
    sender.send(stream.rtcp_port, SENDER_REPORT)
    log.close()


@pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")
def test_wireshark_reads_the_log(slow_engine: MediaEngine, sender: Sender, tmp_path: Path) -> None:
    path = tmp_path / "a.pcapng"
    _record_a_call(slow_engine.open_log(path), sender)
    command = ["tshark", "-r", str(path), "-T", "fields", "-e", "frame.protocols", "-e", "_ws.malformed"]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    rows = ran.stdout.splitlines()
    assert ran.stderr.replace("Running as user", "").count("rror") == 0
    assert rows[0].strip().endswith("sip:sdp")
    assert sum(row.strip().endswith(":rtp") for row in rows) == 50
    assert rows[-1].strip().endswith(":rtcp")


@pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")
def test_wireshark_reads_a_log_with_huge_messages_and_events(engine: MediaEngine, tmp_path: Path) -> None:
    path = tmp_path / "a.pcapng"
    log = engine.open_log(path)
    log.append_event({"event": "metadata.received", "document": "A" * 8_000_000})
    for length in (261_900, 262_144, 300_000, 10_000_000):
        log.append_sip(b"OPTIONS sip:a SIP/2.0\r\n\r\n" + bytes(length), LOCAL, REMOTE, "tcp", True)
    log.append_sip(b"OPTIONS sip:b SIP/2.0\r\n\r\n", LOCAL, REMOTE, "tcp", True)
    log.close()
    command = ["tshark", "-r", str(path), "-T", "fields", "-e", "frame.cap_len", "-e", "frame.protocols"]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    rows = [row.split("\t") for row in ran.stdout.splitlines()]
    assert [int(length) for length, _ in rows][1:] == [261_977, 262_000, 262_000, 262_000, 77]
    assert rows[-1][1].endswith("sip")


def test_a_pause_keeps_what_came_before_and_drops_what_comes_after(
    slow_engine: MediaEngine, sender: Sender, tmp_path: Path
) -> None:
    log = slow_engine.open_log(tmp_path / "a.pcapng")
    stream = log.open_stream(SPEC)
    sender.send(stream.rtp_port, rtp(1), rtp(2))
    stream.pause()
    stream.pause()
    assert len(capture.datagrams(tmp_path / "a.pcapng")) == 2
    sender.send(stream.rtp_port, rtp(3))
    sender.send(stream.rtcp_port, SENDER_REPORT)
    log.flush()
    sender.send(stream.rtp_port, rtp(4))
    assert stream.stats().paused
    stream.resume()
    sender.send(stream.rtp_port, rtp(5))
    log.close()
    found = [datagram.payload for datagram in capture.datagrams(tmp_path / "a.pcapng")]
    assert found == [rtp(1), rtp(2), rtp(5)]
    stats = stream.stats()
    assert (stats.packets, stats.dropped_paused, stats.lost, stats.paused) == (3, 3, 0, False)
