"""SRTP with keys in the SDP, over real sockets: CONFORMANCE 4D and 4F, FIELD Q77."""

from __future__ import annotations

import base64
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from siprecord.media import SrtpReceiver, SrtpSender
from siprecord.media.audio import decode_g711, encode_g711
from siprecord.media.sender import Impairments
from siprecord.syntax.sdp import SUITES, CryptoLine, SrtpKeys
from tests.support import audio, messages
from tests.support.patience import PATIENCE
from tests.support.recording import FoundRecording, wait_recording
from tests.support.server import RunningServer
from tests.support.src import HOST, Play, Src
from tests.support.voices import FRAME, Voice
from tests.system.conftest import Start

SUITE = "AES_CM_128_HMAC_SHA1_80"
ALICE = Voice(seed=11, seconds=0.6)
BOB = Voice(seed=12, seconds=0.6, law="pcma")


def keys_of(suite: str = SUITE) -> SrtpKeys:
    return SrtpKeys.generate(suite, os.urandom)


def crypto(keys: SrtpKeys, tag: int = 1) -> str:
    return str(CryptoLine(tag=tag, suite=keys.suite, keys=(keys,)))


@contextmanager
def secure(server: RunningServer, *crypto: str, labels: tuple[str, ...] = ("1", "2")) -> Iterator[Src]:
    client = Src(server.sip_port, labels=labels, crypto=crypto)
    try:
        yield client
    finally:
        client.close()


def answered(client: Src, number: int = 0) -> CryptoLine:
    assert client.answer is not None
    (line,) = client.answer.media[number].crypto
    return CryptoLine.parse(line)


def texts(recording: FoundRecording) -> str:
    return "\n".join(row["text"] for row in recording.metadata["deviations"])


def secrets_of(keys: SrtpKeys) -> tuple[bytes, ...]:
    return keys.key, base64.b64encode(keys.key + keys.salt)[:20], keys.key.hex().encode()


@pytest.mark.parametrize("suite", SUITES)
def test_SDES_01_SDES_02_SDES_03_SDES_04_SDES_05_a_call_with_each_suite(
    server: RunningServer, suite: str
) -> None:
    alice, bob = keys_of(suite), keys_of(suite)
    with secure(server, crypto(alice, 7), crypto(bob)) as client:
        client.call()
        assert client.answer is not None
        assert [media.protocol for media in client.answer.media] == ["RTP/SAVP", "RTP/SAVP"]
        ours = [answered(client, number) for number in range(2)]
        assert [(line.tag, line.suite) for line in ours] == [(7, suite), (1, suite)]
        assert len({alice.key, bob.key, *(line.keys[0].key for line in ours)}) == 4
        client.play(Play(voice=ALICE, srtp=alice), Play(voice=BOB, srtp=bob))
        assert client.bye().status == 200
    recording = wait_recording(server, client.call_id)
    recording.place(0, ALICE.heard)
    recording.place(1, BOB.heard)
    for number in range(2):
        stream = recording.stream(number)
        assert stream["srtp"] == {"suite": suite, "packets_failed": 0, "packets_replayed": 0}
        assert (stream["packets_lost"], stream["packets_stray"]) == (0, 0)
    assert "without TLS" in texts(recording)


def test_the_keys_of_a_call_are_nowhere_on_disk(server: RunningServer) -> None:
    alice, bob = keys_of(), keys_of("AEAD_AES_256_GCM")
    with secure(server, crypto(alice), crypto(bob)) as client:
        client.call()
        ours = [answered(client, number).keys[0] for number in range(2)]
        client.play(Play(voice=ALICE, srtp=alice), Play(voice=BOB, srtp=bob))
        spooled = [path.read_bytes() for path in server.data.glob("spool/*")]
        client.bye()
    wait_recording(server, client.call_id)
    written = [path.read_bytes() for path in server.data.rglob("*") if path.is_file()]
    for keys in (alice, bob, *ours):
        for secret in secrets_of(keys):
            assert not any(secret in data for data in (*spooled, *written, server.log.read_bytes()))


