"""R10: everything is killed at once, as a power failure does; the next start repairs."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.chaos.proof import Scale, need
from tests.chaos.storm import Storm, start_load
from tests.support.cluster import packets, running, until
from tests.support.recording import FoundRecording
from tests.support.server import RunningServer, served

CALLS = 5
ENOUGH = 60
"""Packets of a stream before the end: more than a second."""


def repaired(scale: Scale, directory: Path) -> str:
    """Calls are running when it dies; nothing of it needs anybody's hand."""
    with served(directory) as server:
        with _load(server, scale) as load:
            # Not after a time: a busy machine has placed no call by then, and then there is none to repair.
            until(lambda: load.poll() is not None or _flow(server), "the calls run")
            need(load.poll() is None, "the load ended by itself")
            stored = {
                call["id"]: [stream["packets"] for stream in call["streams"]] for call in running(server)
            }
            server.crash()
        server.start()
        recordings = [FoundRecording(each) for each in server.wait_recordings(CALLS)]
        listed = {row["id"]: row for row in server.get("/api/recordings")["recordings"]}
        metrics, log = server.get("/metrics"), server.log.read_text()
        need(not list(server.data.glob("spool/*.pcapng")), "a log is left in the spool")
    seconds = [_repaired(each, stored[each.metadata["recording_id"]]) for each in recordings]
    need({row["outcome"] for row in listed.values()} == {"interrupted"} and len(listed) == CALLS, listed)
    need(f"siprecord_recordings_repaired_total {CALLS}.0" in metrics, "no metric of it")
    told = [json.loads(row) for row in log.splitlines() if "closed as interrupted" in row]
    need([row["count"] for row in told] == [CALLS], told)
    return (
        f"{CALLS} of {CALLS} calls that ran at kill -9 of all processes: closed as interrupted, rendered "
        f"({min(seconds):.1f} to {max(seconds):.1f} s of audio each, all that was stored), listed by the "
        "API, told in the log and as a metric. Hashes are not part of it: they come in a later part"
    )


@contextmanager
def _load(server: RunningServer, scale: Scale) -> Iterator[subprocess.Popen[str]]:
    load = start_load(server, Storm(calls=CALLS, rate=20, seconds=300.0, seed=scale.seed))
    try:
        yield load
    finally:
        load.kill()
        load.communicate()


def _flow(server: RunningServer) -> bool:
    return len(running(server)) == CALLS and packets(server) > 2 * ENOUGH * CALLS


def _repaired(recording: FoundRecording, stored: list[int]) -> float:
    """Seconds of its audio."""
    document: dict[str, Any] = recording.metadata
    need(recording.outcome == "interrupted", recording.outcome)
    for number, least in enumerate(stored):
        row = recording.stream(number)
        need(row["packets_received"] >= least, f"{row['packets_received']} of {least} packets")
        need(row["packets_lost"] == 0, f"{row['packets_lost']} lost before the end")
        need(recording.channels[number].any(), f"no audio in channel {number}")
    return float(document["audio"]["duration_s"])
