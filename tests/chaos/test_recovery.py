"""The short form of `make chaos`: processes are killed under real calls, and nothing may be lost."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from siprecord.media.audio import encode_g711
from tests.chaos.holder_proof import holder_killed
from tests.chaos.storm import Storm, kill_recorder, kill_renderer, rage
from tests.support import audio, sipp
from tests.support.patience import PATIENCE, wait_until
from tests.support.pcap import PcapStream, write_pcap
from tests.support.server import RunningServer


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RunningServer]:
    running = RunningServer(tmp_path).start()
    yield running
    running.stop()


def test_R01_R02_calls_and_their_packets_outlive_the_recorder(server: RunningServer) -> None:
    """The client's endpoint fails a call at any wrong tag, CSeq or missing answer."""
    after = rage(server, Storm())
    assert after.kills == 3, after
    assert not after.faults, after
    assert len(server.wait_recordings(20)) == 20


def test_R03_a_killed_renderer_loses_nothing(server: RunningServer) -> None:
    storm = Storm(calls=30, rate=15, seconds=1.0, pause=(0.02, 0.1), kills=1)
    after = rage(server, storm, lambda: kill_renderer(server))
    assert not after.faults, after
    assert len(server.wait_recordings(30)) == 30


def test_R03_the_death_of_the_holder_costs_nothing(server: RunningServer) -> None:
    """Calls begin while there is none; the next one takes the recorder on, and starts it again."""
    after = holder_killed(server)
    assert after.kills == 1
    assert not after.faults, after
    assert len(server.wait_recordings(after.report["calls"])) == after.report["calls"]
    log = server.log.read_text()
    assert "the holder has died" in log
    assert "took on recorder" in log


@pytest.mark.skipif(shutil.which("sipp") is None, reason="SIPp is not installed: run `make packages`")
@pytest.mark.skipif(os.geteuid() != 0, reason="SIPp plays captures through raw sockets, which need root")
@pytest.mark.parametrize("transport", ["u1", "t1"], ids=["udp", "tcp"])
def test_R02_a_foreign_client_notices_nothing(server: RunningServer, tmp_path: Path, transport: str) -> None:
    seconds = 4.0
    voice = encode_g711(audio.voice(7, seconds).tobytes(), "pcmu")
    streams = [PcapStream(voice, 0, 30000, 0x1001), PcapStream(voice, 0, 30002, 0x2002)]
    fields = {
        "PCAP": str(write_pcap(tmp_path / "voices.pcap", streams)),
        "PAUSE": str(int(seconds * 1000) + 1500),
        "USER": "src",
        "PADDING": "",
    }
    directory = tmp_path / "sipp"
    directory.mkdir()
    run = sipp.SippRun(
        scenario="siprec_call",
        port=server.sip_port,
        directory=directory,
        fields=fields,
        transport=transport,
        calls=4,
    )
    process = sipp.start(run)
    wait_until(lambda: server.get("/api/status")["calls"] == 4, "the calls")
    for pause in (1.0, 1.8):
        time.sleep(pause)
        wait_until(lambda: kill_recorder(server), "a recorder")
    sipp.finish(process, run)
    for recording in server.wait_recordings(4):
        document = json.loads((recording / "metadata.json").read_text())
        assert document["outcome"] == "complete"
        for stream in document["streams"]:
            assert (stream["packets_lost"], stream["packets_duplicated"]) == (0, 0)
            assert stream["packets_received"] == stream["packets_unique"] == len(voice) // 160
    assert len(server.recordings()) == 4


def test_an_upgrade_and_a_drain_lose_nothing(server: RunningServer) -> None:
    def command(name: str) -> bool:
        url = ["--url", f"http://127.0.0.1:{server.http_port}"]
        done = subprocess.run([sys.executable, "-m", "siprecord", name, *url], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        return True

    before = server.recorder_pid
    storm = Storm(calls=10, rate=20, seconds=8.0, kills=1, pause=(2.0, 3.0))
    after = rage(server, storm, lambda: command("upgrade"))
    assert not after.faults, after
    assert server.recorder_pid != before
    assert "was killed" not in server.log.read_text()
    assert command("drain")
    assert server.process is not None
    assert server.process.wait(PATIENCE) == 0
