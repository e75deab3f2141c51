from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.cli.conftest import Run
from tests.support.http_answer import answering

ANSWER: dict[str, Any] = {
    "version": "0.1.0",
    "holder_pid": None,
    "recorder_pid": 17,
    "uptime_s": 3.5,
    "calls": 2,
    "streams": 4,
    "packets": 1234,
    "disk_free_bytes": 2**31,
    "draining": False,
    "health": {"live": True, "ready": True, "reasons": []},
    "listeners": [{"transport": "udp", "host": "127.0.0.1", "port": 5060}],
}


@pytest.fixture
def url() -> Iterator[str]:
    with answering("/api/status", ANSWER) as url:
        yield url


def test_the_running_server_is_shown(run: Run, url: str) -> None:
    text = run("status", "--url", url).text
    fields = dict(line.strip().split("  ", 1) for line in text.splitlines() if "  " in line.strip())
    assert fields["calls"].strip() == "2"
    assert fields["packets stored"].strip() == "1234"
    assert fields["listens on"].strip() == "udp 127.0.0.1:5060"
    assert fields["disk free"].strip() == "2.0 GiB"
    assert run("status", "--url", url, "--json").json == ANSWER


def test_the_configured_port_is_asked(run: Run, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIPRECORD_HTTP__PORT", url.rpartition(":")[2])
    assert run("status", "--json").json["calls"] == 2


def test_a_server_that_is_not_well_is_exit_code_1(
    run: Run, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    reasons = [{"code": "disk_low", "text": "3 MiB free"}]
    monkeypatch.setitem(ANSWER, "health", {"live": True, "ready": False, "reasons": reasons})
    outcome = run("status", "--url", url)
    assert outcome.code == 1
    assert "3 MiB free" in outcome.text


def test_no_server_is_one_clear_error(run: Run) -> None:
    outcome = run("status", "--url", "http://127.0.0.1:9")
    assert outcome.code == 1
    assert "no siprecord answers at http://127.0.0.1:9" in str(outcome.error)
    assert "is not an HTTP address" in str(run("status", "--url", "ftp://h").error)
