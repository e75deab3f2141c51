"""One load on a fresh server: `siprecord serve` and `siprecord bench`, each in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.server import RunningServer

SETTINGS = {
    # What is measured is the recorder; rendering takes place in other processes, and would take its core.
    "SIPRECORD_RENDER__ENABLED": "false",
    "SIPRECORD_LOG__LEVEL": "warning",
}
MEDIA_PORTS = (10_000, 31_998)
"""Four ports a call; below those that the system gives to whoever asks for any."""
SPARE_SECONDS = 120


@dataclass(frozen=True)
class Shape:
    calls: int
    rate: float
    seconds: float

    @property
    def command(self) -> str:
        return f"siprecord bench URI --calls {self.calls} --rate {self.rate:g} --seconds {self.seconds:g}"


def measure(shape: Shape) -> dict[str, Any]:
    """The JSON of `siprecord bench`. The recordings are removed afterwards: they are large."""
    with tempfile.TemporaryDirectory(prefix="load-") as folder:
        server = RunningServer(Path(folder), SETTINGS, media_ports=MEDIA_PORTS).start()
        try:
            return _bench(server, shape)
        finally:
            server.stop()


def _bench(server: RunningServer, shape: Shape) -> dict[str, Any]:
    uri = f"sip:127.0.0.1:{server.sip_port}"
    words = ["--calls", shape.calls, "--rate", shape.rate, "--seconds", shape.seconds, "--json"]
    words += ["--verify", "--data", server.data, "--url", f"http://127.0.0.1:{server.http_port}"]
    command = [sys.executable, "-m", "siprecord", "bench", uri, *map(str, words)]
    patience = shape.calls / shape.rate + shape.seconds * 2 + SPARE_SECONDS
    # Exit code 1 says that something was lost: that is a result, not an error.
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=patience, check=False)
    if not done.stdout:
        raise RuntimeError(f"no report of {shape.command}; the server said: {server.log.read_text()[-2000:]}")
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def memory_per_call_kib(report: dict[str, Any]) -> float:
    server = report["server"]
    grown: int = server["memory_peak_kib"] - server["memory_idle_kib"]
    peak: int = report["calls_peak"]
    return grown / max(peak, 1)
