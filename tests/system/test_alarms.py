"""One-way audio and silence (Q71, Q74), told of while they last: by a real server about real streams."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from tests.support.patience import wait_until
from tests.support.recording import FoundRecording, wait_recording
from tests.support.server import RunningServer
from tests.support.src import Play, Src, src
from tests.support.voices import Voice
from tests.system.conftest import Start

LABELS = ("speaks", "mute", "hushed")


class Hush(Voice):
    """Packets of G.711 in which nothing is heard."""

    @property
    def codes(self) -> bytes:
        return b"\xff" * int(self.seconds * 8000)


VOICE, HUSH = Voice(seed=31), Hush(seed=32)


def call_of(server: RunningServer, client: Src) -> dict[str, Any]:
    (found,) = (each for each in server.get("/api/calls")["calls"] if each["call_id"] == client.call_id)
    return dict(found)


def states(call: dict[str, Any]) -> dict[str, str]:
    streams = call["streams"]
    return {each["name"]: each["alarm"] or ("paused" if each["paused"] else "ok") for each in streams}


def shown(server: RunningServer, client: Src) -> dict[str, str]:
    """The last column of what `siprecord calls show` prints."""
    command = [sys.executable, "-m", "siprecord", "calls", "show", str(call_of(server, client)["id"])]
    url = ["--url", f"http://127.0.0.1:{server.http_port}"]
    rows = subprocess.run([*command, *url], check=True, capture_output=True, text=True).stdout.splitlines()
    words = [row.split() for row in rows if row.split()[:1] and row.split()[0] in LABELS]
    return {row[0]: row[-1] for row in words}


def await_alarms(server: RunningServer, client: Src, **expected: str) -> None:
    wait_until(lambda: states(call_of(server, client)) == expected, f"{expected}")


def send(client: Src, *voices: Voice | None) -> None:
    """A voice for each stream, or nothing, over and over and instead of what was sent before."""
    client.silence()
    streams = zip(voices, client.sockets, client.targets, strict=True)
    client.sender.add_streams(
        [replace(Play(voice=voice).spec(*where), loop=True) for voice, *where in streams if voice]
    )


def lines(server: RunningServer, client: Src) -> list[dict[str, Any]]:
    found = (json.loads(line) for line in server.log.read_text().splitlines() if line.startswith("{"))
    mine = [line for line in found if line.get("call_id") == client.call_id]
    return [line for line in mine if line["event"] == "stream alarm"]


def told(recording: FoundRecording, label: str) -> list[tuple[str, bool, str]]:
    (stream,) = (each for each in recording.metadata["streams"] if each["label"] == label)
    return [(row["kind"], row["over"], row["text"]) for row in stream["alarms"]]


def assert_in_order(rows: Sequence[object], expected: Sequence[object]) -> None:
    """A sender that the machine kept waiting for seconds is told of too, in between."""
    left = iter(rows)
    assert all(row in left for row in expected), (rows, expected)


def test_Q71_Q74_one_way_audio_and_silence_are_told_everywhere_and_never_of_a_held_stream(
    start_server: Start,
) -> None:
    server = start_server(
        RECORDING__ALARM_ONE_WAY_S="2", RECORDING__ALARM_SILENCE_S="2", LOG__FORMAT="json", LOG__LEVEL="info"
    )
    faulty = {"speaks": "ok", "mute": "one_way", "hushed": "silent"}
    with (
        src(server.sip_port, labels=LABELS) as client,
        src(server.sip_port, labels=LABELS) as other,
    ):
        client.call()
        send(client, VOICE, None, HUSH)
        await_alarms(server, client, **faulty)
        assert shown(server, client) == faulty
        page = server.get("/metrics")
        assert 'siprecord_streams_alarmed{kind="one_way"} 1.0' in page
        assert 'siprecord_streams_alarmed{kind="silent"} 1.0' in page

        assert client.reinvite("sendonly", "inactive", "inactive").status == 200
        await_alarms(server, client, speaks="ok", mute="paused", hushed="paused")
        other.call()
        send(other, VOICE, None, HUSH)
        await_alarms(server, other, **faulty)
        assert shown(server, client) == {"speaks": "ok", "mute": "paused", "hushed": "paused"}

        assert client.reinvite("sendonly", "sendonly", "sendonly").status == 200
        await_alarms(server, client, **faulty)
        send(client, VOICE, VOICE, VOICE)
        await_alarms(server, client, speaks="ok", mute="ok", hushed="ok")
        assert other.bye().status == client.bye().status == 200
    recording, still = wait_recording(server, client.call_id), wait_recording(server, other.call_id)
    ends = ("is on hold or paused", "is well again")
    for label, kind in (("mute", "one_way"), ("hushed", "silent")):
        rows = told(recording, label)
        expected = [row for end in ends for row in ((kind, False), (kind, True, f"stream {label} {end}"))]
        assert_in_order([row if row[1] else row[:2] for row in rows], expected)
        assert (kind, False) in [row[:2] for row in told(still, label)]
        own = [line for line in lines(server, client) if line["name"] == label]
        assert [(line["kind"], line["over"], line["text"]) for line in own] == rows
    assert told(recording, "speaks") == []
    every = [told(each, label) for each in (recording, still) for label in LABELS]
    begun = recording.capture.read_bytes().count(b'"stream.alarm"')
    assert begun == sum(not over for rows in every[: len(LABELS)] for _, over, _ in rows)
    page = server.get("/metrics")
    for kind in ("one_way", "silent"):
        begun = sum((row[0], row[1]) == (kind, False) for rows in every for row in rows)
        assert f'siprecord_stream_alarms_total{{kind="{kind}"}} {begun}.0' in page
    assert server.stop() == 0
