from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest

from siprecord.errors import MediaError
from siprecord.media.sender import Impairments, RtpClip, RtpSender, SendSpec
from tests.support.patience import PATIENCE

FRAME_BYTES = 16
"""Frames of 2 ms keep the tests short."""


@pytest.fixture
def peer() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(PATIENCE)
        yield receiver


@pytest.fixture
def sender() -> Iterator[RtpSender]:
    sender = RtpSender()
    yield sender
    sender.stop()


def spec_for(sender: RtpSender, peer: socket.socket, clip: bytes) -> SendSpec:
    number, _ = sender.bind("127.0.0.1")
    return SendSpec(
        socket=number,
        destination=peer.getsockname(),
        clip=RtpClip(clip),
        ssrc=0xFEEDBEEF,
        frame_bytes=FRAME_BYTES,
        frame_samples=FRAME_BYTES,
    )


def receive(peer: socket.socket, count: int) -> list[tuple[int, int, int, bytes]]:
    """Marker with payload type, sequence number, timestamp and payload of the next packets."""
    packets = []
    for _ in range(count):
        data = peer.recv(2048)
        first, kind, sequence, timestamp, ssrc = struct.unpack("!BBHII", data[:12])
        assert (first, ssrc) == (0x80, 0xFEEDBEEF)
        packets.append((kind, sequence, timestamp, data[12:]))
    return packets


def test_a_clip_arrives_packet_by_packet(sender: RtpSender, peer: socket.socket) -> None:
    clip = bytes(range(40))
    (number,) = sender.add_streams([replace(spec_for(sender, peer, clip), payload_type=8)])
    sender.start()
    assert receive(peer, 3) == [
        (0x88, 0, 0, clip[:16]),
        (0x08, 1, 16, clip[16:32]),
        (0x08, 2, 32, clip[32:]),
    ]
    assert sender.wait(PATIENCE)
    (progress,) = sender.progress([number])
    assert (progress.sent, progress.failed, progress.done) == (3, 0, True)
    assert sender.lateness >= 0


def test_packets_come_from_the_bound_port(sender: RtpSender, peer: socket.socket) -> None:
    spec = spec_for(sender, peer, bytes(16))
    number, port = sender.bind("127.0.0.1")
    assert port % 2 == 0
    sender.add_streams([replace(spec, socket=number)])
    sender.start()
    assert peer.recvfrom(2048)[1] == ("127.0.0.1", port)


def test_sequence_number_and_timestamp_wrap_around(sender: RtpSender, peer: socket.socket) -> None:
    spec = replace(spec_for(sender, peer, bytes(48)), sequence=0xFFFF, timestamp=2**32 - 16)
    sender.add_streams([spec])
    sender.start()
    assert [packet[1:3] for packet in receive(peer, 3)] == [(0xFFFF, 2**32 - 16), (0, 0), (1, 16)]


def test_faults_by_script(sender: RtpSender, peer: socket.socket) -> None:
    faults = Impairments(drop=(1,), duplicate=(3,), delay=((2, 0.02),))
    sender.add_streams([replace(spec_for(sender, peer, bytes(80)), impairments=faults)])
    sender.start()
    assert [packet[1] for packet in receive(peer, 5)] == [0, 3, 3, 4, 2]


def test_a_loop_goes_on_until_it_is_stopped(sender: RtpSender, peer: socket.socket) -> None:
    numbers = sender.add_streams([replace(spec_for(sender, peer, bytes(16)), loop=True)])
    sender.start()
    assert [packet[1] for packet in receive(peer, 4)] == [0, 1, 2, 3]
    assert not sender.wait(0)
    sender.stop_streams(numbers)
    assert sender.wait(PATIENCE)


def test_the_number_of_packets_may_be_set(sender: RtpSender, peer: socket.socket) -> None:
    sender.add_streams([replace(spec_for(sender, peer, bytes(16)), packets=3)])
    sender.start()
    assert sender.wait(PATIENCE)
    assert sender.progress()[0].sent == 3


def test_waiting_lets_other_threads_run(sender: RtpSender, peer: socket.socket) -> None:
    sender.add_streams([replace(spec_for(sender, peer, bytes(16)), loop=True)])
    sender.start()
    threading.Thread(target=sender.stop).start()
    assert sender.wait(PATIENCE)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"socket": 7}, "no such socket"),
        ({"clip": RtpClip(b"")}, "nothing to send"),
        ({"frame_bytes": 0}, "nothing to send"),
        ({"clock_rate": 0}, "above zero"),
        ({"start_delay": -1.0}, "span of time"),
        ({"destination": ("example.com", 9)}, "not an IP address"),
    ],
)
def test_senseless_specifications_are_refused(
    sender: RtpSender, peer: socket.socket, change: dict[str, object], text: str
) -> None:
    spec = spec_for(sender, peer, bytes(16))
    with pytest.raises(ValueError, match=text):
        sender.add_streams([replace(spec, **change)])  # type: ignore[arg-type]
    assert sender.progress() == []


def test_a_taken_port_is_one_clear_error(sender: RtpSender, peer: socket.socket) -> None:
    port = peer.getsockname()[1]
    with pytest.raises(
        MediaError, match=f"can't send from 127.0.0.1: ports {port} and {port + 1} are not free"
    ):
        sender.bind("127.0.0.1", port)


def test_an_unknown_stream_has_no_progress(sender: RtpSender) -> None:
    with pytest.raises(ValueError, match="there is no stream 3"):
        sender.progress([3])
