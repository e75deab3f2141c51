"""Somebody deletes the capture log of a running call: it comes back with all that was in it, and goes on."""

from __future__ import annotations

from pathlib import Path

import pytest

from siprecord.media import MediaEngine
from siprecord.media.follower import LogFollower
from siprecord.media.reader import LogEvent
from tests.media import capture
from tests.media.capture import SPEC, Sender, rtp
from tests.support.patience import wait_until


@pytest.mark.parametrize("folder", [False, True], ids=["file", "folder"])
def test_a_deleted_log_is_told_and_goes_on(
    engine: MediaEngine, sender: Sender, tmp_path: Path, folder: bool
) -> None:
    path = tmp_path / "spool" / "a.pcapng"
    path.parent.mkdir()
    log = engine.open_log(path)
    stream = log.open_stream(SPEC)
    sender.send(stream.rtp_port, rtp(1), rtp(2))
    wait_until(lambda: stream.stats().packets == 2)
    path.unlink()
    if folder:
        path.parent.rmdir()
    wait_until(path.exists)
    sender.send(stream.rtp_port, rtp(3))
    wait_until(lambda: stream.stats().packets == 3)
    assert [found.payload for found in capture.datagrams(path)] == [rtp(1), rtp(2), rtp(3)]
    (told,) = engine.drain_notices()
    assert (told.recording, told.kind, told.dropped) == (str(path), "write_failed", 0)
    assert told.text == "somebody deleted the capture log while it was written; it is restored"
    log.close()
    assert len(capture.datagrams(path)) == 3
    assert engine.drain_notices() == []


def test_who_follows_a_deleted_log_misses_nothing(engine: MediaEngine, tmp_path: Path) -> None:
    path = tmp_path / "a.pcapng"
    log = engine.open_log(path)
    follower = LogFollower(path)
    seen: list[str] = []

    def look() -> int:
        seen.extend(item.name for item in follower.poll().items if isinstance(item, LogEvent))
        return len(seen)

    log.append_event({"event": "one"})
    look()
    path.unlink()
    log.append_event({"event": "two"})
    wait_until(path.exists)
    log.append_event({"event": "three"})
    wait_until(lambda: look() == 3)
    assert seen == ["one", "two", "three"]
    log.close()
