"""Wireshark's own dissectors read the capture log of a real call."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from tests.support import messages
from tests.support.patience import PATIENCE
from tests.support.recording import FoundRecording, wait_recording
from tests.support.server import RunningServer
from tests.support.src import Play, Src, Transport, src
from tests.support.voices import Voice

pytestmark = pytest.mark.skipif(
    shutil.which("tshark") is None, reason="tshark is not installed: run `make packages`"
)
ALICE = Voice(seed=1, seconds=0.5)
BOB = Voice(seed=2, seconds=0.5, law="pcma")


def record(server: RunningServer, transport: Transport, size: int = 0) -> tuple[Src, FoundRecording]:
    comment = f"<!--{'x' * size}-->" if size else ""
    metadata = messages.METADATA.replace("</recording>", comment + "</recording>")
    with src(server.sip_port, transport) as client:
        client.call(messages.multipart(client.offer(), metadata))
        client.play(Play(voice=ALICE), Play(voice=BOB))
        assert client.bye().status == 200
    return client, wait_recording(server, client.call_id)


def tshark(capture: Path, display: str, *fields: str) -> list[list[str]]:
    """The fields of all packets that match, by row."""
    wanted = [word for field in fields for word in ("-e", field)]
    command = [
        "tshark",
        "-n",
        "-r",
        str(capture),
        "-Y",
        display,
        "-T",
        "fields",
        "-E",
        "separator=|",
        *wanted,
    ]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert ended.returncode == 0, ended.stderr
    assert not re.search("damaged|cut short", ended.stderr), ended.stderr
    return [line.split("|") for line in ended.stdout.splitlines()]


@pytest.mark.parametrize(
    ("transport", "size"), [("udp", 0), ("tcp", 0), ("tcp", 100_000)], ids=["udp", "tcp", "tcp-100-kB"]
)
def test_a_capture_is_dissected(server: RunningServer, transport: Transport, size: int) -> None:
    client, recording = record(server, transport, size)

    sip = tshark(recording.capture, "sip", "sip.Method", "sip.Status-Code", "sip.Call-ID")
    assert [row[:2] for row in sip] == [
        ["INVITE", ""], ["", "200"], ["ACK", ""], ["BYE", ""], ["", "200"],
    ]  # fmt: skip
    assert {row[2] for row in sip} == {client.call_id}

    (offer,) = tshark(
        recording.capture, 'sip.Method == "INVITE"', "sdp.media", "sip.Content-Length", "sip.CSeq.seq"
    )
    assert offer[0].count("audio") == 2
    assert int(offer[1]) > size

    rtp = tshark(recording.capture, "rtp", "udp.dstport", "rtp.p_type", "rtp.ssrc", "rtp.seq")
    counted = Counter(tuple(row[:3]) for row in rtp)
    first, second = (str(port) for port in client.targets)
    assert counted == {
        (first, "0", f"0x{0x5EED0001:08x}"): ALICE.packets,
        (second, "8", f"0x{0x5EED0002:08x}"): BOB.packets,
    }
    assert [int(row[3]) for row in rtp if row[0] == first] == list(range(1000, 1000 + ALICE.packets))
    assert tshark(recording.capture, "_ws.malformed || _ws.expert.severity >= error", "frame.number") == []


def test_all_addresses_and_times_are_the_true_ones(server: RunningServer) -> None:
    client, recording = record(server, "udp")
    rows = tshark(
        recording.capture, "rtp", "ip.src", "ip.dst", "udp.srcport", "frame.time_epoch", "rtp.p_type"
    )
    assert {(row[0], row[1]) for row in rows} == {("127.0.0.1", "127.0.0.1")}
    assert {row[2] for row in rows} == {str(port) for port in client.media_ports}
    for kind in ("0", "8"):
        times = [float(row[3]) for row in rows if row[4] == kind]
        assert times == sorted(times)
        assert times[-1] - times[0] == pytest.approx(0.02 * (ALICE.packets - 1), abs=0.05)
