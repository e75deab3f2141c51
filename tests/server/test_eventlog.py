from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import pytest
import structlog
from msgspec.structs import replace

from siprecord.media import Notice
from siprecord.server.config import LogConfig
from siprecord.server.eventlog import LEVELS, log_event, log_notice
from siprecord.server.logs import Logs, start_logs
from siprecord.server.publisher import CallRefused, RecordingEvent, RecordingFinished, StreamResumed

NOW = datetime(2026, 11, 21, tzinfo=UTC)


@pytest.fixture
def written() -> Iterator[tuple[Logs, io.StringIO]]:
    stream = io.StringIO()
    level = logging.getLogger().level
    logs = start_logs(LogConfig(level="info", format="json"), stream)
    yield logs, stream
    logs.close()
    logging.getLogger().setLevel(level)
    structlog.reset_defaults()


def lines(written: tuple[Logs, io.StringIO]) -> list[dict[str, Any]]:
    written[0].close()
    return [json.loads(line) for line in written[1].getvalue().splitlines()]


def test_every_event_has_its_words() -> None:
    assert set(LEVELS) == set(get_args(RecordingEvent))


def test_lines_carry_recording_and_call(written: tuple[Logs, io.StringIO]) -> None:
    log_event(
        RecordingFinished(
            recording_id="r1",
            call_id="c1",
            outcome="complete",
            reason="x",
            started=NOW,
            ended=NOW + timedelta(milliseconds=250),
            packets=5,
            lost=0,
            overflowed=0,
        )
    )
    log_event(StreamResumed(recording_id="r1", call_id="c1", name="1"))
    finished, resumed = lines(written)
    assert (finished["started"], finished["ended"]) == ("2026-11-21T00:00:00Z", "2026-11-21T00:00:00.250000Z")
    assert (finished["event"], finished["recording_id"], finished["call_id"]) == (
        "recording finished",
        "r1",
        "c1",
    )
    assert (finished["outcome"], finished["packets"]) == ("complete", 5)
    assert (resumed["event"], resumed["level"]) == ("stream resumed", "info")


def test_a_refusal_that_is_not_worth_a_line_gets_none(written: tuple[Logs, io.StringIO]) -> None:
    refused = CallRefused(call_id="c1", source="192.0.2.1:5060", status=403, reason="No trunk")
    log_event(replace(refused, quiet=True))
    log_event(refused)
    (line,) = lines(written)
    assert (line["event"], line["source"], line["status"]) == ("call refused", "192.0.2.1:5060", 403)
    assert "quiet" not in line


def test_the_engines_notices_are_errors_until_it_has_recovered(written: tuple[Logs, io.StringIO]) -> None:
    log_notice(Notice("spool/r1.pcapng", "write_failed", "the disk is full", 0))
    log_notice(Notice("spool/r1.pcapng", "write_recovered", "the disk takes writes again", 7))
    failed, recovered = lines(written)
    assert (failed["level"], failed["event"]) == ("error", "the disk is full")
    assert (recovered["level"], recovered["dropped"]) == ("info", 7)
