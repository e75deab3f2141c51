from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.cli.conftest import Run
from tests.support.http_answer import answering

NODE: dict[str, Any] = {
    "name": "a", "state": "up", "taken_by": None, "lease_s": 5.9, "calls": 12, "lag_s": 0.1, "host": "one",
    "pid": 7, "version": "0.1.0", "addresses": ["192.0.2.100"], "seen": "2026-11-21T06:00:00.000+00:00",
}  # fmt: skip
ANSWER: dict[str, Any] = {
    "name": "siprecord", "node": "a", "connected": True, "trouble": None, "duplicate_name": False,
    "calls": 12, "pending": 1, "lag_s": 0.1, "taken_over": 3, "takeovers_failed": 0, "too_large": 0,
    "nodes": [NODE, {**NODE, "name": "b", "state": "taken", "taken_by": "a", "lease_s": 0.0}],
}  # fmt: skip


@pytest.fixture
def url() -> Iterator[str]:
    with answering("/api/cluster", ANSWER) as url:
        yield url


def test_nodes_are_a_table(run: Run, url: str) -> None:
    told = run("cluster", "--url", url)
    assert told.code == 0
    assert "taken over by a" in told.text
    assert "192.0.2.100" in told.text
    assert "connected" in told.text


def test_trouble_is_told_and_ends_with_1(run: Run, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ANSWER, "trouble", "Redis is full: it takes no more (maxmemory)")
    told = run("cluster", "--url", url)
    assert told.code == 1
    assert "Redis is full" in told.text


def test_json_is_what_the_server_says(run: Run, url: str) -> None:
    assert run("cluster", "--url", url, "--json").json == ANSWER
