"""SRTP as others send it: rtpengine between the parties and us, and ffmpeg."""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from siprecord.syntax.sdp import SUITES, CryptoLine, SessionDescription, SrtpKeys, parse_sdp
from tests.support import messages
from tests.support.patience import PATIENCE
from tests.support.recording import FoundRecording, wait_recording
from tests.support.rtpengine import RtpEngine, rtpengine
from tests.support.server import RunningServer
from tests.support.src import HOST, Play, Src
from tests.support.voices import Voice

ALICE = Voice(seed=21, seconds=0.6)
BOB = Voice(seed=22, seconds=0.6, law="pcma")
SUITE = "AES_CM_128_HMAC_SHA1_80"
OTHERS = ("AES_192_CM_HMAC_SHA1_80", "AES_192_CM_HMAC_SHA1_32", "F8_128_HMAC_SHA1_80", "F8_128_HMAC_SHA1_32")
OFFERED = (*SUITES, *OTHERS, "NULL_HMAC_SHA1_80", "NULL_HMAC_SHA1_32")
"""What rtpengine offers when nobody asks for less."""


def needs(program: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(
        shutil.which(program) is None, reason=f"{program} is not installed: run `make packages`"
    )


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    running = RunningServer(tmp_path_factory.mktemp("server")).start()
    yield running
    running.stop()


@pytest.fixture
def client(server: RunningServer) -> Iterator[Src]:
    src = Src(server.sip_port)
    yield src
    src.close()


def check(recording: FoundRecording, number: int, voice: Voice, suite: str) -> None:
    """Each sample that was sent is in the stream's channel, and no packet was lost or refused."""
    recording.assert_spoken(number, voice.heard)
    stream = recording.stream(number)
    assert stream["packets_lost"] == 0
    assert stream["srtp"] == {"suite": suite, "packets_failed": 0, "packets_replayed": 0}


# ---- rtpengine ---------------------------------------------------------------------------------------


def call_through(proxy: RtpEngine, client: Src, suite: str) -> SessionDescription:
    """Set the call up with rtpengine's ports and keys in our offer; answers what it says to the parties."""
    names = {"call_id": client.call_id, "from_tag": "parties"}
    wish = {
        "transport_protocol": "RTP/SAVP",
        "SDES": [f"no-{other}" for other in OFFERED if other != suite],
        "ICE": "remove",
    }
    offer = proxy.ask("offer", sdp=client.offer(), **names, **wish)["sdp"]
    offered = {CryptoLine.parse(line).suite for line in parse_sdp(offer.encode()).media[0].crypto}
    assert offered == {suite}
    response = client.invite(messages.multipart(offer))
    assert response.status == 200, response.to_bytes().decode()
    client.ack()
    plain = {"transport_protocol": "RTP/AVP", "ICE": "remove"}
    answer = proxy.ask("answer", sdp=response.body.decode(), to_tag="recorder", **names, **plain)
    return parse_sdp(answer["sdp"].encode())


@needs("rtpengine")
@pytest.mark.parametrize(
    "suite", [SUITE, "AES_CM_128_HMAC_SHA1_32", "AEAD_AES_128_GCM", "AES_256_CM_HMAC_SHA1_80"]
)
def test_rtpengine_protects_what_it_sends_to_us(
    server: RunningServer, client: Src, tmp_path: Path, suite: str
) -> None:
    """Two parties send plain RTP to it; it offers its own keys and sends both streams on to us."""
    with rtpengine(tmp_path) as proxy:
        parties = call_through(proxy, client, suite)
        assert client.answer is not None
        lines = [CryptoLine.parse(media.crypto[0]) for media in client.answer.media]
        assert [line.suite for line in lines] == [suite, suite]
        client.answer = parties  # from here on the voices go to rtpengine
        client.play(Play(voice=ALICE), Play(voice=BOB))
        server.wait_stored(ALICE.packets, BOB.packets)
        assert client.bye().status == 200
    recording = wait_recording(server, client.call_id)
    check(recording, 0, ALICE, suite)
    check(recording, 1, BOB, suite)


# ---- ffmpeg ------------------------------------------------------------------------------------------


def ffmpeg(voice: Voice, port: int, keys: SrtpKeys, directory: Path) -> None:
    """Let it send the voice as it is, in real time and to its end.

    Under SDES's own name of the suite with short tags it shortens those of reports too, against RFC 4568
    section 6.2.2; under the name of DTLS-SRTP it does not.
    """
    source = directory / "voice"
    source.write_bytes(voice.codes)
    law = {"pcmu": "mulaw", "pcma": "alaw"}[voice.law]
    read = ("-re", "-f", law, "-ar", "8000", "-ac", "1", "-i", str(source), "-c:a", "copy")
    secret = base64.b64encode(keys.key + keys.salt).decode()
    protect = (
        "-srtp_out_suite",
        keys.suite.replace("AES_CM_128", "SRTP_AES128_CM"),
        "-srtp_out_params",
        secret,
    )
    target = f"srtp://{HOST}:{port}"
    command = ["ffmpeg", "-nostdin", "-loglevel", "error", *read, "-f", "rtp", *protect, target]
    subprocess.run(command, check=True, timeout=PATIENCE, stdout=subprocess.DEVNULL)


@needs("ffmpeg")
@pytest.mark.parametrize("suite", [SUITE, "AES_CM_128_HMAC_SHA1_32"])
def test_ffmpeg_sends_with_the_key_that_was_offered(
    server: RunningServer, client: Src, tmp_path: Path, suite: str
) -> None:
    keys = SrtpKeys.generate(suite, os.urandom)
    client.crypto = (str(CryptoLine(tag=1, suite=suite, keys=(keys,))),)
    client.call()
    ffmpeg(BOB, client.targets[0], keys, tmp_path)
    assert client.bye().status == 200
    check(wait_recording(server, client.call_id), 0, BOB, suite)
