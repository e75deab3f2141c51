from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from tests.cli.conftest import Run

ANSWER: dict[str, Any] = {
    "connections": [
        {
            "number": 3,
            "transport": "tls",
            "local": ["2001:db8::1", 5061],
            "remote": ["192.0.2.9", 40000],
            "outgoing": False,
            "messages": 12,
            "state": "receiving",
            "received_bytes": 4711,
            "sent_bytes": 815,
            "unsent_bytes": 0,
            "age_s": 61.5,
            "idle_s": 1.5,
        }
    ]
}


@pytest.fixture
def server() -> Iterator[HTTPServer]:
    class Connections(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps(ANSWER).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            assert self.path == "/api/connections"

    with HTTPServer(("127.0.0.1", 0), Connections) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_connections_are_shown(run: Run, server: HTTPServer) -> None:
    url = f"http://127.0.0.1:{server.server_port}"
    words = run("connections", "--url", url).text.split()
    for word in ("tls", "192.0.2.9:40000", "[2001:db8::1]:5061", "peer", "receiving", "12", "4711", "61.5"):
        assert word in words
    assert run("connections", "--url", url, "--json").json == ANSWER


def test_no_connections_are_no_empty_table(
    run: Run, server: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(ANSWER, "connections", [])
    url = f"http://127.0.0.1:{server.server_port}"
    assert run("connections", "--url", url).text == ""
    assert run("connections", "--url", url, "--json").json == {"connections": []}


def test_nobody_answers(run: Run) -> None:
    assert "no siprecord answers" in str(run("connections", "--url", "http://127.0.0.1:1").error)
