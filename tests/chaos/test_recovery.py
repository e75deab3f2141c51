"""The short form of `make chaos`: processes are killed under real calls, and nothing may be lost."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos.foreign import Foreign, unavailable
from tests.chaos.holder import STORM, holder_killed
from tests.chaos.storm import Storm, kill_recorder, kill_renderer, rage
from tests.support.patience import PATIENCE, wait_until
from tests.support.server import RunningServer
from tests.support.systemd import SystemdServer


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


def test_R01_calls_outlive_the_recorder_where_systemd_keeps_them(tmp_path: Path) -> None:
    server = SystemdServer(tmp_path)
    server.start()
    try:
        after = rage(server, Storm(calls=10, kills=2), lambda: killed(server))
        assert server.get("/api/status")["kept_by"] == "systemd"
        server.wait_recordings(10)
        wait_until(lambda: {name.partition(".")[0] for name, _ in server.kept} == {"listen", "shelter"})
    finally:
        server.stop()
    assert not after.faults, after
    assert server.starts == 1 + after.kills


def killed(server: SystemdServer) -> bool:
    """Kill the recorder, and wait for the next one."""
    starts = server.starts
    os.kill(server.pid, signal.SIGKILL)
    wait_until(lambda: server.starts > starts, "systemd starts it again")
    server.wait_ready()
    return True


def test_R03_a_killed_renderer_loses_nothing(server: RunningServer) -> None:
    storm = Storm(calls=30, rate=15, seconds=1.0, pause=(0.02, 0.1), kills=1)
    after = rage(server, storm, lambda: kill_renderer(server))
    assert not after.faults, after
    assert len(server.wait_recordings(30)) == 30


def test_R03_the_death_of_the_holder_costs_nothing(server: RunningServer) -> None:
    """Calls begin while there is none; the next one takes the recorder on, and starts it again."""
    after = holder_killed(server, STORM)
    assert after.kills == 1
    assert not after.faults, after
    assert len(server.wait_recordings(STORM.calls)) == STORM.calls
    log = server.log.read_text()
    assert "the holder has died" in log
    assert "took on recorder" in log


@pytest.mark.skipif(bool(unavailable()), reason=unavailable())
def test_R02_a_foreign_client_notices_nothing(server: RunningServer, tmp_path: Path) -> None:
    players = [Foreign(server, tmp_path / kind, kind) for kind in ("u1", "t1")]
    calls = sum(player.calls for player in players)
    wait_until(lambda: server.get("/api/status")["calls"] == calls, "the calls")
    for pause in (1.0, 1.8):
        time.sleep(pause)
        wait_until(lambda: kill_recorder(server), "a recorder")
    for player in players:
        player.finish()
    server.wait_recordings(calls)
    for player in players:
        player.check()
    assert len(server.recordings()) == calls


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
    assert "the holder is of the installed version too" in server.log.read_text()
    assert command("drain")
    assert server.process is not None
    assert server.process.wait(PATIENCE) == 0
