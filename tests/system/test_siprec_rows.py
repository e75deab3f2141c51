"""Rows of RFC 7866 and its companions that show only from outside: reports, sources, rights."""

from __future__ import annotations

import json
import socket
import stat
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support import messages
from tests.support.patience import PATIENCE
from tests.support.recording import wait_recording
from tests.support.server import RunningServer
from tests.support.src import Play, src
from tests.support.voices import Voice
from tests.system.conftest import Start

HOST = "127.0.0.1"
VOICE = Voice(seed=60, seconds=0.4)
RECEIVER_REPORT = 201


@contextmanager
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Two UDP sockets as RFC 3550 wants them: an even port, and the odd one above it."""
    while True:
        rtp, rtcp = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
        try:
            rtp.bind((HOST, 0))
            port = rtp.getsockname()[1]
            if port % 2 == 0:
                rtcp.bind((HOST, port + 1))
                break
        except OSError:
            pass
        rtp.close()
        rtcp.close()
    with rtp, rtcp:
        yield rtp, rtcp


def speak(link: socket.socket, port: int, *, begin: int = 0) -> None:
    """A voice of 20 packets, of which the third never comes."""
    for number in range(VOICE.packets):
        if number == 3:
            continue
        head = struct.pack(">BBHII", 0x80, 0, begin + number, (begin + number) * 160, 0xBEEF)
        link.sendto(head + VOICE.codes[number * 160 : (number + 1) * 160], (HOST, port))
        time.sleep(0.002)


@pytest.mark.parametrize("direction", ["sendonly", "inactive"])
def test_RRTP_01_RRTP_02_RRTP_03_OA_13_Q41_reports_go_back(server: RunningServer, direction: str) -> None:
    """From the port on which reports are received, with what was lost, and on hold too."""
    with pair() as (rtp, rtcp), src(server.sip_port, labels=("1",)) as client:
        client.media_ports = (rtp.getsockname()[1],)
        client.call(messages.multipart(client.offer(), messages.METADATA))
        target = client.targets[0]
        speak(rtp, target)
        if direction == "inactive":
            assert client.reinvite("inactive").status == 200
        rtcp.settimeout(PATIENCE)
        report, sender = rtcp.recvfrom(2000)
        assert client.bye().status == 200
    assert sender == (HOST, target + 1)
    assert (report[0] >> 6, report[0] & 31, report[1]) == (2, 1, RECEIVER_REPORT)
    ssrc, lost, highest = struct.unpack(">III", report[8:20])
    assert (ssrc, lost & 0xFFFFFF, highest) == (0xBEEF, 1, VOICE.packets - 1)


def test_RRTP_19_nothing_but_reports_is_ever_sent(server: RunningServer) -> None:
    with pair() as (rtp, rtcp), src(server.sip_port, labels=("1",)) as client:
        client.media_ports = (rtp.getsockname()[1],)
        client.call(messages.multipart(client.offer(), messages.METADATA))
        speak(rtp, client.targets[0])
        rtcp.settimeout(PATIENCE)
        first = rtcp.recv(2000)
        assert client.bye().status == 200
        wait_recording(server, client.call_id)
        received = [first]
        for link in (rtp, rtcp):
            link.settimeout(0.1)
            try:
                while True:
                    received.append(link.recv(2000))
            except TimeoutError:
                pass
    assert all(200 <= datagram[1] <= 204 for datagram in received)


def test_OA_12_media_may_come_from_elsewhere_than_the_sdp_says(server: RunningServer) -> None:
    with src(server.sip_port) as client:
        client.media_ports = (39990, 39992)
        client.call()
        client.play(Play(voice=VOICE), Play(voice=Voice(seed=61, seconds=0.2)))
        assert client.bye().status == 200
        recording = wait_recording(server, client.call_id)
    recording.place(0, VOICE.heard)


def test_META_61_RSEC_13_nobody_else_may_read_what_is_stored(server: RunningServer) -> None:
    with src(server.sip_port) as client:
        client.call()
        client.play(Play(voice=VOICE), Play(voice=Voice(seed=61, seconds=0.2)))
        open_logs = list(server.data.glob("spool/*.pcapng"))
        assert open_logs
        assert [path for path in open_logs if path.stat().st_mode & stat.S_IRWXO] == []
        assert client.bye().status == 200
        folder = wait_recording(server, client.call_id).directory
    stored = [path for path in [folder, *folder.iterdir()] if path.stat().st_mode & stat.S_IRWXO]
    assert stored == []


def test_RESP_04_a_rule_answers_404_to_who_calls_nobody_here(start_server: Start, tmp_path: Path) -> None:
    rule = {"name": "nobody", "action": "refuse", "status": 404, "headers": {"To": "^(?!.*sip:srs@)"}}
    server = start_server(RULES=json.dumps([rule]))
    with src(server.sip_port) as client:
        client.call()
        assert client.bye().status == 200
    with src(server.sip_port) as client:
        invite = client.request("INVITE", messages.multipart(client.offer()))
        assert client.exchange(invite.replace(b"To: <sip:srs@", b"To: <sip:other@")).status == 404
