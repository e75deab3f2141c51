"""SIP rules that only a whole server with real sockets can show."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator

import pytest

from tests.support import messages
from tests.support.certificates import Authority
from tests.support.patience import PATIENCE
from tests.support.ports import free_port
from tests.support.recording import wait_recording
from tests.support.server import RunningServer
from tests.support.src import Play, src
from tests.support.voices import Voice

TLS_PORT = free_port()
ALICE = Voice(seed=71)
BOB = Voice(seed=72, law="pcma")


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.create(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> Iterator[RunningServer]:
    certificate = authority.issue("127.0.0.1")
    settings = {
        "SIPRECORD_SIP__TLS_PORT": str(TLS_PORT),
        "SIPRECORD_TLS__CERTIFICATE": str(certificate.chain),
        "SIPRECORD_TLS__KEY": str(certificate.key),
    }
    running = RunningServer(tmp_path_factory.mktemp("server"), settings).start()
    yield running
    assert running.stop() == 0, running.log.read_text()


def test_TP_02_options_over_tls(server: RunningServer, authority: Authority) -> None:
    context = ssl.create_default_context(cafile=str(authority.certificate))
    plain = socket.create_connection(("127.0.0.1", TLS_PORT), timeout=PATIENCE)
    with plain, context.wrap_socket(plain, server_hostname="127.0.0.1") as client:
        client.sendall(messages.request("OPTIONS", "tls1").replace(b"/UDP", b"/TLS"))
        assert client.recv(4096).startswith(b"SIP/2.0 200 OK")
        (listed,) = server.get("/api/connections")["connections"]
        assert (listed["transport"], listed["state"], listed["messages"]) == ("tls", "open", 1)


def test_INV_02_INV_09_media_before_the_ack_and_up_to_the_bye_is_stored(server: RunningServer) -> None:
    with src(server.sip_port) as client:
        assert client.invite().status == 200
        client.play(Play(voice=ALICE), Play(voice=BOB))
        client.ack()
        assert client.bye().status == 200
    recording = wait_recording(server, client.call_id)
    for number, voice in enumerate((ALICE, BOB)):
        recording.place(number, voice.heard)
        assert recording.stream(number)["packets_received"] == voice.packets
