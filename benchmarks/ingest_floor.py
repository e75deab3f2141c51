"""CPU per packet of the media engine beside that of the least a recorder must do, in one run.

The engine and two bare loops (`recvmmsg`, then one `write` for each file and tick) empty the same number of
sockets, equally often. One loop stores the payloads only. The other makes the same stores as the engine: it
fetches time stamps and addresses and writes as many bytes for each packet. One sender process, which is not
measured, feeds all three the same packets at the same time, so that whatever disturbs the machine disturbs
all of them. Of several rounds the one with the median ratio counts.

With a suite the packets are SRTP, and all three open them before they store them: the bare loops do nothing
but call what does that in the engine too. As with any sender, the port beside the media's takes our reports.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import resource
import shutil
import socket
import struct
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from siprecord.media import (
    CaptureLog,
    MediaEngine,
    MediaSettings,
    MediaStream,
    SrtpSender,
    StreamSpec,
    _core,  # noqa: TID251 - the bare loop
)
from siprecord.syntax.sdp import SUITES, SrtpKeys

STREAMS_PER_RECORDING = 2
PAYLOAD = b"\xd5" * 160


@dataclass(frozen=True)
class Plan:
    """Sockets for each contestant, packets a second on each of them, and for how long."""

    sockets: int = 200
    rate: int = 50
    seconds: float = 4.0
    rounds: int = 3
    interval_ms: int = 100
    suite: str | None = None
    """Of SRTP; None sends RTP."""


@dataclass(frozen=True)
class Cost:
    """What a contestant used."""

    packets: int
    cpu_seconds: float

    @property
    def us_per_packet(self) -> float:
        return self.cpu_seconds / max(self.packets, 1) * 1e6


@dataclass(frozen=True)
class Outcome:
    sent: int
    engine: Cost
    bare: Cost
    same_stores: Cost

    @property
    def ratio(self) -> float:
        """Against the loop that stores payloads only."""
        return self.engine.us_per_packet / self.bare.us_per_packet

    @property
    def ratio_same_stores(self) -> float:
        return self.engine.us_per_packet / self.same_stores.us_per_packet


def measure(plan: Plan) -> Outcome:
    """Run all three side by side, several times; the round with the median ratio."""
    raise_file_limit()
    rounds = sorted((_round(plan) for _ in range(plan.rounds)), key=lambda outcome: outcome.ratio)
    return rounds[len(rounds) // 2]


def _round(plan: Plan) -> Outcome:
    folder = Path(tempfile.mkdtemp(prefix="ingest-"))
    try:
        return _measure(plan, folder)
    finally:
        shutil.rmtree(folder)


def _measure(plan: Plan, folder: Path) -> Outcome:
    settings = MediaSettings(bind_address="127.0.0.1", drain_interval_ms=plan.interval_ms, threads=1)
    engine = MediaEngine(settings)
    logs = [
        engine.open_log(folder / f"{number}.pcapng")
        for number in range(plan.sockets // STREAMS_PER_RECORDING)
    ]
    keys = None if plan.suite is None else SrtpKeys.generate(plan.suite, os.urandom)
    streams = [stream for log in logs for stream in open_streams(log, keys)]
    ports = [stream.rtp_port for stream in streams]
    floors = [Floor(plan, folder / name, same, keys) for name, same in (("bare", False), ("same", True))]
    ports += [port for floor in floors for port in floor.ports]
    before = engine.totals()
    for floor in floors:
        time.sleep(plan.interval_ms / 3_000)  # their ticks fall between one another's
        floor.start()
    sent = send(ports, plan, keys)
    costs = [floor.finish() for floor in floors]
    after = engine.totals()
    if sum(stream.stats().srtp_failed for stream in streams):
        raise RuntimeError("the engine refuses what is sent: there is nothing to compare")
    for log in logs:
        log.close(sync=False)
    engine.close()
    cost = Cost(after.packets - before.packets, after.cpu_seconds - before.cpu_seconds)
    return Outcome(sent // 3, cost, *costs)


def open_streams(log: CaptureLog, keys: SrtpKeys | None) -> list[MediaStream]:
    srtp = () if keys is None else (keys,)
    specs = [
        StreamSpec(label=str(number), mline=number, srtp=srtp, srtp_own=keys)
        for number in range(STREAMS_PER_RECORDING)
    ]
    return [log.open_stream(spec) for spec in specs]


class Floor:
    """A bare loop in a thread of its own."""

    def __init__(self, plan: Plan, folder: Path, same_stores: bool, keys: SrtpKeys | None) -> None:
        folder.mkdir()
        self._keys = keys
        self._sockets = [self._bind(same_stores) for _ in range(plan.sockets)]
        self.ports = [one.getsockname()[1] for one in self._sockets]
        # A second more than the sender: what is sent last is drained too.
        self._plan = (STREAMS_PER_RECORDING, plan.interval_ms, plan.seconds + 1, same_stores)
        self._folder = folder
        self._cost: list[Cost] = []
        self._thread = threading.Thread(target=self._run)

    @staticmethod
    def _bind(same_stores: bool) -> socket.socket:
        bound = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024 * 1024)
        if same_stores:
            bound.setsockopt(socket.SOL_SOCKET, 35, 1)  # SO_TIMESTAMPNS
        bound.bind(("127.0.0.1", 0))
        return bound

    def start(self) -> None:
        self._thread.start()

    def _run(self) -> None:
        descriptors = [one.fileno() for one in self._sockets]
        packets, _, cpu_seconds = _core.floor_loop(descriptors, str(self._folder), self._plan, self._keys)
        self._cost.append(Cost(packets, cpu_seconds))

    def finish(self) -> Cost:
        self._thread.join()
        for one in self._sockets:
            one.close()
        return self._cost[0]


def send(ports: Sequence[int], plan: Plan, keys: SrtpKeys | None) -> int:
    """Send to all ports from another process, in real time; RuntimeError when that fails."""
    context = multiprocessing.get_context("spawn")
    sent = context.Value("q", 0)
    process = context.Process(target=_send, args=(ports, plan, keys, sent))
    process.start()
    process.join()
    if process.exitcode != 0:
        raise RuntimeError(f"the sender ended with {process.exitcode}: there is nothing to measure")
    return int(sent.value)


def _send(ports: Sequence[int], plan: Plan, keys: SrtpKeys | None, sent: object) -> None:
    protect = bytes if keys is None else SrtpSender(keys).protect_rtp
    addresses = [("127.0.0.1", port) for port in ports]
    frames = int(plan.seconds * plan.rate)
    media, reports = _pair()
    with media, reports:
        start = time.monotonic()
        for frame in range(frames):
            head = struct.pack("!BBHII", 0x80, 8, frame & 0xFFFF, frame * 160 & 0xFFFFFFFF, 0x51)
            packet = protect(head + PAYLOAD)
            for address in addresses:
                media.sendto(packet, address)
            time.sleep(max(0.0, start + (frame + 1) / plan.rate - time.monotonic()))
    sent.value = frames * len(ports)  # type: ignore[attr-defined]


def _pair() -> tuple[socket.socket, socket.socket]:
    """A socket for media, and one for reports on the next port."""
    while True:
        media, reports = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
        media.bind(("127.0.0.1", 0))
        try:
            reports.bind(("127.0.0.1", media.getsockname()[1] + 1))
        except OSError:
            media.close()
            reports.close()
        else:
            return media, reports


def raise_file_limit() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def report(outcome: Outcome) -> str:
    rows = [
        ("engine", outcome.engine),
        ("bare loop, payloads only", outcome.bare),
        ("bare loop, same stores", outcome.same_stores),
    ]
    lines = [
        f"{name:28}{cost.packets:9,} of {outcome.sent:,}  {cost.us_per_packet:6.3f} us" for name, cost in rows
    ]
    ratios = f"ratio {outcome.ratio:.2f}, with the same stores {outcome.ratio_same_stores:.2f}"
    return "\n".join([*lines, ratios])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sockets", type=int, default=200)
    parser.add_argument("--rate", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--suite", choices=list(SUITES), help="send SRTP")
    options = parser.parse_args()
    plan = Plan(options.sockets, options.rate, options.seconds, options.rounds, suite=options.suite)
    print(report(measure(plan)))


if __name__ == "__main__":
    main()
