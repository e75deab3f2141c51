"""R12: an audit. A client goes through all that makes gaps, and what is told is compared with what it did."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import groupby, pairwise
from pathlib import Path

from siprecord.media.reader import CaptureReader, PacketSummary
from siprecord.media.sender import Impairments
from tests.chaos.proof import Scale, need
from tests.chaos.storm import kill_recorder
from tests.support.patience import PATIENCE, wait_until
from tests.support.recording import FoundRecording, wait_recording
from tests.support.server import RunningServer, served
from tests.support.src import Play, Src, src
from tests.support.voices import Voice

SECONDS = 60.0
"""More than it takes: the client falls silent when all is done."""
LATE_S = 1.0
"""By so much the second stream begins later."""
SLACK_S = 0.9
"""The late stream begins so exactly on a busy machine."""
RATE = 8000
CAUSES = ("network", "hold", "pause", "restart", "before_start")
CLIENT = ("before_start", "silence")
VOICES = (Voice(seed=91, seconds=SECONDS), Voice(seed=92, seconds=SECONDS - LATE_S, law="pcma"))
SETTINGS = {"SIPRECORD_MEDIA__RECEIVE_BUFFER": str(32 * 1024)}
"""Small enough to overflow while no recorder is there, as it does after some 20 s with the usual one."""
AWAY_S = 3.0


@dataclass
class Diary:
    """What the client did, and when: the truth. Moments are seconds since 1970."""

    spans: list[tuple[str, float, float]] = field(default_factory=list)
    lost: tuple[frozenset[int], ...] = ()

    @contextmanager
    def note(self, cause: str) -> Iterator[None]:
        begun = time.time()
        yield
        self.spans.append((cause, begun, time.time()))

    def cause(self, stream: int, packet: int, between: tuple[float, float]) -> str:
        """Why a packet must be missing that was sent after one packet that came, and before another."""
        if packet in self.lost[stream]:
            return "network"
        start, end = between
        overlaps = [(min(end, until) - max(start, since), cause) for cause, since, until in self.spans]
        most, cause = max(overlaps)
        return cause if most > 0 else f"nothing that was done: packet {packet} of stream {stream}"


Missing = Mapping[int, tuple[float, float]]
"""Packets by number, and between when they were sent."""
Gap = tuple[str, int, int]
"""Cause, first and last sample."""


def audit(scale: Scale, directory: Path) -> str:
    """Network losses, a hold, a pause by the API, a late stream, and a recorder that is away for long."""
    chance = scale.chance("gaps")
    diary = Diary(lost=tuple(_bursts(chance.randrange(20, 40)) for _ in VOICES))
    with served(directory, settings=SETTINGS) as server, src(server.sip_port) as client:
        client.call()
        plays = [
            Play(voice=voice, delay=LATE_S * number, impairments=Impairments(drop=tuple(sorted(lost))))
            for number, (voice, lost) in enumerate(zip(VOICES, diary.lost, strict=True))
        ]
        client.start(*plays)
        _live(server, client, diary)
        client.silence()
        need(client.bye().status == 200, "BYE")
        targets = client.targets
        recording = wait_recording(server, client.call_id)
        wait_until(lambda: _metrics(server) == _sums(recording), "the metrics tell of it")
        shown = _shown(server, recording)
    missing = [_missing(recording, port, voice) for port, voice in zip(targets, VOICES, strict=True)]
    for number, packets in enumerate(missing):
        _compare(recording, number, packets, diary)
    sums = _sums(recording)
    need(
        set(sums) - {"after_end", "silence"} == {"network", "hold", "pause", "restart", "before_start"}, sums
    )
    need(all(f"{cause.replace('_', ' ')} (" in shown for cause in sums), f"recordings show: {shown}")
    _check_absence(recording)
    told = ", ".join(
        f"{cause} {seconds:.2f} s" for cause, (_, seconds) in sorted(sums.items()) if cause in CAUSES
    )
    count = sum(map(len, missing))
    return f"{count} packets missing on purpose, each in a gap of its cause and place: {told}; {_WHERE}"


_WHERE = "the same in metadata.json, recordings show and /metrics"


def _bursts(first: int) -> frozenset[int]:
    """Losses of one packet and of several, in the first two seconds."""
    return frozenset({first, *range(first + 10, first + 17), *range(first + 30, first + 32)})


def _live(server: RunningServer, client: Src, diary: Diary) -> None:
    (call,) = server.get("/api/calls")["calls"]
    _until(client, _FIRST)
    with diary.note("hold"):
        need(client.reinvite("inactive", "inactive").status == 200, "no hold")
        time.sleep(0.5)
        need(client.reinvite("sendonly", "sendonly").status == 200, "no resumption")
    _until(client, min(client.sent) + _APART)
    with diary.note("pause"):
        _post(server, f"/api/calls/{call['id']}/pause")
        time.sleep(0.5)
        _post(server, f"/api/calls/{call['id']}/resume")
    _until(client, min(client.sent) + _APART)
    with diary.note("restart"):
        os.kill(server.pid, signal.SIGSTOP)
        need(kill_recorder(server), "no recorder to kill")
        time.sleep(AWAY_S)
        os.kill(server.pid, signal.SIGCONT)
        server.wait_ready()
    _until(client, min(client.sent) + _APART)


_FIRST = 90
"""Packets of each stream, those that get lost among them, before anything is done."""
_APART = 75
"""Packets between two things that are done."""


def _until(client: Src, packets: int) -> None:
    wait_until(lambda: min(client.sent) >= packets, "audio flows")


def _post(server: RunningServer, path: str) -> None:
    request = urllib.request.Request(
        f"http://127.0.0.1:{server.http_port}{path}",
        data=b"{}",
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
        need(answer.status < 300, answer.status)


def _missing(recording: FoundRecording, port: int, voice: Voice) -> Missing:
    """Which packets to that port are not in the log, and when those before and behind them came."""
    stored = {
        int.from_bytes(item.payload[2:4]) - Play(voice=voice).sequence: item.time_ns / 1e9
        for item in CaptureReader(recording.capture, packets=True)
        if isinstance(item, PacketSummary) and item.destination[1] == port
    }
    came = sorted(stored)
    pairs = [(before, behind) for before, behind in pairwise(came) if behind - before > 1]
    return {
        number: (stored[before], stored[behind])
        for before, behind in pairs
        for number in range(before + 1, behind)
    }


def _compare(recording: FoundRecording, number: int, missing: Missing, diary: Diary) -> None:
    """Each gap that must be there, with its cause and to the sample, and no other."""
    expected: list[Gap] = []
    marked = [(diary.cause(number, packet, between), packet) for packet, between in missing.items()]
    for cause, run in groupby(enumerate(marked), lambda row: (row[1][0], row[1][1] - row[0])):
        packets = [packet for _, (_, packet) in run]
        expected.append((cause[0], 160 * packets[0], 160 * (packets[-1] + 1)))
    told, silent = [], 0.0
    for gap in recording.stream(number)["gaps"]:
        if gap["cause"] in CLIENT:  # a busy machine makes the client falter: the audio behind is later
            silent += gap["end_s"] - gap["start_s"]
        elif gap["cause"] != "after_end":
            places = (round((gap[end] - silent) * RATE) for end in ("start_s", "end_s"))
            told.append((gap["cause"], *places))
    need(told == expected, f"stream {number}: told {told}, but it was {expected}")
    late = [gap for gap in recording.stream(number)["gaps"] if gap["cause"] == "before_start"]
    need(len(late) == number, late)
    need(all(abs(gap["end_s"] - LATE_S) < SLACK_S and gap["start_s"] == 0 for gap in late), late)


def _check_absence(recording: FoundRecording) -> None:
    (absence,) = recording.metadata["absences"]
    need(absence["cause"] == "restart", absence)
    gaps = [
        sum(gap["end_s"] - gap["start_s"] for gap in row["gaps"] if gap["cause"] == "restart")
        for row in recording.metadata["streams"]
    ]
    told = list(absence["missing_s"].values())
    need([round(each, 3) for each in told] == [round(each, 3) for each in gaps], f"{told}, {gaps}")


def _sums(recording: FoundRecording) -> dict[str, tuple[int, float]]:
    """Number and seconds of gaps by cause, added up here."""
    sums: dict[str, tuple[int, float]] = {}
    for row in recording.metadata["streams"]:
        for gap in row["gaps"]:
            count, seconds = sums.get(gap["cause"], (0, 0.0))
            sums[gap["cause"]] = count + 1, seconds + gap["end_s"] - gap["start_s"]
    return {cause: (count, round(seconds, 3)) for cause, (count, seconds) in sums.items()}


def _metrics(server: RunningServer) -> dict[str, tuple[int, float]]:
    text = server.get("/metrics")
    counts, seconds = (
        dict(re.findall(rf'(?m)^siprecord_{name}_total{{cause="(\w+)"}} (\S+)$', text))
        for name in ("gaps", "gap_seconds")
    )
    return {cause: (int(float(counts[cause])), round(float(seconds[cause]), 3)) for cause in counts}


def _shown(server: RunningServer, recording: FoundRecording) -> str:
    words = ["recordings", "show", recording.metadata["recording_id"], "--data", str(server.data)]
    done = subprocess.run(
        [sys.executable, "-m", "siprecord", *words],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
        env={**os.environ, "COLUMNS": "300"},
    )
    need(done.returncode == 0, done.stderr)
    return done.stdout
