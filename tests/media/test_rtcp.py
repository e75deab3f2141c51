"""The reports that streams send: CONFORMANCE 4H."""

from __future__ import annotations

import os
import select
import socket
import struct
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from siprecord.media import MediaEngine, MediaSettings, SrtpReceiver, SrtpSender, StreamSpec
from siprecord.syntax.sdp import SrtpKeys
from tests.media.capture import SENDER_REPORT, rtp
from tests.support.patience import PATIENCE
from tests.support.ports import HAS_IPV6

SPEC = StreamSpec(label="1", mline=0)


class Far:
    """A sender with a media port and a report port next to it, as an SRC has."""

    def __init__(self) -> None:
        self.rtp, self.rtcp = self._pair()
        self.address: tuple[str, int] = self.rtp.getsockname()

    @staticmethod
    def _pair() -> tuple[socket.socket, socket.socket]:
        for port in range(42_000, 60_000, 2):
            pair = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2)]
            try:
                pair[0].bind(("127.0.0.1", port))
                pair[1].bind(("127.0.0.1", port + 1))
            except OSError:
                for one in pair:
                    one.close()
                continue
            return pair[0], pair[1]
        pytest.fail("no free pair of ports")

    def send(self, port: int, *packets: bytes) -> None:
        for packet in packets:
            self.rtp.sendto(packet, ("127.0.0.1", port))

    def close(self) -> None:
        self.rtp.close()
        self.rtcp.close()


@pytest.fixture
def far() -> Iterator[Far]:
    far = Far()
    yield far
    far.close()


@pytest.fixture
def talking() -> Iterator[MediaEngine]:
    """An engine whose streams report about twenty times a second."""
    settings = MediaSettings(
        bind_address="127.0.0.1", drain_interval_ms=5, threads=1, rtcp_interval_s=0.05, port_min=26_000
    )
    engine = MediaEngine(settings)
    yield engine
    engine.close()


def received(sock: socket.socket) -> tuple[bytes, int]:
    """The next datagram, and the port that it came from."""
    assert select.select([sock], [], [], PATIENCE)[0], "nothing came"
    data, source = sock.recvfrom(2048)
    return data, source[1]


def dissect(compound: bytes) -> list[tuple[int, int, bytes]]:
    """Type, count and body of each packet; the lengths must add up."""
    found = []
    while compound:
        first, kind, words = struct.unpack_from("!BBH", compound)
        assert first >> 6 == 2
        length = (words + 1) * 4
        assert length <= len(compound)
        found.append((kind, first & 0x1F, compound[4:length]))
        compound = compound[length:]
    return found


