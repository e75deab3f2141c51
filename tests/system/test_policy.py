"""What must not be stored is not stored: keys that are pressed, and calls that rules name, also late."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator

import pytest

from siprecord.media.reader import CaptureReader, LogEvent
from tests.support import messages
from tests.support.keypad import KEYS, Keypad, event, masked_event
from tests.support.patience import wait_until
from tests.support.recording import FoundRecording, wait_recording
from tests.support.server import RunningServer
from tests.support.src import Src, src
from tests.support.voices import Voice

RULES = [
    {"name": "carol-pays", "participants": ["carol@*"], "digits": "masked"},
    {"name": "no-dora", "participants": ["dora@*"], "action": "refuse"},
    {"name": "quiet-erin", "participants": ["erin@*"], "action": "mask"},
    {"name": "pin", "headers": {"X-Queue": "^pin$"}, "action": "mask"},
    {"name": "keep", "headers": {"X-Keys": "^keep$"}, "digits": "kept"},
]
VOICE = Voice(seed=40, seconds=0.2)
XML = "application/rs-metadata+xml"
INFO = "application/dtmf-relay"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    settings = {
        "SIPRECORD_RULES": json.dumps(RULES),
        "SIPRECORD_RENDER__DIGITS": "shown",
        "SIPRECORD_RECORDING__LINGER_MS": "50",
        "SIPRECORD_RECORDING__DRAIN_GRACE_S": "1",
    }
    running = RunningServer(tmp_path_factory.mktemp("server"), settings).start()
    yield running
    assert running.stop() == 0, running.log.read_text()


def offer(client: Src, payload_type: int = 101) -> str:
    """SDP whose streams may tell of keys."""
    text = client.offer().replace("RTP/AVP 0 8", f"RTP/AVP 0 {payload_type}")
    mapping = f"a=rtpmap:{payload_type} telephone-event/8000\r\na=label"
    return text.replace("a=label", mapping)


def joined(name: str) -> str:
    """Metadata in which Bob is gone and this one has come."""
    return messages.METADATA.replace("Ym9iLTAw", "bmV3LTAw").replace("sip:bob@", f"sip:{name}@")


def update(client: Src, document: str) -> None:
    request = client.request("UPDATE", document, headers=f"Content-Type: {XML}\r\n")
    assert client.exchange(request).status == 200


def ended(server: RunningServer, client: Src) -> FoundRecording:
    assert client.bye().status == 200
    return wait_recording(server, client.call_id)


def keys_told(recording: FoundRecording) -> str:
    return "".join(row["digit"] for row in recording.stream(0)["digits"])


def events_stored(recording: FoundRecording) -> str:
    """Which keys the log tells of, looked for in its bytes."""
    data = recording.capture.read_bytes()
    return "".join(key for key in KEYS if event(key) in data or event(key, last=True) in data)


def test_PAY_14_keys_never_reach_the_log(server: RunningServer) -> None:
    """Telephone events, INFO and KPML; timing, counts and the audio stay as they were."""
    with src(server.sip_port) as client:
        client.call(messages.multipart(offer(client)))
        keypad = Keypad(client.targets[0])
        keypad.speak(VOICE)
        keypad.press("4711#")
        keypad.speak(VOICE)
        for kind, body in ((INFO, "Signal=9\r\nDuration=4242\r\n"), ("application/dtmf", "9\r\n")):
            client.exchange(client.request("INFO", body, headers=f"Content-Type: {kind}\r\n"))
        keypad.close()
        recording = ended(server, client)
    data = recording.capture.read_bytes()
    assert events_stored(recording) == ""
    assert data.count(masked_event(last=True)) == 5 * 3
    assert b"Signal=x\r\nDuration=4242" in data
    assert b"Signal=9" not in data
    assert b"\r\n\r\n9\r\n" not in data
    stream = recording.stream(0)
    assert (stream["packets_received"], stream["packets_lost"]) == (keypad.packets, 0)
    assert [row["digit"] for row in stream["digits"]] == ["*"] * 5
    assert all(row["masked"] and row["duration_s"] > 0.1 for row in stream["digits"])
    assert (recording.metadata["digits"]["masked"], recording.metadata["digits"]["why"]) == (
        True,
        "recording.digits",
    )
    recording.place(0, VOICE.heard)


def test_a_payload_type_that_was_never_negotiated_tells_nothing_either(server: RunningServer) -> None:
    with src(server.sip_port) as client:
        client.call()
        keypad = Keypad(client.targets[0], payload_type=97)
        keypad.speak(VOICE)
        keypad.press("4711#")
        keypad.close()
        recording = ended(server, client)
    assert events_stored(recording) == ""


def test_a_rule_keeps_them(server: RunningServer) -> None:
    with src(server.sip_port) as client:
        client.call(messages.multipart(offer(client)), headers="X-Keys: keep\r\n")
        keypad = Keypad(client.targets[0])
        keypad.press("4711#")
        client.exchange(client.request("INFO", "Signal=9\r\n", headers=f"Content-Type: {INFO}\r\n"))
        keypad.close()
        recording = ended(server, client)
    assert keys_told(recording) == "4711#"
    assert b"Signal=9" in recording.capture.read_bytes()
    assert recording.metadata["digits"]["masked"] is False
    assert recording.metadata["digits"]["why"] == "rule keep"


def test_a_participant_who_joins_masks_them_from_then_on(server: RunningServer) -> None:
    with src(server.sip_port) as client:
        client.call(messages.multipart(offer(client)), headers="X-Keys: keep\r\n")
        keypad = Keypad(client.targets[0])
        keypad.press("12")
        server_has(server, client, keypad.packets)
        update(client, joined("carol"))
        keypad.press("34")
        keypad.close()
        recording = ended(server, client)
    assert events_stored(recording) == "12"
    assert keys_told(recording) == "12**"
    assert recording.metadata["digits"]["why"] == "rule carol-pays"


def test_a_re_invite_that_moves_the_payload_type_is_followed_at_once(server: RunningServer) -> None:
    with src(server.sip_port) as client:
        client.call(messages.multipart(offer(client, 101)))
        keypad = Keypad(client.targets[0])
        keypad.press("12")
        client.exchange(client.request("INVITE", messages.multipart(offer(client, 80))))
        client.ack()
        keypad.payload_type = 80
        keypad.press("34")
        keypad.payload_type = 101
        keypad.press("56")
        keypad.close()
        recording = ended(server, client)
    assert events_stored(recording) == ""


def test_they_stay_masked_over_a_restart_of_the_recorder(server: RunningServer) -> None:
    with src(server.sip_port) as client:
        client.call(messages.multipart(offer(client)), headers="X-Queue: none\r\n")
        keypad = Keypad(client.targets[0])
        keypad.press("12")
        before = server.recorder_pid
        os.kill(before, signal.SIGKILL)
        keypad.press("34")
        wait_until(lambda: recorder(server) not in (None, before), "the restart")
        keypad.press("56")
        keypad.close()
        recording = ended(server, client)
    assert events_stored(recording) == ""
    assert recording.metadata["digits"]["why"] == "recording.digits"


def recorder(server: RunningServer) -> int | None:
    """The process that records; None while there is none."""
    try:
        return server.recorder_pid
    except OSError:
        return None


def server_has(server: RunningServer, client: Src, packets: int) -> None:
    """Wait until the log has that many packets of the call."""

    def stored() -> bool:
        calls = server.get("/api/calls")["calls"]
        call = next(each for each in calls if each["call_id"] == client.call_id)
        return bool(sum(stream["packets"] for stream in call["streams"]) >= packets)

    wait_until(stored, "the packets")


# ---- rules that later metadata or headers call for -------------------------------------------------


def test_a_participant_who_joins_ends_the_recording(server: RunningServer) -> None:
    with src(server.sip_port) as client:
        client.call()
        update(client, joined("dora"))
        assert client.await_request("BYE").headers.get("Reason") is not None
        recording = wait_recording(server, client.call_id)
    assert recording.outcome == "stopped"
    assert "no-dora" in recording.metadata["reason"]


@pytest.mark.parametrize("way", ["metadata by UPDATE", "a header of a re-INVITE"])
def test_nothing_is_stored_once_a_rule_masks_the_call(server: RunningServer, way: str) -> None:
    with src(server.sip_port) as client:
        client.call()
        keypad = Keypad(client.targets[0])
        keypad.speak(VOICE)
        server_has(server, client, keypad.packets)
        if way.startswith("metadata"):
            update(client, joined("erin"))
        else:
            body = messages.multipart(client.offer())
            assert client.take(client.exchange(client.request("INVITE", body, headers="X-Queue: pin\r\n")))
            client.ack()
        keypad.speak(Voice(seed=41, seconds=0.2))
        keypad.close()
        recording = ended(server, client)
    assert recording.stream(0)["packets_received"] == VOICE.packets
    told = [each.name for each in CaptureReader(recording.capture) if isinstance(each, LogEvent)]
    assert told.count("stream.paused") == 2
    (applied,) = recording.metadata["rules"]
    assert (applied["action"], applied["late"]) == ("mask", True)
