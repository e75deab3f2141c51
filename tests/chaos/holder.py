"""R3: the holder dies under calls; the recorder goes on alone, and dies when the next holder has it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from tests.chaos.proof import Scale, need
from tests.chaos.storm import Aftermath, Storm, kill, rage
from tests.support.patience import wait_until
from tests.support.server import RunningServer, served

STORM = Storm(calls=20, rate=4.0, seconds=6.0, kills=1, pause=(1.0, 1.5))
"""Calls come for 5 s, so that some begin while there is no holder."""


def killed(scale: Scale, directory: Path) -> str:
    """R3: the holder is killed; calls go on, new ones come, and the next holder protects them again."""
    with served(directory) as server:
        after = holder_killed(server, replace(STORM, seed=scale.seed))
        need(not after.faults and after.kills, after)
        server.wait_recordings(STORM.calls)
    return f"holder, calls without it, the next one, then the recorder: {after}"


def holder_killed(server: RunningServer, storm: Storm) -> Aftermath:
    """`kill -9` of the holder, new calls, `siprecord serve` again, `kill -9` of the recorder."""
    return rage(server, storm, lambda: _lose_both(server))


def _lose_both(server: RunningServer) -> bool:
    assert server.process is not None
    recorder, begun = server.recorder_pid, server.get("/api/status")["calls_started"]
    kill(server.pid)
    server.process.wait()
    try:
        _go_on_alone(server, begun)
    except BaseException:
        kill(recorder)  # nobody else would end it
        raise
    assert server.recorder_pid == recorder, "it is the same recorder"
    kill(recorder)
    server.wait_ready()
    wait_until(lambda: server.recorder_pid != recorder, "the next recorder")
    return True


def _go_on_alone(server: RunningServer, begun: int) -> None:
    wait_until(lambda: server.get("/health/ready")["warnings"] != [], "the warning that there is no holder")
    wait_until(lambda: server.get("/api/status")["calls_started"] > begun, "a new call")
    server.start()
    wait_until(lambda: server.get("/api/status")["holder_pid"] == server.pid, "the next holder")
