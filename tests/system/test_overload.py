"""Bad peers, each while a real call runs: that call loses no packet, and the server stays reachable."""

from __future__ import annotations

import resource
import socket
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

import pytest

from tests.support import messages
from tests.support.certificates import Authority
from tests.support.patience import PATIENCE, wait_until
from tests.support.ports import free_port
from tests.support.recording import wait_recording
from tests.support.server import RunningServer
from tests.support.src import Play, src
from tests.support.voices import Voice

HALF_OPEN = min(1_000, resource.getrlimit(resource.RLIMIT_NOFILE)[1] // 4 * 2 - 100)
"""A thousand, where we may open as many files."""
FLOOD, BURST = 1_000, 50
MAX_CALLS = 50
GIBIBYTE = 1 << 30
MAX_PARTIAL = 8 << 20
HOST = "127.0.0.1"


def start(tmp_path_factory: pytest.TempPathFactory, **more: str) -> RunningServer:
    settings = {
        "MAX_CONCURRENT_CALLS": str(MAX_CALLS),
        "SIP__T1_MS": "100",
        "SIP__MAX_CONNECTIONS_PER_SOURCE": str(HALF_OPEN),
        "SIP__MAX_PARTIAL_BYTES": str(MAX_PARTIAL),
        "RECORDING__DRAIN_GRACE_S": "1",
        "RECORDING__MIN_FREE_BYTES": "0",
        **more,
    }
    named = {f"SIPRECORD_{name}": value for name, value in settings.items()}
    return RunningServer(tmp_path_factory.mktemp("server"), named).start()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    running = start(tmp_path_factory)
    yield running
    assert running.stop() == 0, running.log.read_text()


@pytest.fixture(scope="module")
def hasty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server that waits for nothing longer than a second."""
    certificate = Authority.create(tmp_path_factory.mktemp("ca")).issue(HOST)
    running = start(
        tmp_path_factory,
        SIP__MESSAGE_TIMEOUT_S="1",
        SIP__FIRST_MESSAGE_TIMEOUT_S="1",
        SIP__HANDSHAKE_TIMEOUT_S="1",
        SIP__TLS_PORT=str(free_port()),
        TLS__CERTIFICATE=str(certificate.chain),
        TLS__KEY=str(certificate.key),
    )
    yield running
    assert running.stop() == 0, running.log.read_text()


@contextmanager
def unharmed_call(server: RunningServer, seconds: float, seed: int) -> Iterator[None]:
    """A call of two voices that runs all the while; at the end each packet is in its recording."""
    voices = Voice(seed=seed, seconds=seconds), Voice(seed=seed + 1, seconds=seconds, law="pcma")
    with src(server.sip_port) as client:
        client.call()
        client.start(*(Play(voice=voice) for voice in voices))
        yield
        assert client.sender.wait(PATIENCE)
        assert client.bye().status == 200
    recording = wait_recording(server, client.call_id)
    assert recording.outcome == "complete"
    for number, voice in enumerate(voices):
        stream = recording.stream(number)
        assert (stream["packets_received"], stream["packets_lost"]) == (voice.packets, 0)
        recording.place(number, voice.heard)


def connect(server: RunningServer, port: int | None = None) -> socket.socket:
    return socket.create_connection((HOST, port or server.sip_port), timeout=PATIENCE)


def connections(server: RunningServer) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = server.get("/api/connections")["connections"]
    return listed


def wait_until_closed(sockets: list[socket.socket]) -> None:
    """Each peer sees the end of its connection."""
    for one in sockets:
        one.settimeout(PATIENCE)
        try:
            while one.recv(4096):
                pass
        except ConnectionResetError:
            pass


def ping(server: RunningServer) -> None:
    """An OPTIONS over UDP is answered."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(PATIENCE)
        client.sendto(messages.request("OPTIONS", f"ping{time.monotonic_ns()}"), (HOST, server.sip_port))
        assert client.recv(65535).startswith(b"SIP/2.0 ")


def tls_port(server: RunningServer) -> int:
    return int(server.settings["SIPRECORD_SIP__TLS_PORT"])


def states(server: RunningServer) -> Counter[str]:
    """Connections by state."""
    return Counter(each["state"] for each in connections(server))


def counted(server: RunningServer, event: str, transport: str) -> int:
    name = f'siprecord_connection_events_total{{event="{event}",transport="{transport}"}}'
    lines = server.get("/metrics").splitlines()
    return next((int(float(line.split()[-1])) for line in lines if line.startswith(name)), 0)


def test_TP_19_a_thousand_half_open_connections(server: RunningServer) -> None:
    """Half of them say nothing, half have begun a request; a source has no more than its share."""
    with unharmed_call(server, 1, seed=10), ExitStack() as stack:
        sockets = [stack.enter_context(connect(server)) for _ in range(HALF_OPEN)]
        for one in sockets[::2]:
            one.sendall(b"INVITE sip:srs@127.0.0.1 SIP/2.0\r\nVia: ")
        ping(server)
        wait_until(lambda: states(server) == {"open": HALF_OPEN // 2, "receiving": HALF_OPEN // 2})
        extra = stack.enter_context(connect(server))
        assert extra.recv(1) == b"", "above the limit of one source"
    wait_until(lambda: connections(server) == [])


def test_TP_19_connections_that_bring_no_message_are_closed(hasty: RunningServer) -> None:
    """Half of them say nothing, half drip a request byte by byte."""
    with unharmed_call(hasty, 2, seed=15), ExitStack() as stack:
        sockets = [stack.enter_context(connect(hasty)) for _ in range(100)]
        for one in sockets[::2]:
            one.sendall(b"INVITE sip:srs@127.0.0.1 SIP/2.0\r\nVia: ")
        with suppress(ConnectionError):
            for one in sockets[::2]:
                one.sendall(b"S")
        wait_until_closed(sockets)
        assert counted(hasty, "connections_timed_out", "tcp") == 100
    assert connections(hasty) == []


def test_TP_19_a_tls_handshake_that_never_ends(hasty: RunningServer) -> None:
    with unharmed_call(hasty, 2, seed=20), ExitStack() as stack:
        sockets = [stack.enter_context(connect(hasty, tls_port(hasty))) for _ in range(100)]
        for one in sockets[::2]:
            one.sendall(b"\x16\x03\x01\x02\x00\x01")  # the first bytes of a ClientHello
        ping(hasty)
        assert states(hasty).keys() <= {"opening"}
        wait_until_closed(sockets)
    assert connections(hasty) == []


def test_TP_19_a_body_of_two_gibibytes_is_refused_by_its_announcement(server: RunningServer) -> None:
    head = messages.request("INVITE", "huge").replace(
        b"Content-Length: 0", b"Content-Length: %d" % (2 * GIBIBYTE)
    )
    with unharmed_call(server, 2, seed=30), connect(server) as client:
        before = server.resident_kib()
        client.sendall(head + b"x" * 10_000)
        answer = client.recv(4096)
        assert answer.startswith(b"SIP/2.0 413"), answer
        wait_until_closed([client])
        assert server.resident_kib() - before < 8 * 1024


def test_TP_19_a_thousand_senders_of_half_a_message(server: RunningServer) -> None:
    """Together they would hold 125 MiB; what they may hold is bounded, whatever one of them is allowed."""
    head = messages.request("INVITE", "half").replace(b"/UDP", b"/TCP")
    head = head.replace(b"Content-Length: 0", b"Content-Length: 1000000")
    with unharmed_call(server, 2, seed=60), ExitStack() as stack:
        before, refused = server.resident_kib(), counted(server, "partials_refused", "tcp")
        sockets = [stack.enter_context(connect(server)) for _ in range(HALF_OPEN)]
        for one in sockets:
            with suppress(OSError):  # it is closed under our hands
                one.sendall(head + b"x" * 128 * 1024)
        ping(server)
        assert server.resident_kib() - before < 10 * MAX_PARTIAL // 1024, "buffers and bookkeeping included"
        assert counted(server, "partials_refused", "tcp") > refused
    wait_until(lambda: connections(server) == [])


def test_TP_19_ten_thousand_headers(server: RunningServer) -> None:
    good = messages.request("INVITE", "many").replace(b"/UDP", b"/TCP")
    rows = b"".join(b"X-%d: y\r\n" % number for number in range(10_000))
    with unharmed_call(server, 2, seed=40), connect(server) as client:
        client.sendall(good.replace(b"Content-Length", rows + b"Content-Length"))
        answer = client.recv(4096)
        assert answer.startswith((b"SIP/2.0 400", b"SIP/2.0 513")), answer
        wait_until_closed([client])
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            few = b"".join(b"X-%d: y\r\n" % number for number in range(4_000))
            udp.settimeout(PATIENCE)
            udp.connect((HOST, server.sip_port))
            udp.send(messages.request("INVITE", "many2").replace(b"Content-Length", few + b"Content-Length"))
            assert udp.recv(4096).startswith((b"SIP/2.0 400", b"SIP/2.0 513"))


def test_OVL_03_a_flood_of_invites_without_ack(server: RunningServer) -> None:
    """Beyond the limit 503 comes at once; the calls that were let in end by themselves after 64*T1."""
    body = messages.multipart(messages.sdp())
    invites = {
        f"flood{number}".encode(): messages.request("INVITE", f"flood{number}", body=body)
        for number in range(FLOOD)
    }
    with unharmed_call(server, 3, seed=50), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        wait_until(lambda: server.get("/api/status")["calls"] == 1)  # that of the test before may still end
        udp.connect((HOST, server.sip_port))
        udp.settimeout(0.05)
        statuses: dict[bytes, bytes] = {}
        end = time.monotonic() + PATIENCE
        while unanswered := list(invites.keys() - statuses.keys()):
            assert time.monotonic() < end, f"{len(unanswered)} were not answered"
            for call in unanswered[:BURST]:  # those that the kernel dropped are sent again
                udp.send(invites[call])
            while _take(udp, statuses):
                pass
            assert server.get("/api/status")["calls"] <= MAX_CALLS
        ping(server)
        found = Counter(statuses.values())
        assert found.keys() == {b"200", b"503"}
        assert found[b"200"] >= MAX_CALLS - 1, "one place is taken by the call that runs"
    wait_until(lambda: server.get("/api/status")["calls"] == 0)


def _take(udp: socket.socket, statuses: dict[bytes, bytes]) -> bool:
    """Read one answer; False when none has come."""
    try:
        answer = udp.recv(65535)
    except TimeoutError:
        return False
    status, at = answer[8:11], answer.find(b"\r\nCall-ID: ")
    if answer.startswith(b"SIP/2.0 ") and status >= b"200" and b"INVITE\r\n" in answer:
        statuses[answer[at + 11 : answer.index(b"\r\n", at + 2)]] = status
    return True
