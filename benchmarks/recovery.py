"""What it costs to survive a kill -9 of the recorder, and what is lost by it."""

from __future__ import annotations

import asyncio
import json
import socket
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.result import Result
from siprecord.server.callstate import StateCell, encode
from siprecord.server.continuity import call_state
from tests.chaos.storm import FAULTS, Storm, kill_recorder, start_load
from tests.support import messages
from tests.support.fakes import VirtualServer
from tests.support.server import RunningServer

CALLS = 500
RATE = 60.0
SECONDS = 20.0
KILLS = 2
PING_EVERY = 0.01
ROUNDS = 2_000
MIB = 1024


def run() -> Sequence[Result]:
    """500 calls over UDP and TCP, and the recorder killed twice while all of them are up."""
    with tempfile.TemporaryDirectory() as directory:
        server = RunningServer(Path(directory), media_ports=(20000, 31998)).start()
        try:
            load = start_load(server, Storm(calls=CALLS, rate=RATE, seconds=SECONDS))
            time.sleep(CALLS / RATE + 3)
            gaps = []
            for _ in range(KILLS):
                gaps.append(time_to_answer(server))
                time.sleep(3)
            resident = resident_mib(server.pid)
            report = json.loads(load.communicate(timeout=200)[0])
        finally:
            server.stop(seconds=60)
    size, cost = asyncio.run(state_cost())
    faults = {name: report[name] for name in FAULTS if report[name]}
    sent = f"{report['calls_peak']} calls up, {report['packets_sent']} packets, {KILLS} kills"
    note = f"{sent}; faults: {faults or 'none'}"
    return [
        Result("recovery_packets_lost", report["packets_lost"], "packets", 0, note=note),
        Result(
            "recovery_seconds", max(gaps), "s", 1.0, note="kill -9 to the first answered OPTIONS, the worse"
        ),
        Result("holder_resident_mib", resident, "MiB", 30, note=f"with {CALLS} calls up"),
        Result("state_bytes_per_call", size, "bytes", 8192, note="two streams, two participants"),
        Result("state_us_per_event", cost, "µs", note="collected, written as a document, kept in memory"),
    ]


def time_to_answer(server: RunningServer) -> float:
    """From the kill to the first answer; requests go out all the time."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.connect(("127.0.0.1", server.sip_port))
        sock.settimeout(PING_EVERY)
        assert kill_recorder(server)
        start, number = time.monotonic(), 0
        while time.monotonic() - start < 60:
            number += 1
            sock.send(messages.request("OPTIONS", f"ping-{start}", number=number))
            try:
                sock.recv(65536)
            except TimeoutError:
                continue
            return time.monotonic() - start
    raise AssertionError("the recorder did not come back")


def resident_mib(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]) / MIB


async def state_cost() -> tuple[int, float]:
    """Bytes of the state of a usual call, and microseconds of CPU that keeping it once costs."""
    server = await VirtualServer().start()
    server.receive(messages.request("INVITE", "c1", body=messages.multipart(messages.sdp())))
    (runner,) = server.handler._running.calls.all()
    cell = StateCell()
    start = time.process_time()
    for number in range(ROUNDS):
        runner.deviations = number  # so that each is another document
        state = call_state(runner, server)
        assert state is not None
        cell.write(encode(state))
    return cell.size, (time.process_time() - start) / ROUNDS * 1e6