@pytest.mark.parametrize(
    "line",
    [
        f"1 {SUITE} inline:AAAA %s",
        f"1 {SUITE} %s",
        f"1 {SUITE} uri:%s",
        "1 %s inline:AAAA",
        f"1 {SUITE} inline:AAAA|%s",
        f"1 {SUITE}\r\n inline:%s",
    ],
)
def test_SDES_06_keys_at_odd_places_are_nowhere_on_disk_either(server: RunningServer, line: str) -> None:
    """The m-line is refused, the other one is recorded, and with it the message that offered both."""
    good, odd = keys_of(), base64.b64encode(os.urandom(30))
    with secure(server, crypto(good), line.replace("%s", odd.decode())) as client:
        client.call()
        client.play(Play(voice=ALICE, srtp=good))
        client.bye()
    recording = wait_recording(server, client.call_id)
    recording.place(0, ALICE.heard)
    written = [path.read_bytes() for path in recording.directory.iterdir()]
    assert not any(odd[:16] in data for data in (*written, server.log.read_bytes()))


def test_SDES_01_the_first_key_that_we_can_use_is_taken(server: RunningServer) -> None:
    keys = keys_of("AEAD_AES_128_GCM")
    unusable = f"1 AES_CM_128_HMAC_SHA1_80 inline:{base64.b64encode(b'short').decode()}"
    offered = f"{unusable}\r\na=crypto:2 F8_128_HMAC_SHA1_80 inline:x\r\na=crypto:{crypto(keys, 3)}"
    offered += f"\r\na=crypto:{crypto(keys_of(), 4)}"
    with secure(server, offered, labels=("1",)) as client:
        client.call()
        assert (answered(client).tag, answered(client).suite) == (3, keys.suite)
        client.play(Play(voice=ALICE, srtp=keys))
        client.bye()
    wait_recording(server, client.call_id).place(0, ALICE.heard)


def test_SDES_07_several_keys_with_names(server: RunningServer) -> None:
    one, other = (replace(keys_of(), mki=bytes([0, number]), lifetime=2**31) for number in (1, 2))
    offered = f"1 {SUITE} {one.inline().replace('|', '|2^31|')};{other.inline().replace('|', '|2^31|')}"
    with secure(server, offered, labels=("1",)) as client:
        client.call()
        client.play(Play(voice=ALICE, srtp=other))
        client.bye()
    wait_recording(server, client.call_id).place(0, ALICE.heard)


def test_SDES_16_Q77_a_line_without_a_usable_key_gets_port_0_and_the_others_are_recorded(
    server: RunningServer,
) -> None:
    keys = keys_of()
    with secure(server, crypto(keys), f"1 {SUITE} inline:AAAA") as client:
        client.call()
        assert client.answer is not None
        assert [bool(media.port) for media in client.answer.media] == [True, False]
        client.play(Play(voice=ALICE, srtp=keys))
        client.bye()
    recording = wait_recording(server, client.call_id)
    recording.place(0, ALICE.heard)
    assert "none of its SRTP keys can be used: the SRTP key and salt have 3 bytes, not 30" in texts(recording)


def test_SRTP_01_a_wrong_key_is_counted_and_told_and_costs_nobody_else_anything(
    server: RunningServer,
) -> None:
    alice, bob = keys_of(), keys_of()
    with secure(server, crypto(alice), crypto(bob)) as client:
        client.call()
        client.play(Play(voice=ALICE, srtp=keys_of()), Play(voice=BOB, srtp=bob))
        client.bye()
    recording = wait_recording(server, client.call_id)
    recording.place(1, BOB.heard)
    assert recording.stream(1)["packets_lost"] == 0
    wrong = recording.stream(0)
    assert wrong["srtp"] == {"suite": SUITE, "packets_failed": ALICE.packets, "packets_replayed": 0}
    assert wrong["packets_received"] == 0
    assert f"label 1: {ALICE.packets} packets were not stored" in texts(recording)
    assert "fail their SRTP authentication" in server.log.read_text()


def test_SRTP_03_replays_are_dropped_and_counted(server: RunningServer) -> None:
    keys = keys_of()
    again = Impairments(duplicate=tuple(range(5, 15)))
    with secure(server, crypto(keys), labels=("1",)) as client:
        client.call()
        client.play(Play(voice=ALICE, srtp=keys, impairments=again))
        client.bye()
    recording = wait_recording(server, client.call_id)
    recording.place(0, ALICE.heard)
    assert recording.stream(0)["srtp"] == {"suite": SUITE, "packets_failed": 0, "packets_replayed": 10}
    assert recording.stream(0)["packets_duplicated"] == 0


def test_SDES_10_SRTP_02_the_sequence_numbers_come_round_in_mid_call(server: RunningServer) -> None:
    keys = keys_of("AEAD_AES_256_GCM")
    reordered = Impairments(delay=tuple((number, 0.03) for number in range(1, 12)))
    with secure(server, crypto(keys), labels=("1",)) as client:
        client.call()
        client.play(Play(voice=ALICE, srtp=keys, sequence=65_530, impairments=reordered))
        client.bye()
    recording = wait_recording(server, client.call_id)
    recording.place(0, ALICE.heard)
    assert recording.stream(0)["srtp"]["packets_failed"] == 0


