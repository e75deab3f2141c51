from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.cli.conftest import Run
from tests.support.http_answer import answering

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
def url() -> Iterator[str]:
    with answering("/api/connections", ANSWER) as url:
        yield url


def test_connections_are_shown(run: Run, url: str) -> None:
    words = run("connections", "--url", url).text.split()
    for word in ("tls", "192.0.2.9:40000", "[2001:db8::1]:5061", "peer", "receiving", "12", "4711", "61.5"):
        assert word in words
    assert run("connections", "--url", url, "--json").json == ANSWER


def test_no_connections_are_no_empty_table(run: Run, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ANSWER, "connections", [])
    assert run("connections", "--url", url).text == ""
    assert run("connections", "--url", url, "--json").json == {"connections": []}


def test_nobody_answers(run: Run) -> None:
    assert "no siprecord answers" in str(run("connections", "--url", "http://127.0.0.1:1").error)
