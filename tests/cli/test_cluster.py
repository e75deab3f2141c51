from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from tests.cli.conftest import Run

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
def server() -> Iterator[HTTPServer]:
    class Cluster(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps(ANSWER).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            assert self.path == "/api/cluster"

    with HTTPServer(("127.0.0.1", 0), Cluster) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def url(server: HTTPServer) -> str:
    return f"http://127.0.0.1:{server.server_port}"


def test_nodes_are_a_table(run: Run, server: HTTPServer) -> None:
    told = run("cluster", "--url", url(server))
    assert told.code == 0
    assert "taken over by a" in told.text
    assert "192.0.2.100" in told.text
    assert "connected" in told.text


def test_trouble_is_told_and_ends_with_1(
    run: Run, server: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(ANSWER, "trouble", "Redis is full: it takes no more (maxmemory)")
    told = run("cluster", "--url", url(server))
    assert told.code == 1
    assert "Redis is full" in told.text


def test_json_is_what_the_server_says(run: Run, server: HTTPServer) -> None:
    assert run("cluster", "--url", url(server), "--json").json == ANSWER
