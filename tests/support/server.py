"""A real `siprecord serve` in its own process, on free ports, with its own data directory."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support.patience import PATIENCE
from tests.support.ports import free_port, media_ports


@dataclass
class RunningServer:
    """`siprecord serve`, started by `start()` and ended by `stop()`."""

    directory: Path
    settings: dict[str, str] = field(default_factory=dict)
    sip_port: int = field(default_factory=free_port)
    http_port: int = field(default_factory=free_port)
    media_ports: tuple[int, int] = field(default_factory=media_ports)
    most_files: int | None = None
    """Its hard limit of open files."""
    process: subprocess.Popen[bytes] | None = None

    @property
    def data(self) -> Path:
        return self.directory / "data"

    @property
    def log(self) -> Path:
        return self.directory / "server.log"

    def environment(self) -> dict[str, str]:
        own = {
            "SIPRECORD_DATA_DIR": str(self.data),
            "SIPRECORD_SIP__HOST": "127.0.0.1",
            "SIPRECORD_SIP__PORT": str(self.sip_port),
            "SIPRECORD_HTTP__PORT": str(self.http_port),
            "SIPRECORD_MEDIA__BIND_ADDRESS": "127.0.0.1",
            "SIPRECORD_MEDIA__PORT_MIN": str(self.media_ports[0]),
            "SIPRECORD_MEDIA__PORT_MAX": str(self.media_ports[1]),
        }
        return {**os.environ, **own, **self.settings}

    def start(self) -> RunningServer:
        with self.log.open("ab") as log:
            command = self.command([sys.executable, "-m", "siprecord", "serve"])
            self.process = subprocess.Popen(command, env=self.environment(), stdout=log, stderr=log)
        self.wait_ready()
        return self

    def command(self, command: list[str]) -> list[str]:
        """The command as it is run."""
        return command if self.most_files is None else ["prlimit", f"--nofile={self.most_files}", *command]

    def wait_ready(self) -> None:
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            assert self.process is not None
            assert self.process.poll() is None, f"the server ended at start:\n{self.log.read_text()}"
            try:
                self.get("/health/ready")
            except OSError:  # not there yet, or too busy to answer in time
                time.sleep(0.05)
            else:
                return
        raise AssertionError(f"the server was not ready in {PATIENCE} s:\n{self.log.read_text()}")

    def get(self, path: str) -> Any:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.http_port}{path}", timeout=PATIENCE) as answer:
            text = answer.read().decode()
        return json.loads(text) if "json" in answer.headers["Content-Type"] else text

    def stop(self, number: int = signal.SIGTERM, seconds: float = PATIENCE) -> int:
        if self.process is None:
            return 0
        if self.process.poll() is None:
            self.process.send_signal(number)
        code = self.process.wait(timeout=seconds)
        return code

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    @property
    def recorder_pid(self) -> int:
        """The process that records; `pid` is its holder."""
        return int(self.get("/api/status")["recorder_pid"])

    def crash(self, recorder: int | None = None) -> None:
        """Kill the holder and the recorder at once, as a power failure does."""
        assert self.process is not None
        recorder = self.recorder_pid if recorder is None else recorder
        os.kill(self.pid, signal.SIGKILL)
        os.kill(recorder, signal.SIGKILL)
        self.process.wait()
        while _lives(recorder):
            time.sleep(0.01)

    def resident_kib(self) -> int:
        """Resident memory of the recorder."""
        status = Path(f"/proc/{self.recorder_pid}/status").read_text()
        return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1])

    def recordings(self) -> list[Path]:
        """Folders of finished recordings, oldest first."""
        return sorted(path.parent for path in self.data.glob("recordings/*/*/*/*/metadata.json"))

    def wait_stored(self, *packets: int) -> None:
        """Wait until so many packets of the streams of the only call are in its log."""
        end = time.monotonic() + PATIENCE
        while (stored := self.stored()) != packets:
            assert time.monotonic() < end, f"{stored} packets are stored, not {packets}"
            time.sleep(0.02)

    def stored(self) -> tuple[int, ...]:
        """Packets in the log of the only call, stream by stream."""
        (call,) = self.get("/api/calls")["calls"]
        return tuple(stream["packets"] for stream in call["streams"])

    def wait_recordings(self, count: int, seconds: float = PATIENCE) -> list[Path]:
        """The folders of `count` rendered recordings, once they are there."""
        end = time.monotonic() + seconds
        while len(found := self.recordings()) < count:
            assert time.monotonic() < end, f"{len(found)} of {count} recordings: {self.log}"
            time.sleep(0.05)
        return found


@contextmanager
def served(directory: Path, **more: Any) -> Iterator[RunningServer]:
    """A server that is ended at the end, and its calls with it; `more` are its fields."""
    server = RunningServer(directory, **more)
    try:
        yield server.start()
    finally:
        for _ in range(2):  # the second signal ends calls at once
            if server.process is not None and server.process.poll() is None:
                server.process.send_signal(signal.SIGTERM)
                time.sleep(0.2)
        server.stop()


def _lives(pid: int) -> bool:
    """Whether it still holds files and ports; a dead child that nobody has waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
