"""Protected calls go on when the recorder is killed: keys, rollover counters, replays, senders."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from siprecord.media import SrtpSender
from siprecord.syntax.sdp import CryptoLine, SrtpKeys
from tests.chaos.storm import kill_recorder
from tests.support.patience import PATIENCE
from tests.support.recording import wait_recording
from tests.support.server import RunningServer
from tests.support.src import HOST, Play, Src
from tests.support.voices import FRAME, Voice

pytestmark = pytest.mark.timeout(240)
SUITE = "AES_CM_128_HMAC_SHA1_80"
ALICE = Voice(seed=31, seconds=4.0)
BOB = Voice(seed=32, seconds=4.0, law="pcma")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RunningServer]:
    running = RunningServer(tmp_path).start()
    yield running
    running.stop()


def keys_of(suite: str = SUITE) -> SrtpKeys:
    return SrtpKeys.generate(suite, os.urandom)


def crypto(keys: SrtpKeys) -> str:
    return str(CryptoLine(tag=1, suite=keys.suite, keys=(keys,)))


def has_calls(server: RunningServer) -> bool:
    """Whether there is anything to kill the recorder under; the load takes its time to begin."""
    try:
        return bool(server.get("/api/status")["calls"])
    except OSError:
        return False


def wait_until_sent(client: Src, packets: int) -> None:
    end = time.monotonic() + PATIENCE
    while min(client.sent) < packets:
        assert time.monotonic() < end, client.sent
        time.sleep(0.02)


def test_R02_SRTP_02_protected_streams_go_on_after_the_recorder_was_killed(server: RunningServer) -> None:
    """One stream's numbers come round before the death, the other's after it."""
    alice, bob = keys_of(), keys_of("AEAD_AES_256_GCM")
    client = Src(server.sip_port, crypto=(crypto(alice), crypto(bob)))
    client.call()
    assert client.answer is not None
    ours = [media.crypto for media in client.answer.media]
    client.start(
        Play(voice=ALICE, srtp=alice, sequence=65_500), Play(voice=BOB, srtp=bob, sequence=65_536 - 150)
    )
    wait_until_sent(client, 80)
    assert kill_recorder(server)
    assert client.sender.wait(PATIENCE)
    server.wait_ready()
    assert client.reinvite().status == 200
    assert [media.crypto for media in client.answer.media] == ours
    client.bye()
    client.close()
    recording = wait_recording(server, client.call_id)
    assert recording.outcome == "complete"
    for number, voice in enumerate((ALICE, BOB)):
        stream = recording.stream(number)
        assert stream["srtp"]["packets_failed"] == 0
        assert (stream["packets_received"], stream["packets_duplicated"]) == (voice.packets, 0)
        assert stream["packets_stray"] == 0
        recording.place(number, voice.heard[-50 * FRAME :])


def test_SRTP_03_after_a_restart_nobody_replays_what_came_before_or_takes_a_stream_over(
    server: RunningServer,
) -> None:
    keys = keys_of()
    client = Src(server.sip_port, labels=("1", "2"), crypto=(crypto(keys),))
    client.call()
    far, send = SrtpSender(keys), socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    speaker, stray = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
    protected = [far.protect_rtp(packet(ALICE, number)) for number in range(100)]
    with send, speaker, stray:
        for number in range(50):
            send.sendto(protected[number], (HOST, client.targets[0]))
            speaker.sendto(packet(BOB, number, 8), (HOST, client.targets[1]))
            time.sleep(0.02)
        time.sleep(0.3)  # more than the recorder gathers before it writes
        assert kill_recorder(server)
        for number in range(50, 100):
            # What came before, from the sender's own address, and a stray who is heard first.
            send.sendto(protected[number - 50], (HOST, client.targets[0]))
            send.sendto(protected[number], (HOST, client.targets[0]))
            stray.sendto(packet(ALICE, number, 0, 0xBAD), (HOST, client.targets[1]))
            speaker.sendto(packet(BOB, number, 8), (HOST, client.targets[1]))
            time.sleep(0.02)
        server.wait_ready()
        client.bye()
    client.close()
    recording = wait_recording(server, client.call_id)
    recording.assert_spoken(0, ALICE.heard[: 100 * FRAME])
    recording.assert_spoken(1, BOB.heard[: 100 * FRAME])
    assert recording.stream(0)["srtp"] == {"suite": SUITE, "packets_failed": 0, "packets_replayed": 50}
    assert recording.stream(0)["packets_duplicated"] == 0
    assert recording.stream(1)["packets_stray"] == 50


def test_the_keys_of_running_calls_are_in_no_file(server: RunningServer) -> None:
    keys = keys_of()
    client = Src(server.sip_port, labels=("1",), crypto=(crypto(keys),))
    client.call()
    client.start(Play(voice=ALICE, srtp=keys))
    wait_until_sent(client, 20)
    assert kill_recorder(server)
    assert client.sender.wait(PATIENCE)
    server.wait_ready()
    client.bye()
    client.close()
    wait_recording(server, client.call_id)
    secret = keys.inline().removeprefix("inline:").encode()[:20]
    for path in server.directory.rglob("*"):
        if path.is_file():
            assert keys.key not in path.read_bytes(), path
            assert secret not in path.read_bytes(), path


def packet(voice: Voice, number: int, kind: int = 0, ssrc: int = 0xA11CE) -> bytes:
    head = bytes([0x80, kind]) + (700 + number).to_bytes(2) + (160 * number).to_bytes(4) + ssrc.to_bytes(4)
    return head + voice.codes[number * FRAME : (number + 1) * FRAME]
