from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from siprecord.cli.document import absence_note, gap_text, setting_note
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


def test_R12_a_single_packet_is_not_told_as_nothing(tmp_path: Path) -> None:
    (absence,) = document_of(recording(range(55, 56)), tmp_path)["absences"]
    assert absence_note(absence).endswith(": 20 ms of label 1 missing")


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


def test_R12_deaths_in_a_row_are_one_absence(tmp_path: Path) -> None:
    """The second recorder had taken the call up, and died before it served."""
    builder = recording(range(52, 120))
    builder.event("recorder.restarted", 2400, died_ns=START_NS + 1000 * MILLISECOND)
    builder.event("recorder.restarted", 3600, died_ns=START_NS + 3500 * MILLISECOND)
    first, second = document_of(builder, tmp_path)["absences"]
    assert (first["gone"], first["back"], first["missing_s"]) == (
        "2023-11-14T22:13:21.000000+00:00",
        "2023-11-14T22:13:22.400000+00:00",
        {"1": 1.36},
    )
    assert (second["back"], second["missing_s"]) == ("2023-11-14T22:13:23.600000+00:00", {})


def continuation(*, second: bool = True, hold: bool = False) -> CaptureBuilder:
    """A node was heard of last 2 s before the start; here the streams begin after 0.0 s and 0.4 s."""
    builder = CaptureBuilder()
    builder.started("abc")
    seen = START_NS - 2000 * MILLISECOND
    link = {"recording": "xyz", "by": "dialog", "node": "a", "cause": "failover", "last_seen_ns": seen}
    builder.event("recording.continues", 0, gap_s=1.7, **link)
    one, two = builder.stream("1"), builder.stream("2")
    if hold:
        builder.event("stream.paused", 0, interface=two, cause="hold")
        builder.event("stream.resumed", 400, interface=two)
    builder.rtp(one, Sender().send(codes(1, 50)))
    if second:
        builder.rtp(two, Sender(ssrc=2, at_ms=400).send(codes(2, 30)))
    builder.ended(1000)
    return builder


def test_R12_the_gap_before_a_recording_that_continues_a_dead_nodes_is_one_of_its_gaps(
    tmp_path: Path,
) -> None:
    document = document_of(continuation(), tmp_path)
    first, second = (row["gaps"] for row in document["streams"])
    assert first == [{"start_s": -2.0, "end_s": 0.0, "cause": "failover"}]
    assert second == [{"start_s": -2.0, "end_s": 0.4, "cause": "failover"}]
    assert document["gaps"] == [{"cause": "failover", "count": 2, "seconds": 4.4}]
    assert document["continues"]["gap_s"] == 2.0
    (absence,) = document["absences"]
    assert (absence["cause"], absence["missing_s"]) == ("failover", {"1": 2.0, "2": 2.4})
    assert absence["gone"] == document["continues"]["last_seen"]
    note = f"another recorder took over at {absence['back']}: 2.0 s of label 1, 2.4 s of label 2 missing"
    assert absence_note(absence) == note
    assert gap_text(document) == "4.4 s failover (2)"


def test_R12_of_a_stream_on_which_nothing_came_nobody_knows_what_is_missing(tmp_path: Path) -> None:
    document = document_of(continuation(second=False), tmp_path)
    assert [gap["cause"] for gap in document["streams"][1]["gaps"]] == ["no_packets"]
    assert document["absences"][0]["missing_s"] == {"1": 2.0, "2": None}
    assert "an unknown time of label 2 missing" in absence_note(document["absences"][0])


def test_R12_a_stream_that_was_on_hold_lost_nothing_by_it(tmp_path: Path) -> None:
    document = document_of(continuation(hold=True), tmp_path)
    assert [gap["cause"] for gap in document["streams"][1]["gaps"]] == ["hold"]
    assert document["absences"][0]["missing_s"] == {"1": 2.0}


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
