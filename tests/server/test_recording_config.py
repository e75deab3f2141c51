from __future__ import annotations

from siprecord.server.config import Config


def test_a_call_without_media_is_hung_up_unless_that_is_turned_off() -> None:
    recording = Config().recording
    assert (recording.media_timeout_s, recording.end_on_media_timeout) == (60, True)
