"""How calls end, and how the server does."""

from __future__ import annotations

import json
import signal
import time
import urllib.error
import urllib.request
from typing import Any

import pytest

from tests.support import audio
from tests.support.patience import PATIENCE
from tests.support.recording import FoundRecording, wait_recording
from tests.support.server import RunningServer
from tests.support.src import Play, Src, src
from tests.support.voices import Voice
from tests.system.conftest import Start

ALICE = Voice(seed=1, seconds=0.4)
BOB = Voice(seed=2, seconds=0.4, law="pcma")
LONG = Voice(seed=3, seconds=8)
T1 = 0.5
"""The BYE of a server that is ended is given up after 64*T1."""
QUICK = {"RECORDING__MEDIA_TIMEOUT_S": "2.5", "SIP__T1_MS": "50", "RECORDING__DRAIN_GRACE_S": "1"}
PATIENT = {"RECORDING__SHUTDOWN_GRACE_S": str(PATIENCE)}
"""Rendering at the end of a server takes its time on a busy machine."""


def check_audio(recording: FoundRecording) -> None:
    recording.place(0, ALICE.heard)
    recording.place(1, BOB.heard)


def health(server: RunningServer) -> tuple[int, Any]:
    """Status and body of /health/ready."""
    try:
        with urllib.request.urlopen(
            f"http://127.0.0.1:{server.http_port}/health/ready", timeout=PATIENCE
        ) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def wait_until_draining(server: RunningServer) -> None:
    end = time.monotonic() + PATIENCE
    while health(server)[0] != 503:
        assert time.monotonic() < end, "the server does not drain"
        time.sleep(0.02)


