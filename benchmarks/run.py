"""`make bench`: run every benchmark, print a table, write benchmarks/latest.json."""

from __future__ import annotations

import argparse
import importlib
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.result import Result, keep, show

MODULES = {
    "recovery": (
        "recovery_packets_lost",
        "recovery_seconds",
        "holder_resident_mib",
        "state_bytes_per_call",
        "state_us_per_event",
    ),
    "cluster": ("replica_cpu_percent", "replica_bytes_per_call", "takeover_seconds"),
    "sip": ("sip_parse_us", "sip_answer_us", "sip_call_cpu_ms"),
    "signalling": (
        "sip_setup_p50_ms",
        "sip_setup_p99_ms",
        "sip_calls_per_core_udp",
        "sip_calls_per_core_tcp",
        "memory_per_connection_kib",
    ),
    "siprec": ("siprec_cisco_us", "siprec_broadworks_us", "siprec_update_us", "siprec_history_kib"),
    "sharded_map": (
        "sharded_map_ratio_1",
        "sharded_map_ratio_2",
        "sharded_map_ratio",
        "sharded_map_1_shards",
        "sharded_map_32_shards",
        "sharded_map_256_shards",
    ),
    "render": (
        "render_realtime_factor",
        "render_g722_realtime_factor",
        "render_opus_realtime_factor",
    ),
    "live": ("stt_packet_to_provider_p99_ms",),
    "ingest": (
        "ingest_floor_ratio",
        "ingest_us_per_packet",
        "ingest_srtp_cm_floor_ratio",
        "ingest_srtp_cm_us_per_packet",
        "ingest_srtp_gcm_floor_ratio",
        "ingest_srtp_gcm_us_per_packet",
    ),
    "load": (
        "calls_500_packets_sent",
        "calls_500_packets_stored",
        "calls_500_packets_lost",
        "memory_per_call_kib",
        "server_cpu_ms_per_call_second",
    ),
}
"""Each module of this folder with a `run()`, and the figures it makes."""
LONG = {"load_limit": ("calls_stored",)}
"""Those that take many minutes: they run only when they are named."""


def main() -> int:
    options = arguments()
    results: list[Result] = []
    failed: list[str] = []
    for module in chosen(options.only):
        print(f"== {module}", flush=True)
        try:
            results.extend(importlib.import_module(f"benchmarks.{module}").run())
        except Exception:  # noqa: BLE001 - one that fails must not cost the figures of the others
            traceback.print_exc()
            failed.append(module)
    show(results)
    keep(results)
    missed = [result.name for result in results if result.meets is False]
    print(f"{len(results)} figures, {len(missed)} short of their target: {', '.join(missed) or 'none'}")
    if failed:
        print(f"these failed and gave no figures: {', '.join(failed)}")
    return 1 if failed else 0


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", help="the name of one figure, or of one module")
    return parser.parse_args()


def chosen(only: str | None) -> Iterator[str]:
    every = MODULES if only is None else MODULES | LONG
    found = [name for name, figures in every.items() if only in (None, name, *figures)]
    if not found:
        names = ", ".join(figure for figures in every.values() for figure in figures)
        sys.exit(f"there is no benchmark {only!r}; there are: {names}")
    yield from found


if __name__ == "__main__":
    sys.exit(main())