def test_RTCP_01_reports_begin_with_a_receiver_report_and_name_us(
    talking: MediaEngine, far: Far, tmp_path: Path
) -> None:
    log = talking.open_log(tmp_path / "a.pcapng")
    stream = log.open_stream(SPEC)
    far.send(stream.rtp_port, *(rtp(number) for number in (65_534, 65_535, 65_537, 65_538)))
    loss = 0
    while loss == 0:  # a first report may have left before the last packets came
        data, port = received(far.rtcp)
        assert port == stream.rtcp_port
        (kind, count, report), (name_kind, _, name) = dissect(data)
        assert (kind, count, name_kind) == (201, 1, 202)
        ours = report[:4]
        ssrc, loss, highest, _, last, delay = struct.unpack("!IIIIII", report[4:])
        assert (ssrc, last, delay) == (0x1234, 0, 0)
    assert (highest, loss & 0xFFFFFF, loss >> 24) in [
        (65_538, 1, 256 // 5), (65_538, 1, 256 // 4), (65_538, 1, 256 // 3),
        (65_537, 1, 256 // 4), (65_537, 1, 256 // 3), (65_537, 1, 256 // 2),
    ]  # fmt: skip
    assert name[:4] == ours
    assert (name[4], name[5]) == (1, 24)
    again, _ = received(far.rtcp)
    assert dissect(again)[1] == dissect(data)[1]
    assert stream.stats().rtcp_sent >= 2
    log.close()


def test_RTCP_04_the_last_sender_report_is_told(talking: MediaEngine, far: Far, tmp_path: Path) -> None:
    log = talking.open_log(tmp_path / "a.pcapng")
    stream = log.open_stream(SPEC)
    far.send(stream.rtp_port, rtp(1), rtp(2))
    received(far.rtcp)
    far.rtcp.sendto(SENDER_REPORT, ("127.0.0.1", stream.rtcp_port))
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        *_, last, delay = struct.unpack("!IIIIII", dissect(received(far.rtcp)[0])[0][2][4:])
        if last:
            break
    assert last == 0x7E800000
    assert delay < PATIENCE * 65_536
    log.close()


def test_RTCP_07_a_stream_that_ends_says_goodbye(talking: MediaEngine, far: Far, tmp_path: Path) -> None:
    log = talking.open_log(tmp_path / "a.pcapng")
    stream = log.open_stream(SPEC)
    far.send(stream.rtp_port, rtp(1), rtp(2))
    ours = dissect(received(far.rtcp)[0])[0][2][:4]
    stream.close()
    kinds = []
    while 203 not in kinds:
        packets = dissect(received(far.rtcp)[0])
        kinds = [kind for kind, *_ in packets]
    assert kinds == [201, 202, 203]
    assert packets[2] == (203, 1, ours)
    log.close()


def test_reports_go_to_the_given_address_also_while_nothing_comes(
    talking: MediaEngine, far: Far, tmp_path: Path
) -> None:
    log = talking.open_log(tmp_path / "a.pcapng")
    stream = log.open_stream(SPEC)
    stream.pause()
    stream.set_rtcp_target(far.address)
    data, port = received(far.rtp)
    assert port == stream.rtcp_port
    assert dissect(data)[0][:2] == (201, 0)
    stream.set_rtcp_target(far.address, mux=True)
    while port != stream.rtp_port:
        _, port = received(far.rtp)
    log.close()


def test_reports_follow_those_that_come_on_the_media_port(
    talking: MediaEngine, far: Far, tmp_path: Path
) -> None:
    log = talking.open_log(tmp_path / "a.pcapng")
    stream = log.open_stream(SPEC)
    far.send(stream.rtp_port, rtp(1), rtp(2), SENDER_REPORT)
    _, port = received(far.rtp)
    assert port == stream.rtp_port
    log.close()


def test_SRTP_04_reports_of_a_protected_stream_are_protected_with_our_key(
    talking: MediaEngine, far: Far, tmp_path: Path
) -> None:
    for suite in ("AES_CM_128_HMAC_SHA1_32", "AEAD_AES_128_GCM"):
        theirs, ours = (SrtpKeys.generate(suite, os.urandom) for _ in range(2))
        log = talking.open_log(tmp_path / f"{suite}.pcapng")
        stream = log.open_stream(StreamSpec(label="1", mline=0, srtp=(theirs,), srtp_own=ours))
        protect, receiver = SrtpSender(theirs), SrtpReceiver(ours)
        far.send(stream.rtp_port, protect.protect_rtp(rtp(1)), protect.protect_rtp(rtp(2)))
        indices: list[int] = []
        while len(indices) < 3:
            data, port = received(far.rtcp)
            if port != stream.rtcp_port:
                continue
            kinds = [kind for kind, *_ in dissect(receiver.unprotect_rtcp(data))]
            assert kinds == [201, 202]
            tag = 10 if "HMAC" in suite else 0
            indices.append(struct.unpack("!I", data[len(data) - tag - 4 : len(data) - tag])[0] - 2**31)
        assert indices == [0, 1, 2]
        log.close()


def test_a_protected_stream_without_a_key_of_ours_sends_nothing(
    talking: MediaEngine, far: Far, tmp_path: Path
) -> None:
    log = talking.open_log(tmp_path / "a.pcapng")
    silent = log.open_stream(
        StreamSpec(label="1", mline=0, srtp=(SrtpKeys.generate("AEAD_AES_128_GCM", os.urandom),))
    )
    silent.set_rtcp_target(far.address)
    other = log.open_stream(StreamSpec(label="2", mline=1))
    other.set_rtcp_target(far.rtcp.getsockname())
    for _ in range(5):
        received(far.rtcp)
    assert silent.stats().rtcp_sent == 0
    assert select.select([far.rtp], [], [], 0)[0] == []
    log.close()


def test_no_reports_when_they_are_off(far: Far, tmp_path: Path) -> None:
    engine = MediaEngine(MediaSettings(bind_address="127.0.0.1", drain_interval_ms=1, rtcp_interval_s=0))
    log = engine.open_log(tmp_path / "a.pcapng")
    stream = log.open_stream(SPEC)
    stream.set_rtcp_target(far.address)
    far.send(stream.rtp_port, rtp(1), rtp(2))
    log.close()
    assert stream.stats().rtcp_sent == 0
    assert select.select([far.rtp, far.rtcp], [], [], 0)[0] == []
    engine.close()


@pytest.mark.skipif(not HAS_IPV6, reason="no IPv6 on this machine")
def test_an_ipv6_socket_reports_to_an_ipv4_sender(far: Far, tmp_path: Path) -> None:
    settings = MediaSettings(bind_address="::", drain_interval_ms=5, rtcp_interval_s=0.05, port_min=27_000)
    engine = MediaEngine(settings)
    log = engine.open_log(tmp_path / "a.pcapng")
    stream = log.open_stream(SPEC)
    far.send(stream.rtp_port, rtp(1), rtp(2))
    data, _ = received(far.rtcp)
    assert dissect(data)[0][:2] == (201, 1)
    log.close()
    engine.close()
