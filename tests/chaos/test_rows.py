"""A recorder that is killed again and again before it serves: its calls go on, what is told is true."""

from __future__ import annotations

import os
import socket
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from siprecord.media import SrtpSender
from siprecord.syntax.sdp import CryptoLine, SrtpKeys
from tests.chaos.storm import child_running, kill
from tests.support.cluster import until
from tests.support.recording import wait_recording
from tests.support.server import RunningServer
from tests.support.src import HOST, Src
from tests.support.voices import FRAME, Voice

pytestmark = pytest.mark.timeout(240)
SUITE = "AES_CM_128_HMAC_SHA1_80"
VOICE = Voice(seed=77, seconds=0.8)
KILLS = 5


def test_R01_five_kills_in_a_row_after_the_first_packet_cost_nothing(tmp_path: Path) -> None:
    server, keys = RunningServer(tmp_path).start(), SrtpKeys.generate(SUITE, os.urandom)
    crypto = str(CryptoLine(tag=1, suite=SUITE, keys=(keys,)))
    client, sealing = Src(server.sip_port, crypto=(crypto,)), SrtpSender(keys)
    client.call()
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one,
        socket.socket(type=socket.SOCK_DGRAM) as two,
    ):

        def send(number: int) -> None:
            one.sendto(sealing.protect_rtp(packet(number)), (HOST, client.targets[0]))
            two.sendto(packet(number), (HOST, client.targets[1]))
            time.sleep(0.02)

        send(0)
        until(lambda: all(row["last_packet_s"] is not None for row in streams(server)), "first packets")
        began = datetime.now(UTC)
        kill_in_a_row(server)
        ended = datetime.now(UTC)
        for number in range(1, VOICE.packets):
            send(number)
    server.wait_ready()
    assert client.bye().status == 200
    client.close()
    recording = wait_recording(server, client.call_id)
    server.stop()
    assert recording.outcome == "complete"
    for number in range(2):
        row = recording.stream(number)
        assert (row["packets_received"], row["packets_stray"]) == (VOICE.packets, 0)
        recording.assert_spoken(number, VOICE.heard)
    first, last = recording.metadata["absences"][0], recording.metadata["absences"][-1]
    assert began <= datetime.fromisoformat(first["gone"]) < ended < datetime.fromisoformat(last["back"])
    if server.log.read_text().count("took over") == 1:  # a spare that had loaded may have served in between
        assert first == last, "one absence"


def streams(server: RunningServer) -> list[dict[str, object]]:
    (call,) = server.get("/api/calls")["calls"]
    rows: list[dict[str, object]] = call["streams"]
    return rows


def kill_in_a_row(server: RunningServer) -> None:
    """Each next one as soon as it is there."""
    killed = {0}

    def another() -> bool:
        found = child_running(server.pid, "siprecord.server.recorder") or 0
        new = found not in killed
        killed.add(found)
        return new and kill(found)

    for _ in range(KILLS):
        until(another, "a recorder to kill")


def packet(number: int) -> bytes:
    head = bytes([0x80, 0]) + (700 + number).to_bytes(2) + (160 * number).to_bytes(4) + (0xA11CE).to_bytes(4)
    return head + VOICE.codes[number * FRAME : (number + 1) * FRAME]