def test_SDES_11_SDES_12_SDES_13_new_keys_in_mid_call(server: RunningServer) -> None:
    """Late packets of the old key are still taken; a refresh with the same key changes nothing."""
    old, new = keys_of(), keys_of("AES_256_CM_HMAC_SHA1_80")
    packets = [rtp_packet(ALICE, number) for number in range(ALICE.packets)]
    with secure(server, crypto(old), labels=("1",)) as client:
        client.call()
        first = answered(client)
        before, after = SrtpSender(old), SrtpSender(new)
        out = Blaster(client)
        out.send(*map(before.protect_rtp, packets[:5]))
        refresh(client, crypto(old))
        assert answered(client) == first
        out.send(*map(before.protect_rtp, packets[5:10]))
        refresh(client, crypto(new, 2))
        second = answered(client)
        assert (second.tag, second.suite) == (2, new.suite)
        late = before.protect_rtp(packets[10])
        out.send(after.protect_rtp(packets[11]), late, *map(after.protect_rtp, packets[12:]))
        client.bye()
        out.close()
    recording = wait_recording(server, client.call_id)
    recording.assert_spoken(0, ALICE.heard)
    assert recording.stream(0)["srtp"] == {
        "suite": new.suite,
        "packets_failed": 0,
        "packets_replayed": 0,
    }


def test_SDES_09_SRTP_05_another_ssrc_under_the_same_key(server: RunningServer) -> None:
    keys = keys_of("AES_CM_128_HMAC_SHA1_32")
    packets = [rtp_packet(ALICE, number) for number in range(ALICE.packets)]
    renewed = [packet[:8] + bytes(4) + packet[12:] for packet in packets[15:]]
    with secure(server, crypto(keys), labels=("1",)) as client:
        client.call()
        far, out = SrtpSender(keys), Blaster(client)
        out.send(*map(far.protect_rtp, packets[:15]), *map(far.protect_rtp, renewed))
        client.bye()
        out.close()
    recording = wait_recording(server, client.call_id)
    recording.assert_spoken(0, ALICE.heard[: 15 * FRAME])
    recording.assert_spoken(0, ALICE.heard[15 * FRAME :])
    assert recording.stream(0)["srtp"]["packets_failed"] == 0


def test_a_protected_stream_may_go_on_in_the_clear_and_back(server: RunningServer) -> None:
    keys, other = keys_of(), keys_of()
    packets = [rtp_packet(ALICE, number) for number in range(ALICE.packets)]
    with secure(server, crypto(keys), labels=("1",)) as client:
        client.call()
        out = Blaster(client)
        out.send(*map(SrtpSender(keys).protect_rtp, packets[:10]))
        client.crypto = ()
        client.reinvite()
        out.send(*packets[10:20])
        refresh(client, crypto(other))
        out.send(*map(SrtpSender(other).protect_rtp, packets[20:]))
        client.bye()
        out.close()
    wait_recording(server, client.call_id).assert_spoken(0, ALICE.heard)


def test_SRTP_04_RTCP_01_our_reports_are_protected_with_our_own_key(start_server: Start) -> None:
    server = start_server(MEDIA__RTCP_INTERVAL_S="0.5")
    keys = keys_of("AES_CM_128_HMAC_SHA1_32")
    with secure(server, crypto(keys), labels=("1",)) as client, reports_at(client) as reports:
        client.call()
        ours = SrtpReceiver(answered(client).keys[0])
        client.start(Play(voice=Voice(seed=1, seconds=3), srtp=keys))
        opened = [ours.unprotect_rtcp(reports.recv(2048)) for _ in range(2)]
        client.bye()
    for report in opened:
        assert report[1] == 201  # RFC 3550 section 6.4.2: a receiver report
        assert b"\x81\xca" in report  # and our canonical name
    assert server.stop() == 0


