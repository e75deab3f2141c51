"""What the network does to packets: the right samples at the right place, and the right counts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from siprecord.media.sender import Impairments
from tests.support.recording import FoundRecording, wait_recording
from tests.support.server import RunningServer
from tests.support.src import Play, src
from tests.support.voices import Voice

ALICE = Voice(seed=1, seconds=0.4)
BOB = Voice(seed=2, seconds=0.4, law="pcma")
PACKETS = ALICE.packets
TOGETHER = 160
"""Samples by which two streams that started together may differ: kernel arrival times of a busy machine."""

CLEAN = {
    "packets_received": PACKETS,
    "packets_unique": PACKETS,
    "packets_duplicated": 0,
    "packets_lost": 0,
    "packets_withheld": 0,
    "packets_reordered": 0,
    "packets_hidden": 0,
    "packets_malformed": 0,
    "segments": 1,
    "ssrc_changes": 0,
}


def record(server: RunningServer, *plays: Play) -> FoundRecording:
    with src(server.sip_port) as client:
        client.call()
        client.play(*plays)
        assert client.bye().status == 200
    recording = wait_recording(server, client.call_id)
    assert recording.outcome == "complete"
    assert recording.metadata["capture"]["complete"]
    return recording


def check_counts(recording: FoundRecording, number: int, **different: Any) -> None:
    expected = {**CLEAN, **different}
    assert {name: recording.stream(number)[name] for name in expected} == expected


def gaps_of(recording: FoundRecording, number: int, cause: str) -> list[tuple[int, int]]:
    gaps = recording.stream(number)["gaps"]
    return [(round(g["start_s"] * 8000), round(g["end_s"] * 8000)) for g in gaps if g["cause"] == cause]


DUPLICATE = {"packets_received": PACKETS + 1, "packets_duplicated": 1}


@pytest.mark.parametrize(
    ("impairments", "counts"),
    [
        pytest.param(Impairments(duplicate=(10,)), DUPLICATE, id="duplicated"),
        pytest.param(Impairments(delay=((10, 0.015),)), {}, id="late-within-its-frame"),
        pytest.param(Impairments(delay=((5, 0.28),)), {"packets_reordered": 1}, id="late-by-280-ms"),
        pytest.param(Impairments(delay=((10, 0.03),)), {"packets_reordered": 1}, id="reordered"),
    ],
)
def test_nothing_is_missing_when_all_packets_come_somehow(
    server: RunningServer, impairments: Impairments, counts: dict[str, int]
) -> None:
    recording = record(server, Play(voice=ALICE, impairments=impairments), Play(voice=BOB))
    check_counts(recording, 0, **counts)
    check_counts(recording, 1)
    assert abs(recording.place(0, ALICE.heard) - recording.place(1, BOB.heard)) <= TOGETHER
    assert gaps_of(recording, 0, "network") == []


def test_a_lost_packet_is_silence_of_its_length_and_nothing_else_moves(server: RunningServer) -> None:
    recording = record(server, Play(voice=ALICE, impairments=Impairments(drop=(10,))), Play(voice=BOB))
    check_counts(recording, 0, packets_received=PACKETS - 1, packets_unique=PACKETS - 1, packets_lost=1)
    check_counts(recording, 1)
    at = recording.place(0, ALICE.heard_without([10]))
    assert abs(at - recording.place(1, BOB.heard)) <= TOGETHER
    assert gaps_of(recording, 0, "network") == [(at + 1600, at + 1760)]


@pytest.mark.parametrize(
    "numbers",
    [
        pytest.param({"sequence": 0xFFFF - 9}, id="sequence"),
        pytest.param({"timestamp": 0xFFFF_FFFF - 1599}, id="timestamp"),
        pytest.param({"sequence": 0xFFFF - 9, "timestamp": 0xFFFF_FFFF - 100}, id="both"),
    ],
)
def test_a_wrap_around_is_not_heard(server: RunningServer, numbers: dict[str, int]) -> None:
    recording = record(server, Play(voice=ALICE, **numbers), Play(voice=BOB))  # type: ignore[arg-type]
    check_counts(recording, 0)
    check_counts(recording, 1)
    assert abs(recording.place(0, ALICE.heard) - recording.place(1, BOB.heard)) <= TOGETHER


def test_all_faults_at_once_across_both_wraps(server: RunningServer) -> None:
    faults = Impairments(drop=(8,), duplicate=(9,), delay=((12, 0.03),))
    play = Play(voice=ALICE, impairments=faults, sequence=0xFFFF - 9, timestamp=0xFFFF_FFFF - 1599)
    recording = record(server, play, Play(voice=BOB))
    check_counts(
        recording, 0, packets_unique=PACKETS - 1, packets_lost=1, packets_duplicated=1, packets_reordered=1
    )
    recording.place(0, ALICE.heard_without([8]))
    recording.place(1, BOB.heard)


def test_a_stream_that_starts_3_s_after_the_other_stands_3_s_later(server: RunningServer) -> None:
    longer = Voice(seed=3, seconds=3.2)
    recording = record(server, Play(voice=longer), Play(voice=BOB, delay=3.0))
    first, second = recording.place(0, longer.heard), recording.place(1, BOB.heard)
    assert abs(second - first - 3 * 8000) <= TOGETHER
    assert not np.any(recording.channels[1][:second])
    assert gaps_of(recording, 1, "before_start") == [(0, second)]
    check_counts(recording, 0, packets_received=longer.packets, packets_unique=longer.packets)
    check_counts(recording, 1)
