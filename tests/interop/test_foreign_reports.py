"""Channels put together by the sender reports of ffmpeg, one of whose streams takes a longer way."""

from __future__ import annotations

import heapq
import select
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support.audio import RATE, Samples
from tests.support.patience import PATIENCE, wait_until
from tests.support.ports import free_range
from tests.support.recording import FoundRecording, wait_recording
from tests.support.server import RunningServer
from tests.support.src import HOST, Src, src

DETOUR_S = 0.15
"""How much longer the second stream takes through the network."""
SECONDS = 6
"""ffmpeg reports at once and every five seconds; two reports are the least that counts."""
CLICK = 20_000
PACKETS = SECONDS * 50
LATE_MS = 60
"""What the detour of a busy machine may add."""
STATED_MS = 10
"""Decision 16: reports that agree within this are believed."""

pytestmark = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    running = RunningServer(tmp_path_factory.mktemp("server"), media_ports=free_range(40)).start()
    yield running
    running.stop()


@contextmanager
def detour(port: int, target: int, seconds: float, change: Any = bytes) -> Iterator[None]:
    """Two ports, for RTP and RTCP, that hand on what they get after some time; `change` may alter reports."""
    sockets = []
    for number in (0, 1):
        made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        made.bind((HOST, port + number))
        sockets.append(made)
    over = threading.Event()
    thread = threading.Thread(target=_hand_on, args=(sockets, target, seconds, change, over))
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        for made in sockets:
            made.close()


def _hand_on(
    sockets: list[socket.socket], target: int, seconds: float, change: Any, over: threading.Event
) -> None:
    waiting: list[tuple[float, int, bytes]] = []
    while not over.is_set() or waiting:
        left = waiting[0][0] - time.monotonic() if waiting else 0.05
        for ready in select.select(sockets, [], [], max(0.0, left))[0]:
            number = sockets.index(ready)
            data = ready.recv(2048)
            due = time.monotonic() + seconds
            heapq.heappush(waiting, (due, number, change(data) if number else data))
        while waiting and waiting[0][0] <= time.monotonic():
            _, number, data = heapq.heappop(waiting)
            sockets[number].sendto(data, (HOST, target + number))


def clicks() -> Samples:
    """Faint noise, and a click each half second."""
    samples = np.random.default_rng(7).integers(-60, 61, SECONDS * RATE, dtype=np.int16)
    samples[:: RATE // 2] = CLICK
    return samples


def speak(folder: Path, ports: Sequence[int]) -> None:
    """One ffmpeg sends the same sound as two streams of one client."""
    source = folder / "clicks.raw"
    source.write_bytes(clicks().tobytes())
    read = ("-re", "-f", "s16le", "-ar", "8000", "-ac", "1", "-i", str(source))
    streams: list[str] = []
    for port in ports:
        streams += ["-map", "0:a", "-c:a", "pcm_mulaw", "-f", "rtp", "-cname", "client@example.com"]
        streams.append(f"rtp://{HOST}:{port}?pkt_size=172")
    command = ["ffmpeg", "-nostdin", "-loglevel", "error", *read, *streams]
    subprocess.run(command, check=True, timeout=PATIENCE, stdout=subprocess.DEVNULL)


def places(samples: Samples) -> list[int]:
    return np.flatnonzero(samples > CLICK // 2).tolist()


def apart_ms(recording: FoundRecording) -> float:
    """How much later the second channel clicks."""
    first, second = places(recording.channels[0]), places(recording.channels[1])
    assert len(first) == len(second) == SECONDS * 2
    return float(np.median(np.array(second) - first)) / RATE * 1000


def with_ntp(change: Callable[[int, int], int]) -> Callable[[bytes], bytes]:
    """Another wall clock in each sender report, made of the true one and the number of the report."""
    numbers = count()

    def altered(data: bytes) -> bytes:
        ntp = int.from_bytes(data[8:16])
        return data[:8] + change(ntp, next(numbers)).to_bytes(8) + data[16:] if data[1] == 200 else data

    return altered


S = 1 << 32
"""A second of NTP."""
SINCE_1970 = 2_208_988_800 * S
ALONE, UNUSABLE = "no other stream has the same clock", "no usable sender reports"
SCATTER = "the sender reports scatter by more than 10 ms"
CONTRADICT = "the sender reports contradict the arrival of packets"
CASES: dict[str, tuple[Callable[[int, int], int], str | None, str | None]] = {
    "true": (lambda ntp, _: ntp, None, None),
    "begins in 1970": (lambda ntp, _: ntp % (1000 * S) + SINCE_1970, CONTRADICT, CONTRADICT),
    "none": (lambda _ntp, _number: 0, ALONE, UNUSABLE),
    "stands still": (lambda _ntp, _number: SINCE_1970, ALONE, SCATTER),
    "set back by a minute": (lambda ntp, number: ntp - (number > 0) * 60 * S, ALONE, SCATTER),
}
"""What becomes of the second stream's wall clock, and why each stream is then left to its arrival."""


@contextmanager
def calls(server: RunningServer) -> Iterator[tuple[list[Src], list[int]]]:
    """A call for each case, and the ports that its streams are to be sent to."""
    with ExitStack() as stack:
        clients = [stack.enter_context(src(server.sip_port)) for _ in CASES]
        ways = [free_range(2)[0] for _ in range(2 * len(CASES))]
        for number, (client, (change, _, _)) in enumerate(zip(clients, CASES.values(), strict=True)):
            client.call()
            first, second = client.targets
            stack.enter_context(detour(ways[2 * number], first, 0.0))
            stack.enter_context(detour(ways[2 * number + 1], second, DETOUR_S, with_ntp(change)))
        yield clients, ways


def test_RTCP_05_ffmpeg_s_streams_are_put_together_by_its_reports_unless_they_are_nonsense(
    server: RunningServer, tmp_path: Path
) -> None:
    with calls(server) as (clients, ways):
        speak(tmp_path, ways)
        wait_until(lambda: all(streams == [PACKETS, PACKETS] for streams in stored(server)))
        assert [client.bye().status for client in clients] == [200] * len(CASES)
    for client, (name, (_, *reasons)) in zip(clients, CASES.items(), strict=True):
        recording = wait_recording(server, client.call_id)
        rows = recording.metadata["streams"]
        assert [row["aligned_reason"] for row in rows] == reasons, name
        if name == "true":
            assert abs(apart_ms(recording)) <= STATED_MS
            assert [row["aligned_by"] for row in rows] == ["rtcp", "rtcp"]
            offset = rows[1]["aligned_offset_s"] - rows[0]["aligned_offset_s"]
            assert offset == pytest.approx(-DETOUR_S, abs=LATE_MS / 1000)
        else:
            assert apart_ms(recording) == pytest.approx(DETOUR_S * 1000, abs=LATE_MS), name
            assert [(row["aligned_by"], row["aligned_offset_s"]) for row in rows] == [("arrival", 0.0)] * 2


def stored(server: RunningServer) -> list[list[int]]:
    return [[each["packets"] for each in call["streams"]] for call in server.get("/api/calls")["calls"]]
