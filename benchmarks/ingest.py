"""The engine's cost of a packet, beside the least that a recorder must do: in the clear, and with SRTP."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.ingest_floor import Plan, measure
from benchmarks.result import Result

RATIO_TARGET = 1.3
SRTP_RATIO_TARGET = 1.6
SUITES = {"srtp_cm": ("AES_CM_128_HMAC_SHA1_80", SRTP_RATIO_TARGET), "srtp_gcm": ("AEAD_AES_128_GCM", None)}


def run() -> Sequence[Result]:
    """Engine and bare loops fed by one sender at the same time; median and spread of several rounds."""
    results = one("ingest", Plan(), RATIO_TARGET, "")
    for name, (suite, target) in SUITES.items():
        results += one(f"ingest_{name}", Plan(suite=suite), target, f"decrypts {suite} and ")
    return results


def one(name: str, plan: Plan, target: float | None, more: str) -> list[Result]:
    """The figures of one plan; `more` says what the bare loops do beside storing."""
    rounds = measure(plan)
    outcome = rounds.median
    bare, same = (f"bare loop {more}stores {what}" for what in ("payloads only", "as much"))
    return [
        Result(f"{name}_floor_ratio", outcome.ratio, "times", target, note=f"{rounds.spread}; {bare}"),
        Result(f"{name}_same_stores_ratio", outcome.ratio_same_stores, "times", note=same),
        Result(f"{name}_us_per_packet", outcome.engine.us_per_packet, "µs"),
        Result(f"{name}_floor_us_per_packet", outcome.bare.us_per_packet, "µs"),
    ]
