from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Run

DOCUMENT: dict[str, Any] = {
    "recording_id": "20260131T120000Z-aa",
    "outcome": "complete",
    "reason": "The SRC ended the session.",
    "started": "2026-01-31T12:00:00.000000+00:00",
    "ended": "2026-01-31T12:01:05.000000+00:00",
    "duration_s": 65.0,
    "sip": {"from": "sip:src@10.0.0.1", "transport": "udp", "source": "10.0.0.1:5060"},
    "participants": [
        {"id": "p1", "name": "Alice", "aor": "sip:alice@example.com"},
        {"id": "p2", "name": None, "aor": "sip:[red]bob@example.com\x1b[31m"},
    ],
    "streams": [
        {
            "label": "1",
            "channel": 0,
            "participants": ["p1"],
            "codecs": [{"encoding": "PCMU"}],
            "packets_received": 3250,
            "packets_lost": 7,
            "packets_duplicated": 0,
            "packets_reordered": 0,
            "audio_s": 65.0,
            "gaps": [],
        }
    ],
    "audio": {"file": "audio.wav"},
    "metadata": [{"file": "metadata.xml"}],
    "capture": {"file": "capture.pcapng"},
    "deviations": [{"text": "m-line 1 has no a=label.", "reference": "RFC 7866 section 7.1.1"}],
}


def add(data: Path, recording_id: str, document: dict[str, Any] | None) -> Path:
    folder = data / "recordings" / "2026" / "01" / "31" / recording_id
    folder.mkdir(parents=True)
    (folder / "capture.pcapng").write_bytes(b"")
    if document is not None:
        (folder / "metadata.json").write_text(json.dumps({**document, "recording_id": recording_id}))
    return folder


@pytest.fixture
def data(tmp_path: Path) -> Path:
    add(tmp_path, "20260131T120000Z-aa", DOCUMENT)
    add(tmp_path, "20260131T130000Z-bb", None)
    return tmp_path


def test_recordings_are_listed(run: Run, data: Path) -> None:
    text = run("recordings", "list", "--data", data).text
    (first,) = (line for line in text.splitlines() if "20260131T120000Z-aa" in line)
    assert "2026-01-31 12:00:00" in first
    assert "1:05" in first
    assert "Alice" in first
    assert "complete" in first
    (second,) = (line for line in text.splitlines() if "20260131T130000Z-bb" in line)
    assert "not rendered yet" in second


def test_recordings_are_listed_as_json(run: Run, data: Path) -> None:
    rows = {row["recording_id"]: row for row in run("recordings", "list", "-d", data, "--json").json}
    assert rows["20260131T120000Z-aa"]["streams"] == 1
    assert rows["20260131T120000Z-aa"]["duration_s"] == 65.0
    assert rows["20260131T130000Z-bb"]["rendered"] is False
    assert len(run("recordings", "list", "-d", data, "--limit", 1, "--json").json) == 1


def test_without_recordings_there_is_an_empty_list(run: Run, tmp_path: Path) -> None:
    assert run("recordings", "list", "-d", tmp_path, "--json").json == []
    assert run("recordings", "list", "-d", tmp_path).text == ""


def test_one_recording_is_shown(run: Run, data: Path) -> None:
    text = run("recordings", "show", "20260131T12", "-d", data).text
    for expected in (
        "complete: The SRC ended the session.",
        "sip:src@10.0.0.1",
        "sip:alice@example.com",
        "audio.wav, metadata.xml, capture.pcapng",
        "m-line 1 has no a=label. (RFC 7866 section 7.1.1)",
    ):
        assert expected in text
    (stream,) = (line for line in text.splitlines() if "PCMU" in line)
    assert stream.split() == ["1", "Alice", "PCMU", "0", "3250", "7", "0", "0", "1:05", "0"]


@pytest.mark.parametrize("wanted", ["../../..", "/", "./", "20260131T12/.."])
def test_a_folder_that_holds_no_recording_is_none(
    run: Run, data: Path, monkeypatch: pytest.MonkeyPatch, wanted: str
) -> None:
    monkeypatch.chdir(data / "recordings/2026/01")
    outcome = run("recordings", "show", wanted, "-d", data)
    assert outcome.code == 1
    assert str(outcome.error) == f"there is no recording {wanted!r}"


def test_what_peers_sent_does_not_steer_the_terminal(run: Run, data: Path) -> None:
    text = run("recordings", "show", "20260131T120000Z-aa", "-d", data).text
    assert "sip:[red]bob@example.com\\x1b[31m" in text
    assert "\x1b" not in text


def test_one_recording_is_shown_as_json_or_by_its_folder(run: Run, data: Path) -> None:
    folder = data / "recordings/2026/01/31/20260131T120000Z-aa"
    by_id = run("recordings", "show", folder.name, "-d", data, "--json").json
    assert by_id == {"path": str(folder), **DOCUMENT}
    assert run("recordings", "show", folder, "--json").json == by_id


def test_what_can_not_be_shown_is_said(run: Run, data: Path) -> None:
    assert "there is no recording" in str(run("recordings", "show", "zz", "-d", data).error)
    assert "not rendered yet" in str(run("recordings", "show", "20260131T13", "-d", data).error)
    assert "2 recordings begin with" in str(run("recordings", "show", "2026", "-d", data).error)
