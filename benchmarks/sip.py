"""What a SIPREC call costs in signalling, without sockets and media."""

from __future__ import annotations

import asyncio
import gc
import re
import time
from collections.abc import Callable, Sequence

from benchmarks.result import Result
from siprecord.protocol import Transmit
from siprecord.server.lifecycle import quiet_collector
from siprecord.syntax.sip import parse_message, validate_request
from tests.support import messages
from tests.support.fakes import VirtualServer

PARSE_TARGET_US = 60
ANSWER_TARGET_US = 400
CALL_TARGET_MS = 1
ROUNDS = 5
PARSES = 5_000
CALLS = 500


def run() -> Sequence[Result]:
    """Best of several rounds, as CPU time, with the garbage collector set as in a server."""
    quiet_collector()
    message = invite(0)
    parse = best_us(lambda: [validate_request(parse_message(message)) for _ in range(PARSES)], PARSES)  # type: ignore[arg-type]
    answer, whole = min(asyncio.run(calls()) for _ in range(ROUNDS))
    size = f"{len(message):,} bytes"
    return [
        Result("sip_parse_us", parse, "µs", PARSE_TARGET_US, note=f"{size}, parsed and validated"),
        Result("sip_answer_us", answer, "µs", ANSWER_TARGET_US, note=f"{size} INVITE to 200, two streams"),
        Result("sip_call_cpu_ms", whole, "ms", CALL_TARGET_MS, note="INVITE-200-ACK-BYE-200"),
    ]


def invite(number: int) -> bytes:
    return messages.request(
        "INVITE", f"bench{number}", body=messages.multipart(messages.sdp(), padded_metadata())
    )


def padded_metadata() -> str:
    """Metadata that makes the INVITE about 3 kB long, as SBCs send it."""
    filler = "<!-- " + "x" * 1450 + " -->"
    return messages.METADATA.replace("</recording>", filler + "</recording>")


async def calls() -> tuple[float, float]:
    """µs from INVITE to 200, ms for a whole call: endpoint and handler over a fake media plane and disk."""
    server = await BenchServer().start()
    invites = [invite(number) for number in range(CALLS)]
    gc.collect()
    start = time.process_time()
    for each in invites:
        server.receive(each)
    answered = time.process_time()
    tags = re.findall(rb"\r\nTo: [^\r]*;tag=([0-9a-f]+)", b"".join(server.answers))
    later = [
        messages.request(method, f"bench{index}", number=number, to_tag=tag.decode())
        for index, tag in enumerate(tags)
        for method, number in (("ACK", 1), ("BYE", 2))
    ]
    assert len(later) == 2 * CALLS, "every INVITE is answered by one 200"
    between = time.process_time()
    for each in later:
        server.receive(each)
    server.wait(1)  # the linger time, in which media on its way is still taken
    end = time.process_time()
    assert len(server.archive.finished) == CALLS
    return (answered - start) / CALLS * 1e6, (answered - start + end - between) / CALLS * 1e3


class BenchServer(VirtualServer):
    """Does not parse what is sent, as the fixture of the tests does: that is no work of a server."""

    def __init__(self) -> None:
        super().__init__()
        self.answers: list[bytes] = []

    def _drain(self) -> None:
        if self._draining:
            return
        self._draining = True
        for output in self._outputs():
            if isinstance(output, Transmit):
                if output.data.startswith(b"SIP/2.0 200") and b"INVITE\r\n" in output.data[:600]:
                    self.answers.append(output.data)
                self.handler.transmitted(output, self.clock)
            else:
                self.handler.handle(output, self.clock)
        self._draining = False


def best_us(work: Callable[[], object], count: int) -> float:
    def once() -> float:
        start = time.process_time()
        work()
        return (time.process_time() - start) / count * 1e6

    return min(once() for _ in range(ROUNDS))
