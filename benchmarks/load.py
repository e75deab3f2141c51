"""500 calls of two streams, compared packet by packet; 1,000 calls for memory and set-up times."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.loads import Shape, measure, memory_per_call_kib
from benchmarks.result import Result

STEADY = Shape(calls=500, rate=50, seconds=20)
FAST = Shape(calls=1000, rate=200, seconds=10)
MEMORY_TARGET_KIB = 64


def run() -> Sequence[Result]:
    """Both loads on servers of their own, over UDP."""
    steady, fast = measure(STEADY), measure(FAST)
    late = f"the generator's packets left up to {steady['late_ms_p99']:g} ms late (p99)"
    return [
        Result("calls_500_packets_sent", steady["packets_sent"], "packets", note=STEADY.command),
        Result("calls_500_packets_stored", steady["packets_stored"], "packets", note=late),
        Result("calls_500_packets_lost", steady["packets_lost"], "packets", 0),
        Result("calls_500_packets_foreign", steady["packets_foreign"], "packets", 0),
        Result("calls_500_failed", steady["calls_failed"], "calls", 0),
        Result("server_cpu_ms_per_call_second", steady["server"]["cpu_ms_per_call_second"], "ms"),
        Result(
            "generator_sip_ms_per_call",
            fast["generator_sip_ms_per_call"],
            "ms",
            note=f"packets left up to {fast['late_ms_p99']:g} ms late (p99)",
        ),
        Result("memory_per_call_kib", memory_per_call_kib(fast), "KiB", MEMORY_TARGET_KIB, note=FAST.command),
        Result("load_setup_p50_ms", fast["setup_ms_p50"], "ms", note="at 200 calls a second, media included"),
        Result("load_setup_p99_ms", fast["setup_ms_p99"], "ms", note="client and server share the cores"),
    ]
