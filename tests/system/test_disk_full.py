"""The disk is full in the middle of a call: one message, new calls go elsewhere, running ones go on."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support.disk import Disk, mounted
from tests.support.patience import PATIENCE, wait_until
from tests.support.recording import wait_recording
from tests.support.server import RunningServer
from tests.support.src import Play, Src, src
from tests.support.voices import Voice
from tests.system.conftest import Start

SETTINGS = {"RECORDING__MIN_FREE_BYTES": "1000000"}


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    with mounted(tmp_path / "data", "size=16m") as found:
        yield found


def ready(server: RunningServer) -> tuple[int, Any]:
    try:
        with urllib.request.urlopen(
            f"http://127.0.0.1:{server.http_port}/health/ready", timeout=PATIENCE
        ) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def messages_of(server: RunningServer, level: str) -> list[dict[str, Any]]:
    rows = [json.loads(line) for line in server.log.read_text().splitlines()]
    return [row for row in rows if row["level"] == level]


def refusal(client: Src) -> str:
    """A new call is refused for a while; gives the reason that stands in the answer."""
    refused = client.invite()
    assert (refused.status, refused.headers.get("Retry-After")) == (503, "30")
    return refused.headers.get("Warning") or ""


def test_a_short_shortage_costs_nothing(start_server: Start, disk: Disk) -> None:
    server = start_server(**SETTINGS)
    alice, bob = Voice(seed=1, seconds=5), Voice(seed=2, seconds=5, law="pcma")
    with src(server.sip_port) as client, src(server.sip_port) as other:
        client.call()
        client.start(Play(voice=alice), Play(voice=bob))
        wait_until(lambda: min(server.stored()) > 0)
        disk.fill()
        wait_until(lambda: "MiB free" in refusal(other))  # it may be 2 s until the disk is asked again
        wait_for_health(server, 503)
        status, body = ready(server)
        assert status == 503
        assert "disk_low" in json.dumps(body)
        disk.relieve()
        wait_for_health(server, 200)
        assert client.sender.wait(PATIENCE)
        assert client.bye().status == 200
    recording = wait_recording(server, client.call_id)
    recording.place(0, alice.heard)
    recording.place(1, bob.heard)
    assert recording.outcome == "complete"
    assert [recording.stream(number)["packets_lost"] for number in (0, 1)] == [0, 0]
    (told,) = messages_of(server, "error")
    assert "No space left on device" in told["event"]
    assert str(server.data) in json.dumps(told)
    assert server.stop() == 0


def test_after_a_long_shortage_the_recording_goes_on(start_server: Start, disk: Disk) -> None:
    """What memory can't hold is lost; what came before and after is right, and the gap is told."""
    server = start_server(**SETTINGS, MEDIA__MAX_PENDING_BYTES="65536")
    voices = [Voice(seed=seed, seconds=5) for seed in (1, 2, 3, 4)]
    with src(server.sip_port, labels=("1", "2", "3", "4")) as client:
        client.call()
        client.start(*(Play(voice=voice) for voice in voices))
        time.sleep(1)
        disk.fill()
        time.sleep(2.5)
        disk.relieve()
        assert client.sender.wait(PATIENCE)
        assert client.bye().status == 200
    recording = wait_recording(server, client.call_id)
    assert recording.outcome == "complete"
    for number, voice in enumerate(voices):
        row = recording.stream(number)
        at = recording.place(number, voice.heard[:8000])
        gaps = [gap for gap in row["gaps"] if gap["cause"] != "after_end"]
        (gap,) = [gap for gap in gaps if gap["start_s"] * 8000 > at]
        start, end = round(gap["start_s"] * 8000), round(gap["end_s"] * 8000)
        channel = recording.channels[number]
        assert np.array_equal(channel[at:start], voice.heard[: start - at])
        assert not np.any(channel[start:end])
        assert np.array_equal(channel[end : at + len(voice.heard)], voice.heard[end - at :])
        assert row["packets_lost"] == (end - start) // 160 > 0
    (told,) = messages_of(server, "error")
    assert "No space left on device" in told["event"]
    (recovered,) = [row for row in messages_of(server, "info") if row.get("kind") == "write_recovered"]
    lost = sum(recording.stream(number)["packets_lost"] for number in range(4))
    assert recovered["dropped"] == lost
    assert server.stop() == 0


def test_a_server_started_on_a_full_disk_takes_calls_when_there_is_room(disk: Disk) -> None:
    disk.fill()
    server = RunningServer(
        disk.folder.parent, {f"SIPRECORD_{name}": value for name, value in SETTINGS.items()}
    )
    with server.log.open("ab") as log:
        server.process = subprocess.Popen(
            [sys.executable, "-m", "siprecord", "serve"], env=server.environment(), stdout=log, stderr=log
        )
    try:
        wait_for_health(server, 503)
        assert "disk_low" in json.dumps(ready(server)[1])
        disk.relieve()
        wait_for_health(server, 200)
        with src(server.sip_port) as client:
            client.call()
            client.play(Play(voice=Voice(seed=1)))
            assert client.bye().status == 200
        wait_recording(server, client.call_id).place(0, Voice(seed=1).heard)
    finally:
        assert server.stop() == 0
    assert "Traceback" not in server.log.read_text()


def wait_for_health(server: RunningServer, status: int) -> None:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        with contextlib.suppress(urllib.error.URLError, ConnectionError):
            found, body = ready(server)
            if found == status and "starting" not in json.dumps(body):
                return
        time.sleep(0.05)
    raise AssertionError(f"/health/ready never was {status}:\n{server.log.read_text()}")


def test_a_call_that_ends_on_a_full_disk_is_rendered_at_the_next_start(
    start_server: Start, disk: Disk
) -> None:
    server = start_server(**SETTINGS)
    voice = Voice(seed=1)
    with src(server.sip_port) as client:
        client.call()
        client.play(Play(voice=voice))
        server.wait_stored(voice.packets, 0)
        disk.fill()
        assert client.bye().status == 200
        wait_for_line(server, "not rendered")
    assert server.stop() == 0
    assert "Traceback" not in server.log.read_text()
    disk.relieve()
    again = start_server(**SETTINGS)
    recording = wait_recording(again, client.call_id)
    recording.place(0, voice.heard)
    assert again.stop() == 0


def wait_for_line(server: RunningServer, text: str) -> None:
    end = time.monotonic() + PATIENCE
    while text not in server.log.read_text():
        assert time.monotonic() < end, server.log.read_text()
        time.sleep(0.02)
