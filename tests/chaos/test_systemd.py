"""The recorder dies where systemd keeps its sockets and calls."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from tests.chaos.storm import Storm, rage
from tests.support.patience import wait_until
from tests.support.systemd import SystemdServer


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
