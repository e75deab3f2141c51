"""R11: no BYE comes. What ends the call then, and what does not."""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Callable
from pathlib import Path

from tests.chaos.proof import Scale, need
from tests.recording import test_watching as rules
from tests.support.recording import FoundRecording, wait_recording
from tests.support.server import RunningServer, served
from tests.support.src import HOST, Play, Src, src
from tests.support.voices import Voice

SILENCE_S = 1.5
"""What these servers take for silence; an installation waits for 60 s."""
SETTINGS = {"SIPRECORD_RECORDING__MEDIA_TIMEOUT_S": str(SILENCE_S)}
VOICE = Voice(seed=61, seconds=0.4)
REPORT_S = 0.2
INTERVAL_S = 90
"""The shortest session interval there may be (RFC 4028); its end is told a third of it before."""


def silence(scale: Scale, directory: Path) -> str:
    """RTP, RTCP and holds: each of three calls is silent in its own way."""
    with served(directory, settings=SETTINGS) as server:
        told = [f"{name}: {_ends(server, way):.1f} s" for name, way in WAYS.items()]
        for cause in ("hold", "pause"):
            rules.test_a_held_or_paused_call_is_never_ended_for_silence(cause)
    return (
        f"silence of {SILENCE_S} s ends a call as no_media, counted from the last sign of life "
        f"({', '.join(told)}); with time as an argument: two hours of hold and of pause end nothing"
    )


def _nothing(client: Src) -> None:
    """No packet at all after the audio."""


def _reports(client: Src) -> None:
    """RTCP alone, for three times as long as silence may last."""
    report = struct.pack(">BBHIQIII", 0x80, 200, 6, 0x5EED0000 + VOICE.seed, 0, 0, 0, 0)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        for _ in range(round(3 * SILENCE_S / REPORT_S)):
            sock.sendto(report, (HOST, client.targets[0] + 1))
            need(client.link.receive(REPORT_S) is None, "the call was ended while RTCP came")


def _hold(client: Src) -> None:
    """On hold for three times as long as silence may last, then on the line again, and mute."""
    need(client.reinvite("inactive", "inactive").status == 200, "no hold")
    need(client.link.receive(3 * SILENCE_S) is None, "the call was ended on hold")
    need(client.reinvite("sendonly", "sendonly").status == 200, "no resumption")


WAYS: dict[str, Callable[[Src], None]] = {"nothing more": _nothing, "RTCP": _reports, "hold": _hold}


def _ends(server: RunningServer, way: Callable[[Src], None]) -> float:
    """Seconds from the last sign of life to the BYE of the server."""
    with src(server.sip_port) as client:
        client.call()
        client.play(Play(voice=VOICE), Play(voice=VOICE))
        way(client)
        begun = time.monotonic()
        client.await_request("BYE")
        waited = time.monotonic() - begun
    recording = wait_recording(server, client.call_id)
    need(recording.outcome == "no_media", recording.outcome)
    recording.assert_spoken(0, VOICE.heard)
    return waited


def unrefreshed(scale: Scale, directory: Path) -> str:
    """Audio goes on, but the client that was to refresh the session does not: in real time."""
    voice = Voice(seed=62, seconds=float(INTERVAL_S))
    asked = f"Supported: timer\r\nSession-Expires: {INTERVAL_S};refresher=uac\r\n"
    with served(directory) as server, src(server.sip_port) as client:
        client.call(headers=asked)
        client.start(Play(voice=voice), Play(voice=voice))
        begun = time.monotonic()
        client.await_request("BYE")
        waited = time.monotonic() - begun
        recording = wait_recording(server, client.call_id)
    need(recording.outcome == "expired", recording.outcome)
    need(waited >= INTERVAL_S * 2 / 3 - 1, f"ended after {waited:.1f} s already")
    when = f"after {waited:.0f} of {INTERVAL_S} s"
    return f"audio, but no session refresh: ended as expired {when}, {_heard(recording)}"


def _heard(recording: FoundRecording) -> str:
    need(all(recording.stream(number)["packets_lost"] == 0 for number in (0, 1)), recording.metadata)
    return f"{recording.stream(0)['packets_received']} packets of each stream until then"
