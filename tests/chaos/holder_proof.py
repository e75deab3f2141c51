"""The holder dies under calls; the recorder goes on alone, and dies itself when the next holder has it."""

from __future__ import annotations

from tests.chaos.storm import Aftermath, Storm, kill, rage
from tests.support.patience import wait_until
from tests.support.server import RunningServer

STORM = Storm(calls=20, rate=4.0, seconds=6.0, kills=1, pause=(1.0, 1.5))
"""Calls come for 5 s, so that some begin while there is no holder."""


def holder_killed(server: RunningServer, storm: Storm = STORM) -> Aftermath:
    """R3: `kill -9` of the holder, new calls, `siprecord serve` again, `kill -9` of the recorder."""
    return rage(server, storm, lambda: _lose_both(server))


def _lose_both(server: RunningServer) -> bool:
    assert server.process is not None
    recorder, begun = server.recorder_pid, server.get("/api/status")["calls_started"]
    kill(server.pid)
    server.process.wait()
    wait_until(lambda: server.get("/health/ready")["warnings"] != [], "the warning that there is no holder")
    wait_until(lambda: server.get("/api/status")["calls_started"] > begun, "a new call")
    server.start()
    wait_until(lambda: server.get("/api/status")["holder_pid"] == server.pid, "the next holder")
    assert server.recorder_pid == recorder, "it is the same recorder"
    kill(recorder)
    server.wait_ready()
    wait_until(lambda: server.recorder_pid != recorder, "the next recorder")
    return True