def speak(client: Src) -> None:
    client.call()
    client.play(Play(voice=ALICE), Play(voice=BOB))


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A server that notices silence after 2.5 s, and a missing ACK after 3.2 s."""
    settings = {f"SIPRECORD_{name}": value for name, value in QUICK.items()}
    running = RunningServer(tmp_path_factory.mktemp("quick"), settings).start()
    yield running
    assert running.stop() == 0, running.log.read_text()


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_bye_completes_the_recording(server: RunningServer, transport: Any) -> None:
    with src(server.sip_port, transport) as client:
        speak(client)
        assert client.bye().status == 200
    recording = wait_recording(server, client.call_id)
    assert recording.outcome == "complete"
    check_audio(recording)


def test_a_second_bye_finds_no_call(server: RunningServer) -> None:
    with src(server.sip_port) as client:
        client.call()
        assert client.bye().status == 200
        assert client.bye().status == 481


def test_cancel_after_the_answer_changes_nothing(server: RunningServer) -> None:
    with src(server.sip_port) as client:
        response = client.invite()
        assert response.status == 200
        client.to_tag = ""
        assert client.exchange(client.request("CANCEL", number=1)).status == 200
        client.take(response)
        client.ack()
        client.play(Play(voice=ALICE), Play(voice=BOB))
        assert client.bye().status == 200
    recording = wait_recording(server, client.call_id)
    assert recording.outcome == "complete"
    check_audio(recording)


def test_cancel_of_nothing_is_481(server: RunningServer) -> None:
    with src(server.sip_port) as client:
        assert client.exchange(client.request("CANCEL")).status == 481


def test_silence_on_all_streams_ends_the_call(quick: RunningServer) -> None:
    with src(quick.sip_port) as client:
        speak(client)
        bye = client.await_request("BYE")
        assert "No media" in (bye.headers.get("Reason") or "")
    recording = wait_recording(quick, client.call_id)
    assert recording.outcome == "no_media"
    check_audio(recording)


def test_one_stream_that_speaks_keeps_the_call(quick: RunningServer) -> None:
    long = Voice(seed=4, seconds=3.5)
    with src(quick.sip_port) as client:
        client.call()
        client.play(Play(voice=long))
        assert client.hears_nothing_new(0.1)
        assert client.bye().status == 200
    recording = wait_recording(quick, client.call_id)
    assert recording.outcome == "complete"
    recording.place(0, long.heard)
    assert recording.stream(1)["packets_received"] == 0


def test_silence_on_hold_is_no_end(quick: RunningServer) -> None:
    with src(quick.sip_port) as inactive, src(quick.sip_port) as receiving:
        held = (inactive, "inactive"), (receiving, "recvonly")
        for client, direction in held:
            speak(client)
            assert client.reinvite(direction, direction).status == 200
        for client, _ in held:
            assert client.hears_nothing_new(3), "the server hung up on a held call"
        for client, _ in held:
            assert client.reinvite("sendonly", "sendonly").status == 200
            assert client.bye().status == 200
    for client, _ in held:
        recording = wait_recording(quick, client.call_id)
        assert recording.outcome == "complete"
        check_audio(recording)


def test_no_ack_ends_the_call_and_keeps_what_came(quick: RunningServer) -> None:
    with src(quick.sip_port) as client:
        assert client.invite().status == 200
        client.start(Play(voice=ALICE), Play(voice=LONG))  # so that silence is not what ends it
        client.await_request("BYE")
    recording = wait_recording(quick, client.call_id)
    assert recording.outcome == "no_ack"
    recording.place(0, ALICE.heard)
    recording.place(1, LONG.heard[: audio.RATE])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_lets_running_calls_finish(start_server: Start, number: signal.Signals) -> None:
    server = start_server(**PATIENT)
    with src(server.sip_port) as client, src(server.sip_port) as late:
        client.call()
        client.start(Play(voice=ALICE), Play(voice=BOB))
        server.process.send_signal(number)  # type: ignore[union-attr]
        wait_until_draining(server)
        assert "draining" in json.dumps(health(server)[1])
        refused = late.invite()
        assert (refused.status, refused.headers.get("Retry-After")) == (503, "30")
        assert late.exchange(late.request("OPTIONS")).status == 503
        assert client.sender.wait(PATIENCE)
        assert client.bye().status == 200
        assert server.process.wait(PATIENCE) == 0  # type: ignore[union-attr]
    recording = wait_recording(server, client.call_id, seconds=0.1)
    assert recording.outcome == "complete"
    check_audio(recording)
    assert "Traceback" not in server.log.read_text()


def test_a_second_sigterm_ends_at_once_and_still_finalises(start_server: Start) -> None:
    server = start_server(**PATIENT)
    assert server.process is not None
    with src(server.sip_port) as client:
        speak(client)
        server.process.send_signal(signal.SIGTERM)
        wait_until_draining(server)
        server.process.send_signal(signal.SIGTERM)
        client.await_request("BYE")
        assert server.process.wait(PATIENCE) == 0
    recording = wait_recording(server, client.call_id, seconds=0.1)
    assert recording.outcome == "drained"
    check_audio(recording)
    assert "Traceback" not in server.log.read_text()


def test_the_grace_time_ends_calls_that_go_on(start_server: Start) -> None:
    server = start_server(RECORDING__DRAIN_GRACE_S="0.3", **PATIENT)
    assert server.process is not None
    with src(server.sip_port) as client:
        speak(client)
        server.process.send_signal(signal.SIGTERM)
        client.await_request("BYE")
        assert server.process.wait(PATIENCE) == 0
    recording = wait_recording(server, client.call_id, seconds=0.1)
    assert recording.outcome == "drained"
    check_audio(recording)


def test_a_client_that_is_gone_does_not_keep_the_server(start_server: Start) -> None:
    """Its BYE is answered by nobody; the server ends all the same, within its grace time."""
    server = start_server(RECORDING__DRAIN_GRACE_S="0", RECORDING__SHUTDOWN_GRACE_S="1")
    with src(server.sip_port) as client:
        speak(client)
    begun = time.monotonic()
    assert server.stop() == 0
    assert time.monotonic() - begun < 64 * T1
    again = start_server()  # it has rendered by now, or does so first
    recording = wait_recording(again, client.call_id)
    assert recording.outcome == "drained"
    check_audio(recording)
    assert again.stop() == 0


def test_an_idle_server_ends_at_once(start_server: Start) -> None:
    server = start_server(**PATIENT)
    begun = time.monotonic()
    assert server.stop(signal.SIGINT) == 0
    assert time.monotonic() - begun < PATIENCE
