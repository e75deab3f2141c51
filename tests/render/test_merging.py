from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from siprecord.errors import MediaError, RenderError
from siprecord.render.merging import merge_recordings
from tests.support.audio import read_channels
from tests.support.capture_builder import CaptureBuilder, Rtp, Sender, codes, mu_samples

PACKETS = 100
FIRST, SECOND = codes(1, PACKETS), codes(2, PACKETS)
Keeps = Callable[[int], bool]


def everything(_: int) -> bool:
    return True


def copy(path: Path, keeps: Keeps, *, other: bool = False, **options: Any) -> Path:
    """What one recorder has of the call; the `other` one sees other numbers and has a clock 2 s ahead."""
    ahead = 2_000 if other else 0
    builder = CaptureBuilder()
    builder.started("b" if other else "a", node="n2" if other else "n1")
    labels = ("2", "1") if other else ("1", "2")
    streams = {label: builder.stream(label) for label in labels}
    for label, audio in (("1", FIRST), ("2", SECOND)):
        sender = Sender(ssrc=int(label), at_ms=100 + ahead)
        if other:
            sender = replace(sender, ssrc=int(label) + 90, sequence=65_500, timestamp=4_294_900_000)
        packets: list[Rtp] = sender.send(audio)
        kept = [packet for number, packet in enumerate(packets) if keeps(number)]
        builder.rtp(streams[label], kept)
    for start, end in options.get("pauses", ()):
        for name, at_ms in (("stream.paused", start), ("stream.resumed", end)):
            builder.event(name, at_ms + ahead, interface=streams["1"], cause="pause")
    if options.get("ended", True):
        builder.ended(4_000 + ahead)
    return builder.write(path)


def document(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "metadata.json").read_text())
    return found


def test_r7_two_copies_with_different_losses_make_a_recording_that_has_lost_nothing(tmp_path: Path) -> None:
    one = copy(tmp_path / "a.pcapng", lambda number: number % 3 != 0)
    two = copy(tmp_path / "b.pcapng", lambda number: number % 3 != 1, other=True)
    before = one.read_bytes(), two.read_bytes()
    result = merge_recordings(one, two, tmp_path / "both")
    assert (one.read_bytes(), two.read_bytes()) == before
    first, second = read_channels(tmp_path / "both" / "audio.wav")
    np.testing.assert_array_equal(first, mu_samples(FIRST))
    np.testing.assert_array_equal(second, mu_samples(SECOND))
    made = document(tmp_path / "both")
    assert [row["packets_lost"] for row in made["streams"]] == [0, 0]
    assert [row["ssrc_changes"] for row in made["streams"]] == [0, 0]
    merged = made["merged"]
    assert merged == result.account
    assert merged["clock_offset_s"] == 2.0
    counts = {"both": 33, "only_first": 33, "only_second": 34, "differing": 0, "withheld": 0}
    assert merged["streams"] == [{"label": label, **counts} for label in "12"]
    assert [(each["recording_id"], each["node"]) for each in merged["copies"]] == [("a", "n1"), ("b", "n2")]


def test_r7_what_both_copies_lost_stays_a_gap_with_its_cause(tmp_path: Path) -> None:
    one = copy(tmp_path / "a.pcapng", lambda number: not 20 <= number < 40)
    two = copy(tmp_path / "b.pcapng", lambda number: not 30 <= number < 50, other=True)
    merge_recordings(one, two, tmp_path / "both")
    for row in document(tmp_path / "both")["streams"]:
        assert row["packets_lost"] == 10
        assert [(gap["start_s"], gap["end_s"], gap["cause"]) for gap in row["gaps"]] == [
            (0.6, 0.8, "network")
        ]


def test_r7_the_copy_that_ended_properly_gives_the_outcome(tmp_path: Path) -> None:
    one = copy(tmp_path / "a.pcapng", lambda number: number < 50, ended=False)
    two = copy(tmp_path / "b.pcapng", lambda number: number >= 40, other=True)
    result = merge_recordings(one, two, tmp_path / "both")
    assert (result.rendering.recording_id, result.rendering.outcome) == ("b", "complete")
    assert [row["packets_unique"] for row in document(tmp_path / "both")["streams"]] == [100, 100]


def test_r7_a_pause_in_one_copy_covers_both(tmp_path: Path) -> None:
    # Packet n arrives at 100 + 20 n ms: the pause leaves out 20 to 39 in one copy.
    one = copy(tmp_path / "a.pcapng", everything)
    two = copy(tmp_path / "b.pcapng", lambda number: not 20 <= number < 40, other=True, pauses=[(495, 895)])
    merge_recordings(one, two, tmp_path / "both")
    paused, whole = document(tmp_path / "both")["streams"]
    assert (paused["packets_received"], whole["packets_received"]) == (80, 100)
    assert [gap["cause"] for gap in paused["gaps"]] == ["pause"]
    assert paused["packets_lost"] == 0
    first, _ = read_channels(tmp_path / "both" / "audio.wav")
    assert not first[20 * 160 : 40 * 160].any()


def test_r7_what_is_no_copy_is_left_as_it_is(tmp_path: Path) -> None:
    one = copy(tmp_path / "a.pcapng", everything)
    stranger = CaptureBuilder()
    stranger.started("c")
    stranger.rtp(stranger.stream("1"), Sender(ssrc=5).send(codes(9, 50)))
    other = stranger.write(tmp_path / "c.pcapng")
    with pytest.raises(RenderError, match="no copies of one call, and both stay as they are"):
        merge_recordings(one, other, tmp_path / "both")
    assert not (tmp_path / "both").exists()


def test_nothing_is_written_over(tmp_path: Path) -> None:
    one, two = (copy(tmp_path / name, everything) for name in ("a.pcapng", "b.pcapng"))
    with pytest.raises(RenderError, match="name a new directory"):
        merge_recordings(one, two, tmp_path)


def test_a_file_that_is_no_log_is_named(tmp_path: Path) -> None:
    one = copy(tmp_path / "a.pcapng", everything)
    other = tmp_path / "notes.txt"
    other.write_text("hello")
    with pytest.raises(MediaError, match=r"notes\.txt"):
        merge_recordings(one, other, tmp_path / "both")
