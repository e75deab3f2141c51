from __future__ import annotations

from prometheus_client.samples import Sample

from siprecord.server.cluster_metrics import cluster_metrics

ROW = {
    "connected": True, "calls": 12, "pending": 2, "lag_s": 0.25, "largest": 2100, "written": 40,
    "bytes": 80000, "deleted": 28, "failures": 1, "too_large": 0,
    "withheld": 0, "taken_over": 3, "takeovers_failed": 1,
    "nodes": [{"state": "up"}, {"state": "up"}, {"state": "taken"}],
}  # fmt: skip


def samples() -> dict[str, float]:
    def name(sample: Sample) -> str:
        return sample.name + "".join(f"/{value}" for value in sample.labels.values())

    return {name(sample): sample.value for metric in cluster_metrics(ROW) for sample in metric.samples}


def test_what_a_node_knows_is_counted() -> None:
    found = samples()
    assert found["siprecord_cluster_connected"] == 1
    assert found["siprecord_cluster_lag_seconds"] == 0.25
    assert found["siprecord_cluster_snapshots_written_total"] == 40
    assert found["siprecord_cluster_calls_taken_over_total"] == 3
    assert [found[f"siprecord_cluster_nodes/{state}"] for state in ("up", "dead", "taken", "left")] == [
        2,
        0,
        1,
        0,
    ]
