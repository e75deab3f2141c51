"""A real server under SIPp, signalling only: calls a second, time to the 200, memory of idle connections."""

from __future__ import annotations

import os
import select
import socket
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from benchmarks.result import Result
from tests.support import messages, sipp
from tests.support.server import RunningServer

SETUP_RATE = 200
SETUP_CALLS = 2_000
SETUP_TARGET_MS = 10
LOAD_RATE = 150
LOAD_CALLS = 2_000
PATIENCE_S = 10
SETTLE_S = 40
IDLE = 3_500
IDLE_TARGET_KIB = 16
TICKS = os.sysconf("SC_CLK_TCK")
SETTINGS = {
    "SIPRECORD_RENDER__ENABLED": "false",
    "SIPRECORD_RECORDING__MIN_FREE_BYTES": "0",
    "SIPRECORD_RECORDING__LINGER_MS": "0",
    "SIPRECORD_RECORDING__DRAIN_GRACE_S": "1",
    "SIPRECORD_LOG__LEVEL": "warning",
    "SIPRECORD_SIP__MAX_CONNECTIONS_PER_SOURCE": "4096",
    "SIPRECORD_SIP__MAX_REQUESTS_PER_SECOND": "0",
}


def run() -> Sequence[Result]:
    """A server of its own for each figure, so that none leaves work behind for the next."""
    return [*setup(), per_core("u1", "udp"), per_core("t1", "tcp"), idle_connections()]


def setup() -> Sequence[Result]:
    """INVITE to 200 at a fixed rate, as a client on the other core sees it."""
    with server() as running:
        times = sorted(SetupClient(running.sip_port).place(SETUP_CALLS, SETUP_RATE))
    note = f"UDP, {len(times):,} calls at {SETUP_RATE}/s, capture logs on disk"
    p99 = times[int(len(times) * 0.99)]
    return [
        Result("sip_setup_p50_ms", statistics.median(times), "ms", note=note),
        Result("sip_setup_p99_ms", p99, "ms", SETUP_TARGET_MS, note=note),
    ]


def per_core(transport: str, name: str) -> Result:
    """Calls a second that one core could serve: calls through the CPU time of the whole process."""
    with server() as running:
        play(running, transport, 200, 100)  # warm
        before, start = cpu_seconds(running), time.monotonic()
        play(running, transport, LOAD_CALLS, LOAD_RATE)
        took, spent = time.monotonic() - start, cpu_seconds(running) - before
    each = spent / LOAD_CALLS * 1e3
    note = f"SIPp; {each:.2f} ms CPU a call with two streams and a log; ran at {LOAD_CALLS / took:.0f}/s"
    return Result(f"sip_calls_per_core_{name}", LOAD_CALLS / spent, "calls/s", note=note)


def idle_connections() -> Result:
    """Resident memory of the server for each TCP connection that has sent one message and keeps still."""
    with server() as running, ExitStack() as stack:
        connect(running, stack, 100)  # what the first ones cost is no cost of a connection
        before = running.resident_kib()
        connect(running, stack, IDLE)
        grown = running.resident_kib() - before
    note = f"{IDLE:,} TCP connections"
    return Result("memory_per_connection_kib", grown / IDLE, "KiB", IDLE_TARGET_KIB, note=note)


class SetupClient:
    """Places calls at a steady rate and takes the time to each 200, finer than SIPp's whole milliseconds."""

    def __init__(self, port: int) -> None:
        self._sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 * 1024 * 1024)
        self._sock.connect(("127.0.0.1", port))
        self._sent: dict[str, float] = {}
        self._times: list[float] = []

    def place(self, calls: int, rate: int) -> list[float]:
        """The milliseconds from each INVITE to its 200; one that never came counts as long as we waited."""
        body = messages.multipart(messages.sdp())
        invites = [messages.request("INVITE", f"s{number}", body=body) for number in range(calls)]
        start = time.perf_counter()
        for number, invite in enumerate(invites):
            self._listen(start + number / rate)
            self._sent[f"s{number}"] = time.perf_counter()
            self._sock.send(invite)
        end = time.perf_counter() + PATIENCE_S
        while self._sent and time.perf_counter() < end:
            self._listen(time.perf_counter() + 0.1)
        self._sock.close()
        return self._times + [PATIENCE_S * 1e3] * len(self._sent)

    def _listen(self, until: float) -> None:
        while (left := until - time.perf_counter()) > 0:
            if select.select([self._sock], [], [], left)[0]:
                self._take(self._sock.recv(65536), time.perf_counter())

    def _take(self, answer: bytes, now: float) -> None:
        call = field(answer, b"Call-ID: ")
        if not answer.startswith(b"SIP/2.0 200") or call not in self._sent:
            return  # a 100, or the 200 to a BYE
        self._times.append((now - self._sent.pop(call)) * 1e3)
        tag = field(answer, b";tag=", answer.index(b"\r\nTo: "))
        for method, number in (("ACK", 1), ("BYE", 2)):
            self._sock.send(messages.request(method, call, number=number, to_tag=tag))


def field(message: bytes, name: bytes, start: int = 0) -> str:
    begin = message.index(name, start) + len(name)
    return message[begin : message.index(b"\r\n", begin)].decode()


def connect(running: RunningServer, stack: ExitStack, count: int) -> None:
    for number in range(count):
        address = ("127.0.0.1", running.sip_port)
        connection = stack.enter_context(socket.create_connection(address, timeout=10))
        ping = messages.request("OPTIONS", f"idle{count}-{number}").replace(b"/UDP", b"/TCP")
        connection.sendall(ping)
        if not connection.recv(4096).startswith(b"SIP/2.0 200"):
            raise RuntimeError("the server does not answer")


@contextmanager
def server() -> Iterator[RunningServer]:
    with tempfile.TemporaryDirectory(prefix="signalling-", ignore_cleanup_errors=True) as folder:
        running = RunningServer(Path(folder), dict(SETTINGS), media_ports=(20000, 59998)).start()
        try:
            yield running
        finally:
            running.stop()


def play(running: RunningServer, transport: str, calls: int, rate: int) -> None:
    """Place calls with SIPp; raises when one fails."""
    with tempfile.TemporaryDirectory(prefix="sipp-") as folder:
        plan = sipp.SippRun(
            scenario="signalling",
            port=running.sip_port,
            directory=Path(folder),
            fields={"PAUSE": "100"},
            transport=transport,
            calls=calls,
            rate=rate,
            seconds=120,
        )
        sipp.play(plan)
    end = time.monotonic() + SETTLE_S
    while running.get("/api/status")["calls"] and time.monotonic() < end:
        time.sleep(0.1)  # on a busy machine SIPp is done before the server is


def cpu_seconds(running: RunningServer) -> float:
    """CPU time of recorder and holder so far."""
    stats = [Path(f"/proc/{pid}/stat").read_text() for pid in {running.pid, running.recorder_pid}]
    fields = [stat.rpartition(")")[2].split() for stat in stats]
    return sum(int(each[11]) + int(each[12]) for each in fields) / TICKS
