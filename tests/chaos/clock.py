"""Somebody sets the clock of the machine in mid-call, as NTP does after a long time without network."""

from __future__ import annotations

import time
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

from tests.chaos.proof import Scale, need
from tests.chaos.storm import kill_recorder
from tests.support.patience import PATIENCE, wait_until
from tests.support.recording import FoundRecording, wait_recording
from tests.support.server import RunningServer, served
from tests.support.src import Play, Src, src
from tests.support.stepclock import StepClock
from tests.support.voices import Voice

HOUR = 3600.0
VOICES = (Voice(seed=81, seconds=5.0), Voice(seed=82, seconds=5.0, law="pcma"))
SLACK_S = 30.0
"""What a busy machine may add to times; an hour is far from it."""


def clock_set(scale: Scale, directory: Path) -> str:
    """An hour on, the recorder dies, two hours back: audio, times and timers stay what they were."""
    clock = StepClock(directory / "clock")
    with served(directory, settings=clock.settings) as server, src(server.sip_port) as client:
        begun = time.monotonic()
        client.call()
        client.start(*(Play(voice=voice) for voice in VOICES))
        for packets, seconds in ((50, HOUR), (150, -2 * HOUR)):
            _await_sent(client, packets)
            clock.set(seconds)
            _check_running(server, begun)
            need(kill_recorder(server), "no recorder to kill")
            server.wait_ready()
            need(client.reinvite().status == 200, "no re-INVITE after it")
        need(client.sender.wait(PATIENCE), "the audio does not end")
        need(client.link.receive(0.3) is None, "the server asked for something: a timer fired")
        need(client.bye().status == 200, "BYE")
        seconds = time.monotonic() - begun
        _check(wait_recording(server, client.call_id), seconds)
        _check_next(server, clock)
    packets = sum(voice.packets for voice in VOICES)
    return (
        "the clock set by +1 h and by -2 h in a call, packet stamps with it, the recorder killed after each: "
        f"{packets} packets at their places, the recording {seconds:.0f} s long as in truth, events and "
        "absences in order, both settings noted, no timer fired; the next call has the new time"
    )


def _await_sent(client: Src, packets: int) -> None:
    wait_until(lambda: min(client.sent) > packets, "audio flows")


def _check_running(server: RunningServer, begun: float) -> None:
    (call,) = server.get("/api/calls")["calls"]
    need(0 <= call["duration_s"] < time.monotonic() - begun + SLACK_S, call["duration_s"])
    for stream in call["streams"]:
        need(0 <= stream["last_packet_s"] < SLACK_S, f"the last packet {stream['last_packet_s']} s ago")


def _check(recording: FoundRecording, seconds: float) -> None:
    document = recording.metadata
    need(recording.outcome == "complete", recording.outcome)
    need(abs(document["duration_s"] - seconds) < SLACK_S, f"{document['duration_s']} s long, not {seconds}")
    for number, voice in enumerate(VOICES):
        recording.assert_spoken(number, voice.heard)
        row = recording.stream(number)
        need((row["packets_lost"], row["packets_received"]) == (0, voice.packets), row)
        need(row["packets_reordered"] == 0, "out of order")
        _in_order(document["started"], row["first_packet"], row["last_packet"], document["ended"])
    absences = document["absences"]
    need([each["cause"] for each in absences] == ["restart", "restart"], absences)
    _in_order(document["started"], *(each[end] for each in absences for end in ("gone", "back")))
    _in_order(absences[-1]["back"], document["ended"])
    settings = [round(each["by_s"]) for each in document["clock_settings"]]
    need(settings == [HOUR, -2 * HOUR], document["clock_settings"])


def _in_order(*times: str) -> None:
    moments = [datetime.fromisoformat(each) for each in times]
    need(all(first <= second for first, second in pairwise(moments)), f"not in order: {times}")


def _check_next(server: RunningServer, clock: StepClock) -> None:
    """A call that begins now is recorded by the clock as it is now."""
    with src(server.sip_port) as client:
        _speak(client)
    document: dict[str, Any] = wait_recording(server, client.call_id).metadata
    started = datetime.fromisoformat(document["started"]).timestamp()
    need(abs(started - clock.time()) < SLACK_S, f"it began {started - clock.time():.0f} s from now")
    need(document["clock_settings"] == [], document["clock_settings"])


def _speak(client: Src) -> None:
    client.call()
    client.play(Play(voice=Voice(seed=83, seconds=0.2)))
    need(client.bye().status == 200, "BYE")
