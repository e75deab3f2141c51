"""SIPp, a foreign SIPREC client, against the running server: the right audio in the right channel."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from siprecord.media.audio import decode_g711, encode_g711
from tests.support import audio, sipp
from tests.support.pcap import PcapStream, write_pcap
from tests.support.server import RunningServer

pytestmark = [
    pytest.mark.skipif(shutil.which("sipp") is None, reason="SIPp is not installed: run `make packages`"),
    pytest.mark.skipif(os.geteuid() != 0, reason="SIPp plays captures through raw sockets, which need root"),
]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RunningServer]:
    running = RunningServer(tmp_path).start()
    yield running
    running.stop()


LATE_MS = 1_500
"""On a busy machine SIPp may send the last packets so late; the BYE waits for them."""


class Caller:
    """Two voices as SIPp plays them and as they must come back."""

    def __init__(self, directory: Path, seed: int, seconds: float = 2.0) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.directory = directory
        first, second = (audio.voice(seed + side, seconds) for side in (0, 1))
        ulaw, alaw = encode_g711(first.tobytes(), "pcmu"), encode_g711(second.tobytes(), "pcma")
        heard = decode_g711(ulaw, "pcmu"), decode_g711(alaw, "pcma")
        self.expected = [np.frombuffer(pcm, np.int16) for pcm in heard]
        streams = [PcapStream(ulaw, 0, 30000, 0x1000 + seed), PcapStream(alaw, 8, 30002, 0x2000 + seed)]
        self.capture = write_pcap(directory / "voices.pcap", streams)
        self.pause = str(int(seconds * 1000) + LATE_MS)

    def run(self, server: RunningServer, transport: str = "u1", calls: int = 1) -> sipp.SippRun:
        fields = {
            "PCAP": str(self.capture),
            "PAUSE": self.pause,
            "USER": self.directory.name,
            "PADDING": "x" * 2000,
        }
        return sipp.SippRun(
            scenario="siprec_call",
            port=server.sip_port,
            directory=self.directory,
            fields=fields,
            transport=transport,
            calls=calls,
            rate=50,
        )

    def check(self, recording: Path) -> None:
        channels = audio.read_channels(recording / "audio.wav")
        assert len(channels) == 2
        for channel, sent in zip(channels, self.expected, strict=True):
            assert audio.find(sent, channel) is not None


@pytest.mark.parametrize("transport", ["u1", "t1"], ids=["udp", "tcp"])
def test_sipp_call_is_recorded(server: RunningServer, tmp_path: Path, transport: str) -> None:
    caller = Caller(tmp_path / "sbc", seed=1)
    sipp.play(caller.run(server, transport))
    (recording,) = server.wait_recordings(1)
    caller.check(recording)
    metadata = json.loads((recording / "metadata.json").read_text())
    assert metadata["outcome"] == "complete"
    assert {p["aor"] for p in metadata["participants"]} == {"sip:bob@biloxi.com", "sip:alice@atlanta.com"}
    assert [s["label"] for s in metadata["streams"]] == ["96", "97"]
    assert [s["packets_received"] for s in metadata["streams"]] == [100, 100]
    assert [s["packets_lost"] for s in metadata["streams"]] == [0, 0]
    assert b"<recording" in (recording / "metadata.xml").read_bytes()


def test_two_hundred_calls_at_once_are_each_recorded_as_sent(server: RunningServer, tmp_path: Path) -> None:
    """Four SIPp instances with different voices, 50 calls each: no call may hold another's audio."""
    callers = {f"sbc{n}": Caller(tmp_path / f"sbc{n}", seed=10 * n, seconds=3.0) for n in range(4)}
    runs = [
        caller.run(server, "u1" if n % 2 else "t1", calls=50) for n, caller in enumerate(callers.values())
    ]
    processes = [sipp.start(run) for run in runs]
    for process, run in zip(processes, runs, strict=True):
        sipp.finish(process, run)
    recordings = server.wait_recordings(200)
    assert len(recordings) == 200
    for recording in recordings:
        metadata = json.loads((recording / "metadata.json").read_text())
        user = metadata["sip"]["from"].split("sip:")[1].split("@")[0]
        callers[user].check(recording)
