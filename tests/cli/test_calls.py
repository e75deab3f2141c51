"""`siprecord calls` against a server that is only HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from tests.cli.conftest import Run
from tests.support.http_answer import serving

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


@dataclass
class Server:
    """What it was told, and where it is."""

    url: str = ""
    orders: list[tuple[str, object]] = field(default_factory=list)

    def reply(self, path: str, posted: object) -> tuple[int, object]:
        if posted is None:
            return 200, CALLS
        self.orders.append((path, posted))
        gone = path.startswith("/api/calls/20261121-ab/")
        return (404, {"error": "there is no call"}) if gone else (200, {"ok": True})


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    with serving(server.reply) as server.url:
        yield server


def url(server: Server) -> tuple[str, str]:
    return "--url", server.url


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