@pytest.mark.parametrize("where", ["media", "trunk"])
def test_SDES_14_Q77_srtp_may_be_required(start_server: Start, where: str) -> None:
    trunk = '[{"name": "sbc", "sources": ["127.0.0.0/8"], "srtp": "require"}]'
    settings = {"MEDIA__SRTP": "require"} if where == "media" else {"TRUNKS": trunk}
    server = start_server(**settings)
    keys = keys_of()
    with secure(server) as client:
        refused = client.invite()
        assert refused.status == 488
        assert "SRTP is required here, and it offers plain RTP" in (refused.headers.get("Warning") or "")
    with secure(server, crypto(keys)) as client:
        client.call()
        assert client.answer is not None
        assert [bool(media.port) for media in client.answer.media] == [True, False]
        client.play(Play(voice=ALICE, srtp=keys))
        client.bye()
    recording = wait_recording(server, client.call_id)
    recording.place(0, ALICE.heard)
    assert "SRTP is required here, and it offers plain RTP" in texts(recording)
    assert server.stop() == 0


def test_SDES_15_srtp_may_be_refused_and_is_an_option_beside_plain_rtp(start_server: Start) -> None:
    server = start_server(MEDIA__SRTP="refuse")
    keys = keys_of()
    with secure(server, crypto(keys), labels=("1",)) as client:
        refused = client.invite()
        assert refused.status == 488
        assert "SRTP is not accepted here" in (refused.headers.get("Warning") or "")
    with secure(server, crypto(keys), labels=("1",)) as client:
        client.call(optional(client.offer()))
        assert client.answer is not None
        assert client.answer.media[0].crypto == ()
        client.play(Play(voice=ALICE))
        client.bye()
    wait_recording(server, client.call_id).place(0, ALICE.heard)
    assert server.stop() == 0


def test_SDES_15_srtp_that_is_offered_as_an_option_is_taken(server: RunningServer) -> None:
    keys = keys_of()
    with secure(server, crypto(keys), labels=("1",)) as client:
        client.call(optional(client.offer()))
        assert client.answer is not None
        assert client.answer.media[0].protocol == "RTP/AVP"
        assert answered(client).tag == 1
        client.play(Play(voice=ALICE, srtp=keys))
        client.bye()
    wait_recording(server, client.call_id).place(0, ALICE.heard)


@pytest.mark.parametrize("suite", SUITES)
def test_our_own_client_calls_with_srtp(server: RunningServer, tmp_path: Path, suite: str) -> None:
    """`siprecord call --srtp`: the audio comes back to the sample."""
    voices = [audio.voice(seed, 0.6) for seed in (41, 42)]
    files = [str(audio.write_wav(tmp_path / f"{n}.wav", voice)) for n, voice in enumerate(voices)]
    words = ("-a", files[0], "-a", files[1], "--codec", "pcma", "--srtp", "--srtp-suite", suite, "--json")
    command = [sys.executable, "-m", "siprecord", "call", f"sip:127.0.0.1:{server.sip_port}", *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads(done.stdout)
    assert [stream["srtp"] for stream in report["streams"]] == [suite, suite]
    recording = wait_recording(server, report["call_id"])
    for number, voice in enumerate(voices):
        coded = encode_g711(voice.tobytes(), "pcma")
        recording.place(number, np.frombuffer(decode_g711(coded, "pcma"), np.int16))
        assert recording.stream(number)["srtp"]["suite"] == suite


# ---- tools -------------------------------------------------------------------------------------------


def optional(offer: str) -> str:
    """The same offer with SRTP as an option (RFC 8643), within a body of two parts."""
    return messages.multipart(offer.replace("RTP/SAVP", "RTP/AVP"))


def refresh(client: Src, line: str) -> None:
    client.crypto = (line,)
    assert client.reinvite().status == 200


def rtp_packet(voice: Voice, number: int) -> bytes:
    header = (
        bytes([0x80, 0]) + (700 + number).to_bytes(2) + (160 * number).to_bytes(4) + (0xA11CE).to_bytes(4)
    )
    return header + voice.codes[number * FRAME : (number + 1) * FRAME]


class Blaster:
    """Sends packets one by one, each 20 ms of audio after the one before."""

    def __init__(self, client: Src) -> None:
        self._client = client
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((HOST, 0))

    def send(self, *packets: bytes) -> None:
        for packet in packets:
            self._socket.sendto(packet, (HOST, self._client.targets[0]))
            time.sleep(0.02)

    def close(self) -> None:
        self._socket.close()


@contextmanager
def reports_at(client: Src) -> Iterator[socket.socket]:
    """Receives reports where the offer says: `a=rtcp` names a port of its own."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind((HOST, 0))
        receiver.settimeout(PATIENCE)
        port = receiver.getsockname()[1]
        plain = client.offer

        def offer(directions: tuple[str, ...] = ()) -> str:
            return plain(directions).replace("a=sendonly", f"a=sendonly\r\na=rtcp:{port}")

        client.offer = offer  # type: ignore[method-assign, assignment]
        yield receiver
