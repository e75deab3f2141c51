"""Figures of the cluster for Prometheus, as one node sees it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

_GAUGES = {
    "connected": ("connected", "1 while this node holds its lease in Redis."),
    "calls": ("calls", "Calls that are to be known in Redis."),
    "pending": ("pending_calls", "Calls whose newest state Redis does not have."),
    "lag_s": ("lag_seconds", "How far Redis is behind."),
    "largest": ("snapshot_max_bytes", "The largest snapshot of a call."),
}
_COUNTERS = {
    "written": ("snapshots_written", "Snapshots of calls written to Redis."),
    "bytes": ("snapshot_bytes", "Bytes of these snapshots."),
    "deleted": ("snapshots_deleted", "Snapshots deleted at the end of calls."),
    "failures": ("failures", "Attempts to write that failed."),
    "too_large": ("snapshots_too_large", "Snapshots that were too large to be written."),
    "withheld": ("snapshots_withheld", "States with SRTP keys that were not written for want of TLS."),
    "taken_over": ("calls_taken_over", "Calls of dead nodes that went on here."),
    "takeovers_failed": ("takeovers_failed", "Calls of dead nodes that could not go on here."),
}


def cluster_metrics(cluster: Mapping[str, Any]) -> Iterator[Metric]:
    """The metrics of a row as `Membership.row` makes it."""
    for key, (name, text) in _GAUGES.items():
        yield GaugeMetricFamily(f"siprecord_cluster_{name}", text, value=float(cluster[key]))
    for key, (name, text) in _COUNTERS.items():
        yield CounterMetricFamily(f"siprecord_cluster_{name}", text, value=float(cluster[key]))
    states = Counter(str(node["state"]) for node in cluster["nodes"])
    family = GaugeMetricFamily("siprecord_cluster_nodes", "Nodes, by state.", labels=("state",))
    for state in ("up", "dead", "taken", "left"):
        family.add_metric((state,), states[state])
    yield family
