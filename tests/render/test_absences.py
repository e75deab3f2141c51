from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from siprecord.cli.document import absence_note, setting_note
from siprecord.render import render_recording
from tests.support.capture_builder import MILLISECOND, START_NS, CaptureBuilder, Sender, codes


def document_of(builder: CaptureBuilder, path: Path) -> dict[str, Any]:
    result = render_recording(builder.write(path / "capture.pcapng"), path)
    document: dict[str, Any] = json.loads(result.document.read_text())
    return document


def recording(missing: range, **event: object) -> CaptureBuilder:
    """Two streams of four seconds, and a recorder that was away from 1.0 s to 1.5 s."""
    builder = CaptureBuilder()
    builder.started("abc")
    one, two = builder.stream("1"), builder.stream("2")
    packets = Sender().send(codes(1, 200))
    builder.rtp(one, [packet for number, packet in enumerate(packets) if number not in missing])
    builder.event("recorder.restarted", 1500, died_ns=START_NS + 1000 * MILLISECOND, **event)
    builder.rtp(two, Sender(ssrc=2).send(codes(2, 200)))
    builder.ended(5000)
    return builder


def test_R12_what_a_restart_cost_is_told_where_it_happened(tmp_path: Path) -> None:
    document = document_of(recording(range(55, 65)), tmp_path)
    assert document["streams"][0]["gaps"] == [{"start_s": 1.1, "end_s": 1.3, "cause": "restart"}]
    assert document["streams"][1]["gaps"] == []
    (absence,) = document["absences"]
    assert absence["missing_s"] == {"1": 0.2}
    assert (absence["gone"], absence["back"]) == (
        "2023-11-14T22:13:21.000000+00:00",
        "2023-11-14T22:13:21.500000+00:00",
    )
    assert absence_note(absence) == f"recorder restarted at {absence['back']}: 0.2 s of label 1 missing"


def test_R12_a_restart_that_cost_nothing_is_told_as_well(tmp_path: Path) -> None:
    (absence,) = document_of(recording(range(0)), tmp_path)["absences"]
    assert (absence["cause"], absence["missing_s"]) == ("restart", {})
    assert absence_note(absence).endswith("nothing missing")


def test_R12_another_recorder_that_took_over_is_another_cause(tmp_path: Path) -> None:
    document = document_of(recording(range(45, 80), cause="failover"), tmp_path)
    assert document["streams"][0]["gaps"] == [{"start_s": 0.9, "end_s": 1.6, "cause": "failover"}]
    (absence,) = document["absences"]
    assert absence["cause"] == "failover"
    assert absence_note(absence).startswith("another recorder took over at ")


@pytest.mark.parametrize("missing", [range(20, 25), range(100, 110)])
def test_R12_what_is_missing_elsewhere_is_the_networks(tmp_path: Path, missing: range) -> None:
    document = document_of(recording(missing), tmp_path)
    assert [gap["cause"] for gap in document["streams"][0]["gaps"]] == ["network"]
    assert document["absences"][0]["missing_s"] == {}


def test_a_clock_that_was_set_is_told(tmp_path: Path) -> None:
    builder = recording(range(0))
    builder.event("clock.set", 2000, by_s=-3600.0)
    (setting,) = document_of(builder, tmp_path)["clock_settings"]
    assert setting == {"time": "2023-11-14T22:13:22.000000+00:00", "by_s": -3600.0}
    assert setting_note(setting).startswith("set by -3600 s at 2023-11-14T22:13:22")
