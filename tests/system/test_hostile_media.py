"""Bad packets of every kind at the ports of a call, from a stranger and from its own sender."""

from __future__ import annotations

import random
import socket
import time
from collections.abc import Callable, Iterator, Sequence

from tests.support.patience import PATIENCE
from tests.support.ports import free_range
from tests.support.recording import FoundRecording, wait_recording
from tests.support.src import HOST, Play, src
from tests.support.voices import FRAME, Voice
from tests.system.conftest import Start
from tests.system.test_sources import SSRC, Speaker, speakers

ALICE, BOB = Voice(seed=51, seconds=1.0), Voice(seed=52, seconds=1.0, law="pcma")
ATTACKED = Voice(seed=53, seconds=1.0)
RANDOM = random.Random(4475)
Packet = Callable[[int], bytes]


def rtp(number: int, first: int = 0x80, kind: int = 0, ssrc: int = 7, payload: bytes = bytes(FRAME)) -> bytes:
    head = bytes([first, kind]) + (number & 0xFFFF).to_bytes(2) + (number * FRAME & 0xFFFFFFFF).to_bytes(4)
    return head + ssrc.to_bytes(4) + payload


MALFORMED: dict[str, Packet] = {
    "empty": lambda number: b"",
    "truncated": lambda number: rtp(number)[: 1 + number % 11],
    "wrong version": lambda number: rtp(number, (0x00, 0x40, 0xC0)[number % 3]),
    "STUN": lambda number: bytes.fromhex("000100002112a442") + bytes(12),
    "DTLS": lambda number: bytes([22, 254, 253]) + bytes(60),
    "SIP": lambda number: b"OPTIONS sip:x SIP/2.0\r\n\r\n",
    "bad padding": lambda number: rtp(number, 0xA0, payload=bytes(20) + bytes([(0, 22, 255)[number % 3]])),
    "bad extension": lambda number: rtp(number, 0x90, payload=b"\xbe\xde\xff\xff" + bytes(8)),
    "too few sources": lambda number: rtp(number, 0x8F, payload=bytes(20)),
}
STRANGE: dict[str, Packet] = {
    "unknown payload type": lambda number: rtp(number, kind=77, ssrc=77),
    "forged SSRC": lambda number: rtp(RANDOM.getrandbits(16), ssrc=SSRC),
    "forged numbers": lambda number: rtp(500 + number, ssrc=SSRC, payload=b"\x01" * FRAME),
    "an SSRC each": lambda number: rtp(number, ssrc=RANDOM.getrandbits(32)),
}
REPORTS: dict[str, Packet] = {
    "goodbye": lambda number: bytes([0x81, 203, 0, 1]) + SSRC.to_bytes(4),
    "nonsense": lambda number: bytes([0x80, 200, 0, 6]) + SSRC.to_bytes(4) + RANDOM.randbytes(20),
    "too short": lambda number: bytes([0x9F, 201, 0, 186]) + bytes(12),
    "names without end": lambda number: bytes([0x9F, 202, 255, 255]) + bytes(40),
    "noise": lambda number: RANDOM.randbytes(1 + number % 200),
}
ROUNDS = ALICE.packets


def throw(sock: socket.socket, port: int, kinds: Sequence[Packet], number: int) -> None:
    for make in kinds:
        sock.sendto(make(number), (HOST, port))


def attack(speaker: Speaker, stranger: socket.socket, port: int) -> Iterator[int]:
    """A voice in real time; each of its packets among bad ones of its own address and of a stranger's."""
    for number in range(ROUNDS):
        throw(stranger, port, [*MALFORMED.values(), *STRANGE.values()] if number >= 5 else [], number)
        throw(stranger, port + 1, list(REPORTS.values()), number)
        throw(speaker.socket, port, list(MALFORMED.values()), number)
        speaker.send(port, number)
        yield number


def test_RTP_02_bad_packets_are_counted_and_told_and_cost_nobody_a_sample(start_server: Start) -> None:
    first, last = free_range(20)
    server = start_server(MEDIA__PORT_MIN=str(first), MEDIA__PORT_MAX=str(last))
    speaker = Speaker(ATTACKED)
    with (
        speakers(speaker),
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger,
        src(server.sip_port) as good,
        src(server.sip_port, labels=("1",)) as bad,
    ):
        stranger.bind(("127.0.0.9", 0))
        good.call()
        bad.call()
        good.start(Play(voice=ALICE), Play(voice=BOB))
        for _ in attack(speaker, stranger, bad.targets[0]):
            time.sleep(0.02)
        assert good.sender.wait(PATIENCE)
        assert [client.bye().status for client in (good, bad)] == [200, 200]
    check_good(wait_recording(server, good.call_id))
    check_attacked(wait_recording(server, bad.call_id))
    assert server.stop() == 0
    assert "Traceback" not in server.log.read_text()


def check_good(recording: FoundRecording) -> None:
    for number, voice in enumerate((ALICE, BOB)):
        recording.place(number, voice.heard)
        stream = recording.stream(number)
        assert (stream["packets_received"], stream["packets_lost"]) == (voice.packets, 0)
        assert (stream["packets_malformed"], stream["packets_stray"], stream["packets_overflowed"]) == (
            0,
            0,
            0,
        )


def check_attacked(recording: FoundRecording) -> None:
    recording.assert_spoken(0, ATTACKED.heard)
    stream = recording.stream(0)
    assert (stream["packets_received"], stream["packets_lost"], stream["ssrc_changes"]) == (ROUNDS, 0, 0)
    later = ROUNDS - 5
    assert stream["packets_stray"] == len(STRANGE) * later
    assert stream["packets_malformed"] + stream["rtcp_packets"] == (
        len(MALFORMED) * (ROUNDS + later) + len(REPORTS) * ROUNDS
    )
    assert stream["packets_overflowed"] == 0
    assert stream["aligned_reason"] == "no usable sender reports", "a stranger's are not listened to"
    texts = [row["text"] for row in recording.metadata["deviations"]]
    assert f"label 1: {stream['packets_malformed']} packets are no RTP" in texts
    unknown = [text for text in texts if "(SSRC 0x0000004d)" in text]
    assert unknown[0].startswith(f"label 1: {later} packets of 127.0.0.9")
