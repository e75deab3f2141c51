"""CPU per packet of the media engine beside that of the least a recorder must do, in one run.

The engine and two bare loops empty the same number of sockets, equally often, each in one thread. One
sender process, which is not measured, feeds all three the same packets at the same time, so that whatever
disturbs the machine disturbs all of them. Each round has new sockets and files; the figure is the median of
the ratios of all rounds, and the lowest and the highest tell how far to trust it.

What a bare loop does: at each tick one `recvmmsg` for each socket and one `write` for each file, of two
sockets. `bare` stores the payloads only. `same` stores as the engine must: it fetches time stamps and
addresses, and writes as many bytes for each packet, though nothing of use is in them.

What it does not do, and the engine does: RTCP (a second socket for each stream, emptied at every tenth
tick, and reports sent every five seconds), headers and block lengths, telling senders apart, loss, jitter
and level, the look for keys to mask, pauses, what outlives the recorder's death, locks and counters for the
rest of the program.

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
from multiprocessing.connection import Connection
from multiprocessing.sharedctypes import Synchronized
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
    rounds: int = 5
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


@dataclass(frozen=True)
class Rounds:
    """All rounds, the lowest ratio first."""

    outcomes: Sequence[Outcome]

    @property
    def median(self) -> Outcome:
        return self.outcomes[len(self.outcomes) // 2]

    @property
    def spread(self) -> str:
        """Number of rounds, lowest and highest ratio."""
        lowest, highest = self.outcomes[0].ratio, self.outcomes[-1].ratio
        return f"median of {len(self.outcomes)}, {lowest:.2f} to {highest:.2f}"


def measure(plan: Plan) -> Rounds:
    """Run all three side by side, several times."""
    raise_file_limit()
    return Rounds(sorted((_round(plan) for _ in range(plan.rounds)), key=lambda outcome: outcome.ratio))


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
    sender = Sender(ports, plan, keys)
    before = engine.totals()
    for floor in floors:
        time.sleep(plan.interval_ms / 3_000)  # their ticks fall between one another's
        floor.start()
    sent = sender.send()
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
        # A bit more than the sender: what is sent last is drained too.
        seconds = plan.seconds + 5 * plan.interval_ms / 1_000
        self._plan = (STREAMS_PER_RECORDING, plan.interval_ms, seconds, same_stores)
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


class Sender:
    """Another process that sends to all ports in real time. It is up when this is made, and waits."""

    def __init__(self, ports: Sequence[int], plan: Plan, keys: SrtpKeys | None) -> None:
        context = multiprocessing.get_context("spawn")
        self._sent = context.Value("q", 0)
        self._go, ours = context.Pipe()
        self._process = context.Process(target=_send, args=(ports, plan, keys, ours, self._sent))
        self._process.start()
        ours.close()
        self._receive()

    def send(self) -> int:
        """Packets sent, when all are; RuntimeError when that fails."""
        self._go.send(None)
        self._receive()
        self._process.join()
        return int(self._sent.value)

    def _receive(self) -> None:
        try:
            self._go.recv()
        except EOFError:
            raise RuntimeError("the sender has failed: there is nothing to measure") from None


def _send(
    ports: Sequence[int], plan: Plan, keys: SrtpKeys | None, go: Connection, sent: Synchronized[int]
) -> None:
    protect = bytes if keys is None else SrtpSender(keys).protect_rtp
    addresses = [("127.0.0.1", port) for port in ports]
    frames = int(plan.seconds * plan.rate)
    media, reports = _pair()
    with media, reports:
        go.send(None)
        go.recv()
        start = time.monotonic()
        for frame in range(frames):
            head = struct.pack("!BBHII", 0x80, 8, frame & 0xFFFF, frame * 160 & 0xFFFFFFFF, 0x51)
            packet = protect(head + PAYLOAD)
            for address in addresses:
                media.sendto(packet, address)
            time.sleep(max(0.0, start + (frame + 1) / plan.rate - time.monotonic()))
    sent.value = frames * len(ports)
    go.send(None)


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


def report(rounds: Rounds) -> str:
    outcome = rounds.median
    rows = [
        ("engine", outcome.engine),
        ("bare loop, payloads only", outcome.bare),
        ("bare loop, same stores", outcome.same_stores),
    ]
    lines = [
        f"{name:28}{cost.packets:9,} of {outcome.sent:,}  {cost.us_per_packet:6.3f} us" for name, cost in rows
    ]
    ratios = (
        f"ratio {outcome.ratio:.2f} ({rounds.spread}), with the same stores {outcome.ratio_same_stores:.2f}"
    )
    return "\n".join([*lines, ratios])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sockets", type=int, default=200)
    parser.add_argument("--rate", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--suite", choices=list(SUITES), help="send SRTP")
    options = parser.parse_args()
    plan = Plan(options.sockets, options.rate, options.seconds, options.rounds, suite=options.suite)
    print(report(measure(plan)))


if __name__ == "__main__":
    main()
