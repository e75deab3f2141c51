"""Ten thousand broken messages leave the server answering, with flat memory."""

from __future__ import annotations

import random
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import messages
from tests.support.patience import PATIENCE
from tests.support.server import RunningServer

MESSAGES = 10_000
WARM_UP = 4_000
GROWTH_KIB = 12 * 1024
"""Allocators keep some; a leak of one message of 2 kB each would be 20 MiB."""

METHODS = ("INVITE", "INVITE", "OPTIONS", "BYE", "ACK", "CANCEL", "UPDATE", "INFO", "REGISTER")
NASTY = (b"\r\n\r\n", b"\0" * 9, b"9" * 40, b"<" * 50, b'"', b"\xff\xfe", b";,:@")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RunningServer]:
    settings = {"SIPRECORD_SIP__T1_MS": "50", "SIPRECORD_MAX_CONCURRENT_CALLS": "20"}
    running = RunningServer(tmp_path, settings).start()
    yield running
    assert running.stop() == 0


def mutate(message: bytes, source: random.Random) -> bytes:
    """One to four wounds: a byte changed, a piece removed, doubled, moved, or replaced by something nasty."""
    data = bytearray(message)
    for _ in range(source.randint(1, 4)):
        start = source.randrange(len(data))
        end = min(len(data), start + source.choice((1, 2, 8, 60, 400)))
        wound = source.randrange(5)
        if wound == 0:
            data[start] = source.randrange(256)
        elif wound == 1:
            del data[start:end]
        elif wound == 2:
            data[start:start] = data[start:end]
        elif wound == 3:
            piece = bytes(data[start:end])
            del data[start:end]
            data[source.randrange(len(data) + 1) : 0] = piece
        else:
            data[start:end] = source.choice(
                (b"\r\n\r\n", b"\0" * 9, b"9" * 40, b"<" * 50, b'"', b"\xff\xfe", b";,:@")
            )
        if not data:
            return b"\r\n"
    return bytes(data)


def good(number: int, source: random.Random) -> bytes:
    call = f"h{number}"
    method = source.choice(
        ("INVITE", "INVITE", "OPTIONS", "BYE", "ACK", "CANCEL", "UPDATE", "INFO", "REGISTER")
    )
    body = messages.multipart(messages.sdp()) if method in ("INVITE", "UPDATE") else ""
    return messages.request(method, call, body=body)


def assault(server: RunningServer, numbers: range) -> None:
    source = random.Random(numbers.start)
    target = ("127.0.0.1", server.sip_port)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        for number in numbers:
            message = mutate(good(number, source), source)
            if number % 4:
                udp.sendto(message[:65000], target)
            else:
                send_tcp(target, message)
            if number % 100 == 0:
                assert answers(server), f"no answer after message {number}"


def send_tcp(target: tuple[str, int], message: bytes) -> None:
    with socket.create_connection(target, timeout=PATIENCE) as connection:
        connection.sendall(message)


def answers(server: RunningServer) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ping:
        ping.settimeout(PATIENCE)
        ping.sendto(messages.request("OPTIONS", f"ping{time.monotonic_ns()}"), ("127.0.0.1", server.sip_port))
        return ping.recv(65535).startswith(b"SIP/2.0 ")


def settle(server: RunningServer) -> None:
    """Wait until the calls that the assault opened are over, so that memory is compared at rest."""
    end = time.monotonic() + PATIENCE
    while server.get("/api/status")["calls"]:
        assert time.monotonic() < end, "calls without an ACK did not end"
        time.sleep(0.1)


def test_ten_thousand_hostile_messages(server: RunningServer) -> None:
    assault(server, range(WARM_UP))
    settle(server)
    before = server.resident_kib()
    assault(server, range(WARM_UP, WARM_UP + MESSAGES))
    settle(server)
    assert answers(server)
    assert server.resident_kib() - before < GROWTH_KIB
