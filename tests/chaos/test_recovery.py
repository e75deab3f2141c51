"""The short form of `make chaos`: processes are killed under real calls, and nothing may be lost."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos.holder import STORM, holder_killed
from tests.chaos.storm import Storm, kill_renderer, rage
from tests.support.patience import PATIENCE
from tests.support.server import RunningServer


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RunningServer]:
    running = RunningServer(tmp_path).start()
    yield running
    running.stop()


def test_R03_a_killed_renderer_loses_nothing(server: RunningServer) -> None:
    storm = Storm(calls=30, rate=15, seconds=1.0, pause=(0.02, 0.1), kills=1)
    after = rage(server, storm, lambda: kill_renderer(server))
    assert after.kills == 1, after
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
