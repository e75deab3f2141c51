from __future__ import annotations

from dataclasses import replace

import pytest

from siprecord.client import CallOutcome, CallReport, CallStatus, StreamReport, figures
from siprecord.client.load_report import failure, late_ms, peak, percentile

STREAM = StreamReport(
    label="1", name="A", codec="pcmu", packets=5, packets_sent=5, address="127.0.0.1", port=9, refused=None
)
REPORT = CallReport(
    status=CallStatus.COMPLETED,
    call_id="a",
    uri="sip:x",
    transport="udp",
    code=200,
    reason="OK",
    setup_ms=10.0,
    streams=(STREAM,),
)


def outcome(number: int, report: CallReport | None = REPORT, error: str | None = None) -> CallOutcome:
    return CallOutcome(number=number, placed_at=number, ended_at=number + 2.5, report=report, error=error)


def test_figures_of_good_calls() -> None:
    reports = [replace(REPORT, setup_ms=float(ms)) for ms in range(100, 0, -1)]
    found = figures([outcome(number, report) for number, report in enumerate(reports)])
    assert (found.calls, found.calls_answered, found.calls_failed, found.calls_peak) == (100, 100, 0, 3)
    assert (found.setup_ms_p50, found.setup_ms_p99, found.setup_ms_max) == (50.0, 99.0, 100.0)
    assert (found.duration_s, found.calls_per_second) == (101.5, 1.0)
    assert found.failures == {}


def test_failures_are_counted_by_their_reason() -> None:
    busy = replace(REPORT, status=CallStatus.REFUSED, code=503, reason="Service Unavailable")
    outcomes = [outcome(0, busy), outcome(1, busy), outcome(2, None, "no way"), outcome(3)]
    found = figures(outcomes)
    assert (found.calls, found.calls_answered, found.calls_failed) == (4, 1, 3)
    assert list(found.failures.items()) == [("refused: 503 Service Unavailable", 2), ("no way", 1)]


def test_calls_are_counted_whose_end_the_recorder_may_not_know() -> None:
    unheard = replace(REPORT, bye_failed="no answer")
    found = figures([outcome(0, unheard), outcome(1), outcome(2, None, "no way")])
    assert (found.byes_failed, found.calls_failed) == (1, 1)


def test_a_refusal_is_told_with_the_recorders_own_words() -> None:
    full = replace(
        REPORT, status=CallStatus.REFUSED, code=503, reason="Busy", remarks=("odd", '399 rec "no free port"')
    )
    assert failure(outcome(0, full)) == "refused: 503 Busy (no free port)"


def test_nothing_placed_makes_empty_figures() -> None:
    found = figures([])
    assert (found.calls, found.calls_peak, found.duration_s, found.setup_ms_p50) == (0, 0, 0.0, None)


@pytest.mark.parametrize("status", [each for each in CallStatus if each is not CallStatus.COMPLETED])
def test_every_bad_end_has_words(status: CallStatus) -> None:
    assert failure(outcome(0, replace(REPORT, status=status)))


def test_a_refused_stream_is_a_failed_call() -> None:
    refused = replace(REPORT, streams=(STREAM, replace(STREAM, refused="port 0")))
    assert failure(outcome(0, refused)) == "a stream was refused: port 0"


def test_percentiles_are_values_that_occurred() -> None:
    assert percentile([], 50) is None
    assert [percentile([1.0, 2.0, 3.0], each) for each in (0, 34, 99, 100)] == [1.0, 2.0, 3.0, 3.0]


def test_the_peak_counts_overlaps() -> None:
    assert peak([]) == 0
    assert peak([(0, 1), (1, 2)]) == 1
    assert peak([(0, 3), (1, 2), (1.5, 4)]) == 3


def test_lateness_is_bounded_from_above() -> None:
    counts = [0, 50, 0, 49, 1]
    assert [late_ms(counts, each) for each in (50, 51, 99, 100)] == [0.002, 0.008, 0.008, 0.016]
    assert late_ms([0, 0], 99) is None
