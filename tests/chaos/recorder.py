"""R1, R2, R14: the recorder is killed, and nobody notices."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

from siprecord.syntax.sdp import CryptoLine, SessionDescription, SrtpKeys
from siprecord.syntax.sip import Response
from tests.chaos.foreign import Foreign
from tests.chaos.proof import Scale, need
from tests.chaos.storm import Storm, kill_recorder, rage
from tests.support import messages
from tests.support.cluster import Phone, until
from tests.support.patience import PATIENCE, wait_until
from tests.support.recording import FoundRecording, wait_recording
from tests.support.server import RunningServer, served
from tests.support.src import Play, Src
from tests.support.voices import Voice

SUITES = ("AES_CM_128_HMAC_SHA1_80", "AEAD_AES_256_GCM")
PAUSE = (0.2, 3.4)
"""Seconds between two deaths."""


def packets(scale: Scale, directory: Path) -> str:
    """R1: killed at random moments under calls of two kinds of client."""
    storm = _storm(scale.calls, scale.kills, scale.seed)
    with served(directory) as server:
        others = [
            Foreign(server, directory / f"sipp-{kind}", kind, lines=2, lasting=storm.seconds)
            for kind in ("u1", "t1")
        ]
        try:
            after = rage(server, storm)
            need(not after.faults and after.kills, after)
            foreign = [each.finish() for each in others]
        finally:
            for one in others:
                one.stop()
        _all_complete(server, scale.calls + sum(each.calls for each in others))
        for one in others:
            one.check()
    return f"over UDP and TCP, {after}; beside it over UDP, {foreign[0]}; over TCP, {foreign[1]}"


def protected(scale: Scale, directory: Path) -> str:
    """R1, R2: the same under SRTP, with half the calls and deaths."""
    calls, kills = max(1, scale.calls // 2), max(1, scale.kills // 2)
    with served(directory) as server:
        after = rage(server, replace(_storm(calls, kills, scale.seed), more=("--srtp",)))
        need(not after.faults and after.kills, after)
        _all_complete(server, calls)
    return f"SRTP over UDP and TCP, {after}"


def _storm(calls: int, kills: int, seed: int) -> Storm:
    """Calls that last for as long as so many deaths take."""
    seconds = kills * (sum(PAUSE) / 2 + 1) + 4
    return Storm(calls=calls, rate=20, kills=kills, pause=PAUSE, seconds=seconds, seed=seed)


def _all_complete(server: RunningServer, calls: int) -> None:
    recordings = server.wait_recordings(calls)
    need(len(recordings) == calls, f"{len(recordings)} recordings of {calls} calls")
    outcomes = {json.loads((each / "metadata.json").read_text())["outcome"] for each in recordings}
    need(outcomes == {"complete"}, outcomes)


def dialogs(scale: Scale, directory: Path) -> str:
    """R2: what a client is answered after the death, and with what keys and ports it goes on."""
    with served(directory) as server:
        told = [_one_dialog(server, transport) for transport in ("udp", "tcp")]
        need(len(server.recordings()) == len(told), f"{len(server.recordings())} recordings")
    return f"re-INVITE, UPDATE, BYE answered with the same tag over UDP and TCP; {told[0]}; {told[1]}"


def _one_dialog(server: RunningServer, transport: str) -> str:
    keys = [SrtpKeys.generate(suite, os.urandom) for suite in SUITES]
    voices = [Voice(seed=31, seconds=3.0), Voice(seed=32, seconds=3.0, law="pcma")]
    lines = tuple(str(CryptoLine(tag=1, suite=one.suite, keys=(one,))) for one in keys)
    client = Src(server.sip_port, "udp" if transport == "udp" else "tcp", crypto=lines)
    client.call()
    before, tag = _media(client.answer), client.to_tag
    # The numbers of one stream come round before the death, those of the other after it.
    client.start(
        Play(voice=voices[0], srtp=keys[0], sequence=65_500),
        Play(voice=voices[1], srtp=keys[1], sequence=65_536 - 120),
    )
    wait_until(lambda: min(client.sent) > 80, "the numbers come round")
    need(kill_recorder(server), "no recorder to kill")
    stale = client.exchange(client.request("UPDATE", number=0))
    need(stale.status == 500, f"a CSeq that goes back got {stale.status}")
    for method in ("INVITE", "UPDATE"):
        answer = client.reinvite() if method == "INVITE" else client.exchange(client.request(method))
        need(answer.status == 200, f"{answer.status} to {answer.cseq.method}")
        need(_addressed(answer, tag, client), answer.to_bytes().decode())
    need(_media(client.answer) == before, f"other ports or keys: {_media(client.answer)}, not {before}")
    need(client.sender.wait(PATIENCE), "the audio does not end")
    bye = client.bye()
    need(bye.status == 200 and _addressed(bye, tag, client), bye.to_bytes().decode())
    client.close()
    recording = wait_recording(server, client.call_id)
    return f"{transport.upper()}: {_whole(recording, voices)}"


def _addressed(answer: Response, tag: str, client: Src) -> bool:
    """Whether it belongs to our dialog and to our last request."""
    return answer.to.tag == tag and answer.cseq.number == client.number and answer.call_id == client.call_id


def _media(answer: SessionDescription | None) -> list[tuple[int, str]]:
    assert answer is not None
    return [(media.port, str(media.crypto)) for media in answer.media]


def _whole(recording: FoundRecording, voices: list[Voice]) -> str:
    need(recording.outcome == "complete", recording.outcome)
    for number, voice in enumerate(voices):
        row = recording.stream(number)
        counts = row["packets_received"], row["packets_lost"], row["srtp"]["packets_failed"]
        need(counts == (voice.packets, 0, 0), f"{row['srtp']['suite']}: {counts}, {voice.packets} sent")
        recording.assert_spoken(number, voice.heard)
    absences = recording.metadata["absences"]
    need([each["cause"] for each in absences] == ["restart"], absences)
    need(absences[0]["missing_s"] == {}, absences)
    counted = sum(voice.packets for voice in voices)
    suites = " and ".join(SUITES)
    return f"{counted} packets of {suites} whole over a rollover, the restart shown with nothing missing"


def invite_again(scale: Scale, directory: Path) -> str:
    """R14: a storm of the same INVITE, while the recorder dies after its answer, and again."""
    phone, kills = Phone(), 2
    body = messages.multipart(messages.sdp())
    with served(directory) as server:
        first = phone.ask(server.sip_port, "INVITE", "r14", body=body)
        tag, sent = first.to.tag or "", 0
        for _ in range(kills):
            need(kill_recorder(server), "no recorder to kill")
            for _ in range(50):
                phone.sock.sendto(
                    messages.request("INVITE", "r14", body=body), ("127.0.0.1", server.sip_port)
                )
                sent += 1
            again = phone.ask(server.sip_port, "INVITE", "r14", body=body)
            need((again.to.tag, again.body) == (tag, first.body), "another dialog was opened")
        phone.sock.sendto(messages.request("ACK", "r14", to_tag=tag), ("127.0.0.1", server.sip_port))
        bye = phone.ask(server.sip_port, "BYE", "r14", number=2, to_tag=tag)
        need(bye.status == 200, bye.status)
        until(lambda: server.get("/api/status")["calls"] == 0, "no call is left")
        server.wait_recordings(1)
        need(len(server.recordings()) == 1, f"{len(server.recordings())} recordings")
    phone.close()
    return f"{sent} repeated INVITEs over {kills} deaths: the same 200, tag and ports; one recording"
