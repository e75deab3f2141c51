"""A client that comes back in another dialog, against a running server with real audio."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress

from tests.support.recording import wait_recording
from tests.support.server import RunningServer
from tests.support.src import Play, Src, src
from tests.support.voices import Voice
from tests.system.conftest import Start

FIRST = Voice(seed=1, seconds=1), Voice(seed=2, seconds=1, law="pcma")
SECOND = Voice(seed=3, seconds=1), Voice(seed=4, seconds=1, law="pcma")


def replaces(client: Src) -> str:
    value = f"{client.call_id};to-tag={client.to_tag};from-tag={client.call_id}"
    return f"Require: replaces\r\nReplaces: {value}\r\n"


def check_one_recording(server: RunningServer, first: Src, second: Src) -> None:
    """One recording with what both dialogs sent, in the same channels."""
    recording = wait_recording(server, first.call_id)
    assert len(server.recordings()) == 1
    assert recording.outcome == "complete"
    assert [each["call_id"] for each in recording.metadata["dialogs"]] == [first.call_id, second.call_id]
    for number in range(2):
        one = recording.place(number, FIRST[number].heard)
        other = recording.place(number, SECOND[number].heard)
        assert other >= one + len(FIRST[number].heard)
        assert recording.stream(number)["packets_received"] == 100


def play_first(client: Src) -> None:
    client.call()
    client.play(*(Play(voice=voice) for voice in FIRST))
    time.sleep(0.2)  # the last packet still sounds when it is sent: what follows at once would cover its end


def go_on(server: RunningServer, first: Src, second: Src) -> None:
    second.call(headers=replaces(first))
    assert second.targets == first.targets
    assert first.await_request("BYE").call_id == first.call_id
    second.play(*(Play(voice=voice) for voice in SECOND))
    assert second.bye().status == 200
    check_one_recording(server, first, second)


def kill_recorder(server: RunningServer) -> None:
    """And wait until another one serves in its place."""
    before = after = server.recorder_pid
    os.kill(before, signal.SIGKILL)
    end = time.monotonic() + 30
    while after == before:
        assert time.monotonic() < end, "no new recorder"
        time.sleep(0.05)
        with suppress(OSError):
            after = server.recorder_pid


def test_EXT_03_another_node_takes_the_recording_over(start_server: Start) -> None:
    server = start_server()
    with src(server.sip_port) as first, src(server.sip_port, "tcp") as second:
        play_first(first)
        go_on(server, first, second)
    assert server.stop() == 0


def test_EXT_03_also_after_the_recorder_was_killed(start_server: Start) -> None:
    server = start_server()
    with src(server.sip_port) as first, src(server.sip_port) as second:
        play_first(first)
        kill_recorder(server)
        go_on(server, first, second)
    assert server.stop() == 0


def test_R6_a_client_that_crashed_and_calls_again_is_the_continuation(start_server: Start) -> None:
    """No Replaces: its old dialog is forgotten. The recording of before ends by silence, as it would."""
    server = start_server(RECORDING__MEDIA_TIMEOUT_S="4")
    with src(server.sip_port) as first, src(server.sip_port) as second:
        first.call()
        first.play(*(Play(voice=voice) for voice in FIRST))
        time.sleep(2.2)  # so long it must be silent: `recording.succession.SILENT_S`
        second.call()
        second.play(*(Play(voice=voice) for voice in SECOND))
        assert second.bye().status == 200
        later, earlier = wait_recording(server, second.call_id), wait_recording(server, first.call_id)
        told = later.metadata["continues"]
        assert told["recording_id"] == earlier.metadata["recording_id"]
        assert (told["by"], earlier.metadata["continues"]) == ("session", None)
        assert told["gap_s"] >= 2
        assert (earlier.outcome, later.outcome) == ("no_media", "complete")
    assert server.stop() == 0
