"""The server on either event loop: calls over all transports, a connection that breaks, a recorder that dies.

`SIPRECORD_EVENT_LOOP=asyncio pytest tests/system` is the long form of it.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.recording import wait_recording
from tests.support.server import RunningServer
from tests.support.src import Play, Transport, src
from tests.support.voices import Voice
from tests.system.conftest import Start
from tests.system.test_takeover import kill_recorder

VOICES = Voice(seed=81), Voice(seed=82, law="pcma")
LOOPS = ("asyncio", "uvloop")


def loads_uvloop(server: RunningServer) -> bool:
    return "uvloop" in Path(f"/proc/{server.recorder_pid}/maps").read_text()


def check(server: RunningServer, call_id: str) -> None:
    recording = wait_recording(server, call_id)
    assert recording.outcome == "complete"
    for number, voice in enumerate(VOICES):
        recording.place(number, voice.heard)


def call(server: RunningServer, transport: Transport) -> str:
    with src(server.sip_port, transport) as client:
        client.call()
        client.play(*(Play(voice=voice) for voice in VOICES))
        assert client.reinvite().status == 200
        assert client.bye().status == 200
    return client.call_id


@pytest.mark.parametrize("loop", LOOPS)
def test_calls_on_either_loop(start_server: Start, loop: str) -> None:
    server = start_server(EVENT_LOOP=loop)
    assert loads_uvloop(server) is (loop == "uvloop")
    for transport in ("udp", "tcp"):
        check(server, call(server, transport))
    assert server.stop() == 0


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_a_recorder_that_dies_goes_on_either_loop(
    start_server: Start, loop: str, transport: Transport
) -> None:
    server = start_server(EVENT_LOOP=loop)
    with src(server.sip_port, transport) as client:
        client.call()
        kill_recorder(server)
        client.play(*(Play(voice=voice) for voice in VOICES))
        assert client.bye().status == 200
    check(server, client.call_id)
    assert server.stop() == 0
