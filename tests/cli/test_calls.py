"""`siprecord calls` against a server that is only HTTP."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from tests.cli.conftest import Run

CALLS = {
    "calls": [
        {
            "id": "20261121-aa",
            "duration_s": 3.2,
            "participants": [{"name": "Alice"}],
            "streams": [
                {
                    "name": "1",
                    "packets": 5,
                    "alarm": "silent",
                    "last_sound_s": 61.4,
                    "quality": {
                        "codec": "PCMU",
                        "loss_percent": 2.5,
                        "jitter_ms": 3.25,
                        "reordered": 1,
                        "mos": 3.21,
                        "level_dbov": -61.5,
                    },
                }
            ],
        },
        {"id": "20261121-ab", "paused": True},
    ]
}


class Server(HTTPServer):
    orders: list[tuple[str, object]]


class Page(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self._send(200, CALLS)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.orders.append((self.path, json.loads(body)))
        gone = self.path.startswith("/api/calls/20261121-ab/")
        self._send(404, {"error": "there is no call"}) if gone else self._send(200, {"ok": True})

    def _send(self, status: int, value: object) -> None:
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(("127.0.0.1", 0), Page) as running:
        running.orders = []
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def url(server: Server) -> tuple[str, str]:
    return "--url", f"http://127.0.0.1:{server.server_port}"


def test_calls_are_listed(run: Run, server: Server) -> None:
    text = run("calls", "list", *url(server)).text
    assert "Alice" in text
    assert "paused" in text
    assert [each["id"] for each in run("calls", "list", *url(server), "--json").json] == [
        "20261121-aa",
        "20261121-ab",
    ]


def test_orders_are_sent(run: Run, server: Server) -> None:
    assert (
        run("calls", "pause", "20261121-aa", "--seconds", 30, *url(server)).text.strip().endswith("is paused")
    )
    run("calls", "resume", "20261121-aa", *url(server))
    run("calls", "stop", "20261121-aa", "--reason", "asked", *url(server))
    assert server.orders == [
        ("/api/calls/20261121-aa/pause", {"seconds": 30.0}),
        ("/api/calls/20261121-aa/resume", {}),
        ("/api/calls/20261121-aa/stop", {"reason": "asked"}),
    ]


def test_the_beginning_of_an_id_must_name_one_call(run: Run, server: Server) -> None:
    assert "2 calls begin with" in str(run("calls", "pause", "2026", *url(server)).error)
    assert "there is no call 'x'" in str(run("calls", "pause", "x", *url(server)).error)
    assert server.orders == []


def test_the_server_says_no_in_its_own_words(run: Run, server: Server) -> None:
    assert str(run("calls", "stop", "20261121-ab", *url(server)).error) == "there is no call"


def test_the_streams_of_a_call_are_shown_with_their_quality(run: Run, server: Server) -> None:
    shown = run("calls", "show", "20261121-aa", *url(server)).text
    for text in ("PCMU", "2.5", "3.25", "3.21", "-61.5", "61", "silent"):
        assert text in shown
    listed = run("calls", "list", *url(server)).text
    assert "3.21" in listed
    assert "silent" in listed
    assert run("calls", "show", "20261121-aa", *url(server), "--json").json["streams"][0]["packets"] == 5
