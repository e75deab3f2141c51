"""Who sends to a media port: CONFORMANCE RTP-07 to RTP-09 and RTP-14, FIELD Q62 and Q63."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.support import messages
from tests.support.audio import find
from tests.support.patience import PATIENCE
from tests.support.ports import free_range
from tests.support.recording import FoundRecording, wait_recording
from tests.support.server import RunningServer
from tests.support.src import HOST, Play, Src, src
from tests.support.voices import FRAME, Voice
from tests.system.conftest import Start

ALICE = Voice(seed=21, seconds=1.0)
BOB = Voice(seed=22, seconds=1.0, law="pcma")
STRANGER = Voice(seed=66, seconds=1.0)
OTHER_HOST = "127.0.0.5"
SSRC = 0xA11CE


class Speaker:
    """Sends a voice packet by packet from one address under one SSRC."""

    def __init__(self, voice: Voice, host: str = HOST, *, ssrc: int = SSRC, sequence: int = 500) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((host, 0))
        self.address = f"{host}:{self.socket.getsockname()[1]}"
        self.voice, self.ssrc, self.sequence = voice, ssrc, sequence

    def packet(self, number: int) -> bytes:
        head = bytes([0x80, 0]) + (self.sequence + number & 0xFFFF).to_bytes(2) + (160 * number).to_bytes(4)
        return head + self.ssrc.to_bytes(4) + self.voice.codes[number * FRAME : (number + 1) * FRAME]

    def send(self, port: int, number: int) -> None:
        self.socket.sendto(self.packet(number), (HOST, port))


@contextmanager
def speakers(*made: Speaker) -> Iterator[None]:
    try:
        yield
    finally:
        for each in made:
            each.socket.close()


def talk(port: int, numbers: range, *who: Speaker) -> None:
    """All speak side by side, one packet each 20 ms."""
    for number in numbers:
        for each in who:
            each.send(port, number)
        time.sleep(0.02)


def one_call(server: RunningServer, speak: Any) -> FoundRecording:
    with src(server.sip_port, labels=("1",)) as client:
        client.call()
        speak(client)
        assert client.bye().status == 200
    return wait_recording(server, client.call_id)


def source_of(recording: FoundRecording, speaker: Speaker) -> dict[str, Any]:
    sources: list[dict[str, Any]] = recording.stream(0)["sources"]
    (found,) = (one for one in sources if (one["address"], one["ssrc"]) == (speaker.address, speaker.ssrc))
    return found


def texts(recording: FoundRecording) -> str:
    return "\n".join(row["text"] for row in recording.metadata["deviations"])


def test_a_sender_that_the_sdp_does_not_name_is_recorded_from_its_first_packet(
    server: RunningServer,
) -> None:
    """NAT, and SBCs that send from another address, are normal."""
    alice = Speaker(ALICE, OTHER_HOST)
    with speakers(alice):
        recording = one_call(server, lambda client: talk(client.targets[0], range(50), alice))
    recording.assert_spoken(0, ALICE.heard)
    stream = recording.stream(0)
    assert stream["source_expected"] != alice.address
    assert (stream["packets_stray"], source_of(recording, alice)["packets_in_audio"]) == (0, 50)


def test_Q62_RTP_09_a_stray_sender_is_kept_and_told_and_not_heard(server: RunningServer) -> None:
    alice, stray = Speaker(ALICE), Speaker(STRANGER, OTHER_HOST, ssrc=0xBAD)

    def speak(client: Src) -> None:
        talk(client.targets[0], range(10), alice)
        talk(client.targets[0], range(10, 50), alice, stray)

    with speakers(alice, stray):
        recording = one_call(server, speak)
    recording.assert_spoken(0, ALICE.heard)
    stream = recording.stream(0)
    assert (stream["packets_received"], stream["packets_stray"]) == (50, 40)
    assert source_of(recording, stray) | {"packets": 40, "packets_in_audio": 0} == source_of(recording, stray)
    assert f"label 1: 40 packets of {stray.address} (SSRC 0x00000bad) are in the capture log" in texts(
        recording
    )
    assert stray.packet(20) in recording.capture.read_bytes()


def test_Q62_the_sender_of_the_sdp_wins_against_a_stray_that_was_first(server: RunningServer) -> None:
    stray = Speaker(STRANGER, OTHER_HOST, ssrc=0xBAD)
    with speakers(stray), src(server.sip_port, labels=("1",)) as client:
        client.call()
        talk(client.targets[0], range(10), stray)
        client.start(Play(voice=ALICE))
        talk(client.targets[0], range(10, 50), stray)
        assert client.sender.wait(PATIENCE)
        client.bye()
    recording = wait_recording(server, client.call_id)
    recording.assert_spoken(0, ALICE.heard)
    # Until the other had proved himself, and for 300 ms more, as if they were late.
    assert source_of(recording, stray)["packets_in_audio"] < 50
    (change,) = recording.stream(0)["source_changes"]
    assert change["before"]["address"] == stray.address


def test_Q63_RTP_14_late_packets_of_an_old_call_never_enter_the_next_one(start_server: Start) -> None:
    """One pair of ports and no rest: the next call gets the port of the one before at once."""
    first, last = free_range(2)
    server = start_server(
        MEDIA__PORT_MIN=str(first),
        MEDIA__PORT_MAX=str(last),
        MEDIA__QUARANTINE_S="0",
        RECORDING__LINGER_MS="0",
    )
    old, new = Speaker(STRANGER, ssrc=0x01D), Speaker(ALICE, OTHER_HOST)
    with speakers(old, new):
        one_call(server, lambda client: talk(client.targets[0], range(20), old))
        with src(server.sip_port, labels=("1",)) as client:
            response = None
            while response is None or response.status == 503:
                talk(first, range(20, 22), old)
                response = client.invite()
            client.ack()
            talk(first, range(22, 50), old)
            talk(first, range(50), new)
            client.bye()
        second = wait_recording(server, client.call_id)
    second.assert_spoken(0, ALICE.heard)
    assert find(STRANGER.heard[22 * FRAME : 24 * FRAME], second.channels[0]) is None
    assert second.stream(0)["packets_stray"] >= 28
    assert server.stop() == 0


def test_Q62_RTP_07_another_ssrc_and_another_address_are_followed_and_marked(
    server: RunningServer,
) -> None:
    first = Speaker(ALICE)
    renewed = Speaker(BOB_IN_MU, first.address.partition(":")[0], ssrc=0xB0B)
    renewed.socket.close()
    renewed.socket, renewed.address = first.socket, first.address
    moved = Speaker(STRANGER, OTHER_HOST, ssrc=0xCAB)

    def speak(client: Src) -> None:
        talk(client.targets[0], range(50), first)
        talk(client.targets[0], range(50), renewed)
        time.sleep(0.6)
        talk(client.targets[0], range(50), moved)

    with speakers(first, moved):
        recording = one_call(server, speak)
    for voice in (ALICE, BOB_IN_MU, STRANGER):
        recording.assert_spoken(0, voice.heard)
    stream = recording.stream(0)
    assert stream["packets_stray"] == 0
    assert [(row["address"], row["ssrc"]) for row in stream["source_changes"]] == [
        (first.address, 0xB0B),
        (moved.address, 0xCAB),
    ]
    assert stream["source_changes"][1]["before"] == {"address": first.address, "ssrc": 0xB0B}


BOB_IN_MU = Voice(seed=23, seconds=1.0)


def test_a_new_address_in_a_new_offer_is_followed_at_once(server: RunningServer) -> None:
    old, new = Speaker(ALICE, OTHER_HOST), Speaker(STRANGER, "127.0.0.6", ssrc=0xCAB)
    host, _, port = new.address.partition(":")

    def speak(client: Src) -> None:
        talk(client.targets[0], range(25), old)
        plain = client.offer
        client.offer = lambda directions=(): (  # type: ignore[method-assign]
            plain(directions)
            .replace("c=IN IP4 127.0.0.1", f"c=IN IP4 {host}")
            .replace(f"m=audio {client.media_ports[0]} ", f"m=audio {port} ")
        )
        assert client.reinvite().status == 200
        talk(client.targets[0], range(25, 50), old, new)

    with speakers(old, new):
        recording = one_call(server, speak)
    assert recording.stream(0)["source_expected"] == new.address
    assert source_of(recording, new)["packets_in_audio"] == 25
    assert source_of(recording, old)["packets_in_audio"] < 50
    assert find(STRANGER.heard[30 * FRAME :], recording.channels[0]) is not None


def test_RTCP_01_RRTP_reports_go_where_the_offer_says(start_server: Start) -> None:
    server = start_server(MEDIA__RTCP_INTERVAL_S="0.5")
    with (
        src(server.sip_port, labels=("1",)) as client,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver,
    ):
        receiver.bind((OTHER_HOST, 0))
        receiver.settimeout(PATIENCE)
        wanted = f"a=sendonly\r\na=rtcp:{receiver.getsockname()[1]} IN IP4 {OTHER_HOST}"
        client.call(messages.multipart(client.offer().replace("a=sendonly", wanted)))
        report, sender = receiver.recvfrom(2048)
        assert report[1] == 201
        assert sender[1] == client.targets[0] + 1
        client.bye()
    wait_recording(server, client.call_id)
    assert server.stop() == 0


def test_RTCP_01_with_mux_reports_share_the_media_ports(start_server: Start) -> None:
    server = start_server(MEDIA__RTCP_INTERVAL_S="0.5")
    with (
        src(server.sip_port, labels=("1",)) as client,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as media,
    ):
        media.bind((OTHER_HOST, 0))
        media.settimeout(PATIENCE)
        offer = client.offer().replace("c=IN IP4 127.0.0.1", f"c=IN IP4 {OTHER_HOST}")
        offer = offer.replace(f"m=audio {client.media_ports[0]} ", f"m=audio {media.getsockname()[1]} ")
        client.call(messages.multipart(offer.replace("a=sendonly", "a=sendonly\r\na=rtcp-mux")))
        assert client.answer is not None
        assert client.answer.media[0].rtcp_mux
        report, sender = media.recvfrom(2048)
        assert (report[1], sender[1]) == (201, client.targets[0])
        client.bye()
    wait_recording(server, client.call_id)
    assert server.stop() == 0


def test_RTCP_06_RTCP_08_a_goodbye_in_rtcp_ends_no_stream(server: RunningServer) -> None:
    """Nor do reports of kinds that nobody here knows."""
    first = Speaker(ALICE)
    second = Speaker(BOB_IN_MU, first.address.partition(":")[0], ssrc=0xB0B)
    second.socket.close()
    second.socket, second.address = first.socket, first.address
    empty_report = bytes([0x80, 201, 0, 1]) + SSRC.to_bytes(4)
    goodbye = bytes([0x81, 203, 0, 1]) + SSRC.to_bytes(4)
    unknown = bytes([0x80, 207, 0, 1]) + SSRC.to_bytes(4) + bytes([0x80, 204, 0, 2]) + bytes(8)

    def speak(client: Src) -> None:
        target = client.targets[0]
        talk(target, range(25), first)
        for report in (empty_report + goodbye, empty_report + unknown, goodbye):
            first.socket.sendto(report, (HOST, target + 1))
        talk(target, range(50), second)

    with speakers(first):
        recording = one_call(server, speak)
    recording.assert_spoken(0, ALICE.heard[: 25 * FRAME])
    recording.assert_spoken(0, BOB_IN_MU.heard)
    assert (recording.stream(0)["packets_received"], recording.stream(0)["rtcp_packets"]) == (75, 3)
    assert recording.outcome == "complete"
