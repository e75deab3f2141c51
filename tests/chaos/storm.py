"""Kills what records, at random moments, under calls of our own client, and compares packet by packet."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support.cluster import running, until
from tests.support.server import RunningServer

FAULTS = (
    "packets_lost",
    "packets_surplus",
    "packets_foreign",
    "packets_damaged",
    "recordings_missing",
    "calls_failed",
)
"""What the load test counts and what must be nought."""
LONGEST_ROW = 0.8
"""Seconds from the first to the last death in a row."""


@dataclass(frozen=True, kw_only=True)
class Storm:
    """How many calls, and how often what is killed. Times are in seconds."""

    calls: int = 20
    rate: float = 10.0
    seconds: float = 8.0
    transports: str = "udp,tcp"
    kills: int = 3
    pause: tuple[float, float] = (0.8, 2.5)
    more: tuple[str, ...] = ()
    """Further options of `siprecord bench`."""
    seed: int = field(default_factory=lambda: random.SystemRandom().randrange(2**32))


@dataclass(frozen=True)
class Aftermath:
    """What the load test reported, and how many were killed."""

    report: dict[str, Any]
    kills: int
    seed: int

    @property
    def faults(self) -> dict[str, int]:
        """What must be nought and is not."""
        return {name: self.report[name] for name in FAULTS if self.report[name]}

    def __str__(self) -> str:
        counts = f"{self.report['calls']} calls, {self.kills} kills, {self.report['packets_sent']} packets"
        return f"{counts}, {self.faults or 'none lost'} (seed {self.seed})"


def rage(server: RunningServer, storm: Storm, kill: Callable[[], bool] | None = None) -> Aftermath:
    """Place the calls, kill meanwhile, and compare. `kill` says whether it found something to kill."""
    lives = Lives(server, load_ended=lambda: load.poll() is not None)
    kill = kill or lives.end_one
    chance = random.Random(storm.seed)
    server.wait_ready()
    load = start_load(server, storm)
    killed = 0
    wait_for_calls(server, load)
    while killed < storm.kills and load.poll() is None:
        time.sleep(chance.uniform(*storm.pause))
        if load.poll() is None:
            killed += kill()
    out, err = load.communicate(timeout=storm.seconds + 120)
    assert out, f"{err}\n{server.log.read_text()[-3000:]}"
    return Aftermath(json.loads(out), killed, storm.seed)


@dataclass
class Lives:
    """Keeps the times short in which no recorder is there, however often in a row it is killed.

    The kernel keeps some 5 s of a stream (`media.receive_buffer`): by design, and not what is to be proved.
    """

    server: RunningServer
    load_ended: Callable[[], bool]
    served: int = -1
    gone: float = 0.0
    """When the first of the present row was killed."""

    def end_one(self) -> bool:
        """Kill the recorder, after a wait for it if the last one died long ago and has no successor yet."""
        self._wait()
        killed = kill_recorder(self.server)
        self.served = self._served()
        return killed

    def _wait(self) -> None:
        if self._served() > self.served:
            self.gone = time.monotonic()
        elif time.monotonic() - self.gone > LONGEST_ROW:
            while self._served() <= self.served and not self.load_ended():
                time.sleep(0.02)
            self.gone = time.monotonic()

    def _served(self) -> int:
        return self.server.log.read_text().count("took over")


def wait_for_calls(server: RunningServer, load: subprocess.Popen[str]) -> None:
    """Until a call of the load is being recorded: before, it asks the server for its state."""
    until(lambda: load.poll() is not None or any(map(_is_ours, running(server))), "calls of the load")


def _is_ours(call: dict[str, Any]) -> bool:
    """Other clients than `siprecord bench` call by other names."""
    return str(call["from_uri"]).startswith("sip:src@")


def start_load(server: RunningServer, storm: Storm) -> subprocess.Popen[str]:
    """`siprecord bench` against the server; its report will be JSON on standard output."""
    command = [
        sys.executable, "-m", "siprecord", "bench", f"sip:127.0.0.1:{server.sip_port}",
        "--calls", str(storm.calls), "--rate", str(storm.rate), "--seconds", str(storm.seconds),
        "--transport", storm.transports, "--seed", str(storm.seed), "--verify", "--json",
        *storm.more,
        "--data", str(server.data), "--url", f"http://127.0.0.1:{server.http_port}",
    ]  # fmt: skip
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def kill_recorder(server: RunningServer) -> bool:
    """SIGKILL to the recorder, whatever it does; False when there is none just now."""
    recorder = child_running(server.pid, "siprecord.server.recorder")
    return recorder is not None and kill(recorder)


def kill_renderer(server: RunningServer) -> bool:
    """SIGKILL to a render process; False when none is at work."""
    recorder = child_running(server.pid, "siprecord.server.recorder")
    worker = None if recorder is None else child_running(recorder, "siprecord.render")
    return worker is not None and kill(worker)


def kill(pid: int) -> bool:
    """SIGKILL; False when it is gone already."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True


def child_running(pid: int, module: str) -> int | None:
    """A child of the process that runs this Python module."""
    try:
        tasks = [path.read_text() for path in Path(f"/proc/{pid}/task").glob("*/children")]
        for child in " ".join(tasks).split():
            if module in Path(f"/proc/{child}/cmdline").read_text():
                return int(child)
    except FileNotFoundError:
        pass
    return None
