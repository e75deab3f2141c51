"""What a SIPREC call costs in signalling: parsing, answering, and the whole call, without sockets and media."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from benchmarks.result import Result
from siprecord.syntax.sip import parse_message, validate_request
from tests.support import messages

PARSE_TARGET_US = 60
ROUNDS = 5
PARSES = 5_000
INVITE_BYTES = 3_000


def run() -> Sequence[Result]:
    """Best of several rounds, as CPU time of this process."""
    invite = messages.request("INVITE", "bench", body=messages.multipart(messages.sdp(), padded_metadata()))
    parse = best_us(lambda: [validate_request(parse_message(invite)) for _ in range(PARSES)], PARSES)  # type: ignore[arg-type]
    return [
        Result(
            "sip_parse_us", parse, "µs", PARSE_TARGET_US, note=f"{len(invite)} bytes, parsed and validated"
        )
    ]


def padded_metadata() -> str:
    """Metadata that makes the INVITE about 3 kB long, as SBCs send it."""
    filler = "<!-- " + "x" * 700 + " -->"
    return messages.METADATA.replace("</recording>", filler + "</recording>")


def best_us(work: Callable[[], object], count: int) -> float:
    def once() -> float:
        start = time.process_time()
        work()
        return (time.process_time() - start) / count * 1e6

    return min(once() for _ in range(ROUNDS))
