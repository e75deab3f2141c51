"""Silence and pauses, as transcripts."""

from __future__ import annotations

import pytest

from siprecord.recording import commands as do
from siprecord.recording import events
from siprecord.recording.outcome import Outcome
from siprecord.recording.session_parts import SessionSettings
from tests.support.recorder import (
    SNAPSHOT,
    TWO,
    Line,
    Playbook,
    every,
    kinds,
    only,
    sdp,
    xml,
)


def test_silence_on_all_streams_ends_the_call() -> None:
    play = Playbook(SessionSettings(media_timeout_s=60))
    play.call()
    for _ in range(10):
        play.hear(0)
        assert "SendBye" not in kinds(play.wait(30))
    commands = play.wait(90)
    assert "SendBye" in kinds(commands)
    assert only(commands, do.FinishRecording).ending.outcome is Outcome.NO_MEDIA


def test_INV_20_silence_may_be_reported_only() -> None:
    play = Playbook(SessionSettings(media_timeout_s=60, end_on_silence=False))
    play.call()
    names = kinds(play.wait(3600))
    assert names.count("deviation") == 1
    assert "SendBye" not in names


@pytest.mark.parametrize("cause", ["hold", "pause"])
def test_a_held_or_paused_call_is_never_ended_for_silence(cause: str) -> None:
    play = Playbook(SessionSettings(media_timeout_s=60))
    play.call()
    if cause == "hold":
        play.reinvite(sdp(Line(direction="inactive"), TWO[1]))
    else:
        play.tell(events.PauseRequested())
    assert set(kinds(play.wait(7200))) == {"CheckMedia"}
    if cause == "hold":
        play.reinvite(sdp(*TWO))
    else:
        play.tell(events.ResumeRequested())
    assert "SendBye" not in kinds(play.wait(50))
    assert "SendBye" in kinds(play.wait(60))


def test_RS_10_a_persistent_session_may_be_silent_for_hours() -> None:
    play = Playbook(SessionSettings(media_timeout_s=60))
    play.call(metadata=xml())
    assert "SendBye" not in kinds(play.wait(7200))
    play.update(None, SNAPSHOT)
    assert "SendBye" in kinds(play.wait(120))


def test_pause_and_resume_on_our_own_wish() -> None:
    play = Playbook()
    play.call()
    paused = play.tell(events.PauseRequested())
    assert every(paused, do.PauseStream) == [do.PauseStream(0, "pause"), do.PauseStream(1, "pause")]
    assert play.tell(events.PauseRequested()) == []
    assert kinds(play.tell(events.ResumeRequested())) == ["ResumeStream", "ResumeStream"]


def test_a_pause_of_ours_outlives_a_hold_of_theirs() -> None:
    play = Playbook()
    play.call()
    play.tell(events.PauseRequested())
    held = sdp(Line(direction="inactive"), Line(label="2", direction="inactive"))
    assert "PauseStream" not in kinds(play.reinvite(held))
    assert "ResumeStream" not in kinds(play.reinvite(sdp(*TWO)))
