from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from siprecord.cli import load_check
from siprecord.cli.load_check import find_captures, verify
from siprecord.media import RtpClip, SendSpec, SentStream
from tests.support.capture_builder import CaptureBuilder, Sender, codes

SINCE = datetime(2026, 11, 21, 10, 0, 0, tzinfo=UTC)
AUDIO = codes(1, 5)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load_check, "PATIENCE_SECONDS", 0.05)
    monkeypatch.setattr(load_check, "POLL_SECONDS", 0.01)


def record(data: Path, recording_id: str, call_id: str, packets: int = 5) -> Path:
    directory = data / "recordings/2026/11/21" / recording_id
    directory.mkdir(parents=True)
    builder = CaptureBuilder()
    builder.started(recording_id, call_id=call_id)
    builder.rtp(builder.stream("1"), Sender().send(AUDIO)[:packets])
    return builder.write(directory / "capture.pcapng")


def sent(packets: int = 5) -> list[SentStream]:
    spec = SendSpec(
        socket=0, destination=("127.0.0.1", 9), clip=RtpClip(AUDIO), ssrc=0x1234, sequence=100, timestamp=5000
    )
    return [SentStream(name="1", spec=spec, sent=packets)]


def test_recordings_are_found_by_the_call_id(tmp_path: Path) -> None:
    path = record(tmp_path, "20261121T100001Z-a", "a@x")
    record(tmp_path, "20261121T100001Z-b", "another")
    assert find_captures(tmp_path, {"a@x", "missing"}, SINCE) == {"a@x": path}


def test_what_began_before_the_load_is_left_out(tmp_path: Path) -> None:
    record(tmp_path, "20261121T095900Z-a", "a@x")
    odd = record(tmp_path, "20269999T999999Z-b", "b@x")
    other = record(tmp_path, "named-otherwise", "c@x")
    assert find_captures(tmp_path, {"a@x", "b@x", "c@x"}, SINCE) == {"b@x": odd, "c@x": other}


def test_logs_that_can_not_be_read_are_passed_over(tmp_path: Path) -> None:
    record(tmp_path, "20261121T100001Z-a", "a@x").write_text("no log")
    assert find_captures(tmp_path, {"a@x"}, SINCE) == {}


def test_missing_recordings_have_lost_everything(tmp_path: Path) -> None:
    record(tmp_path, "20261121T100001Z-a", "a@x", packets=3)
    found = verify(tmp_path, {"a@x": sent(), "b@x": sent(4)}, SINCE)
    # Packet 0 lacks the marker that our sender sets, so it counts as another one.
    assert (found.packets_stored, found.packets_lost, found.packets_damaged) == (2, 3 + 4, 1)
    assert found.recordings_missing == 1
    assert not found.clean
    assert found.packets_foreign == found.packets_surplus == 0
