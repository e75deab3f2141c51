"""The E-model's estimate: known ratings, and what moves it."""

from __future__ import annotations

import pytest

from siprecord.recording.quality import grade, mean_opinion, quality_of
from tests.support.fakes import FakeStats

PAYLOADS = {
    "0": {"encoding": "PCMU", "rate": 8000},
    "18": {"encoding": "G729", "rate": 8000},
    "101": {"encoding": "telephone-event", "rate": 8000},
}


@pytest.mark.parametrize(
    ("codec", "loss", "jitter_ms", "expected"),
    [
        ("PCMU", 0.0, 0.0, 4.4),
        ("PCMU", 0.01, 0.0, 3.8),
        ("PCMU", 0.05, 0.0, 2.1),
        ("PCMU", 0.0, 100.0, 4.1),
        ("G729", 0.0, 0.0, 4.1),
        ("G729", 0.02, 0.0, 3.8),
        ("GSM", 0.0, 0.0, 3.7),
        ("PCMA", 1.0, 0.0, 1.0),
    ],
)
def test_opinions_are_those_of_the_e_model(
    codec: str, loss: float, jitter_ms: float, expected: float
) -> None:
    """By hand from G.107: R = 93.2 - Id - Ie,eff, and its formula for the opinion."""
    assert mean_opinion(codec, loss, jitter_ms) == pytest.approx(expected, abs=0.1)


def test_more_loss_and_more_jitter_never_help() -> None:
    for codec in ("PCMU", "G729", "OPUS"):
        by_loss = [mean_opinion(codec, loss / 100, 5) for loss in range(0, 101, 5)]
        by_jitter = [mean_opinion(codec, 0.01, jitter) for jitter in range(0, 500, 20)]
        assert by_loss == sorted(by_loss, reverse=True)
        assert by_jitter == sorted(by_jitter, reverse=True)
        assert min(by_loss + by_jitter) >= 1


def test_a_stream_is_described_in_its_own_clock() -> None:
    stats = FakeStats(
        packets=99, lost=1, expected=100, reordered=2, jitter=80, clock_rate=8000, payload_type=18
    )
    stats.level_dbov = -26.04
    found = quality_of(stats, PAYLOADS)
    assert (found.codec, found.loss_percent, found.jitter_ms, found.reordered) == ("G729", 1.0, 10.0, 2)
    assert (found.level_dbov, grade(found.mos)) == (-26.0, "fair")


def test_tones_do_not_change_the_codec_and_nothing_is_said_of_nothing() -> None:
    found = quality_of(FakeStats(packets=5, expected=5, payload_type=101), PAYLOADS)
    assert (found.codec, found.jitter_ms) == ("PCMU", None)
    empty = quality_of(FakeStats(), PAYLOADS)
    assert (empty.mos, empty.loss_percent, grade(empty.mos)) == (None, 0.0, "unknown")
    assert [grade(mos) for mos in (4.2, 3.5, 2.0)] == ["good", "fair", "poor"]
