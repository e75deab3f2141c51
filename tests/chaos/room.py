"""R9: nothing but lack of room refuses a call, and it does so before the answer."""

from __future__ import annotations

import json
import time
from pathlib import Path

from siprecord.server.health import FRESH_FOR
from siprecord.syntax.sip import Response
from tests.chaos.proof import Scale, need
from tests.support import messages
from tests.support.cluster import Phone, until
from tests.support.disk import mounted
from tests.support.patience import PATIENCE, wait_until
from tests.support.ports import free_range
from tests.support.recording import wait_recording
from tests.support.server import RunningServer, served
from tests.support.src import Play, src
from tests.support.voices import Voice

KEEP_FREE = 1_000_000
VOICES = (Voice(seed=71, seconds=6.0), Voice(seed=72, seconds=6.0, law="pcma"))


def full_disk(scale: Scale, directory: Path) -> str:
    """A small file system fills in mid-call, and has room again."""
    settings = {"SIPRECORD_RECORDING__MIN_FREE_BYTES": str(KEEP_FREE)}
    with (
        mounted(directory / "data", "size=16m") as disk,
        served(directory, settings=settings) as server,
        src(server.sip_port) as client,
        src(server.sip_port) as other,
    ):
        client.call()
        client.start(*(Play(voice=voice) for voice in VOICES))
        wait_until(lambda: min(server.stored()) > 0, "audio is stored")
        disk.leave(KEEP_FREE // 2)
        refused = _refused(server, "disk_low")
        time.sleep(FRESH_FOR)  # SIP and HTTP ask the disk each for itself, and no more often
        _check_refusal(other.invite())
        before = min(server.stored())
        wait_until(lambda: min(server.stored()) > before + 25, "the running call gets the last space")
        disk.fill()
        wait_until(lambda: "No space left on device" in server.log.read_text(), "the disk is full")
        time.sleep(1.0)  # of audio that only memory holds
        disk.relieve()
        until(lambda: other.invite().status == 200, "calls are taken again")
        need(client.sender.wait(PATIENCE), "the audio does not end")
        other.ack()
        need(client.bye().status == 200 and other.bye().status == 200, "BYE")
        recording = wait_recording(server, client.call_id)
        for number, voice in enumerate(VOICES):
            recording.assert_spoken(number, voice.heard)
            need(recording.stream(number)["packets_lost"] == 0, recording.stream(number))
        need(recording.outcome == "complete", recording.outcome)
    packets = sum(voice.packets for voice in VOICES)
    return (
        f"disk: below the least free space an INVITE got 503 ({refused}), the running call the last space; "
        f"full for a second and emptied: {packets} of {packets} packets; then calls were taken again"
    )


def no_ports(scale: Scale, directory: Path) -> str:
    """The ports are used up by the first call."""
    phone = Phone()
    with served(directory, media_ports=free_range(4)) as server:
        talk = phone.call(server.sip_port, "r9-a")
        refused = phone.ask(server.sip_port, "INVITE", "r9-b", body=messages.multipart(messages.sdp()))
        _check_refusal(refused)
        talk.speak(5)
        need(talk.bye(server.sip_port).status == 200, "BYE")
        server.wait_recordings(1)
    phone.close()
    return "no ports: 503 with Retry-After and no 200 before it, the running call goes on"


def no_files(scale: Scale, directory: Path) -> str:
    """The limit of open files is reached."""
    phone, calls, refused = Phone(), [], None
    with served(directory, most_files=170) as server:
        for number in range(60):
            body = messages.multipart(messages.sdp())
            answer = phone.ask(server.sip_port, "INVITE", f"files-{number}", body=body)
            tag = answer.to.tag or ""
            phone.sock.sendto(
                messages.request("ACK", f"files-{number}", to_tag=tag), ("127.0.0.1", server.sip_port)
            )
            if answer.status != 200:
                refused = answer
                break
            calls.append((f"files-{number}", tag))
        need(refused is not None, f"{len(calls)} calls were taken")
        assert refused is not None
        _check_refusal(refused)
        for call, tag in calls:
            bye = phone.ask(server.sip_port, "BYE", call, number=2, to_tag=tag)
            need(bye.status == 200, f"{bye.status} to the BYE of {call}")
        server.wait_recordings(len(calls))
        again = phone.ask(server.sip_port, "INVITE", "files-again", body=messages.multipart(messages.sdp()))
        need(again.status == 200, f"{again.status} when files could be opened again")
    phone.close()
    return f"open files: after {len(calls)} calls 503, those are all recorded, and then calls are taken again"


def _refused(server: RunningServer, code: str) -> str:
    """Wait until it is not ready, and why."""
    import urllib.error
    import urllib.request

    def reasons() -> str:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{server.http_port}/health/ready", timeout=PATIENCE)
        except urllib.error.HTTPError as error:
            return json.dumps(json.load(error))
        return ""

    until(lambda: code in reasons(), f"health says {code}")
    return f"health: {code}"


def _check_refusal(answer: Response) -> None:
    need(answer.status == 503, f"{answer.status}, not 503")
    need(answer.headers.get("Retry-After"), "no Retry-After")
