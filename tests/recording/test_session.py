"""Sessions as transcripts: events in, commands out, in virtual time."""

from __future__ import annotations

import pytest

from siprecord.recording import commands as do
from siprecord.recording.outcome import Outcome
from siprecord.recording.session import TABLE
from siprecord.recording.session_parts import State
from tests.support.recorder import (
    SNAPSHOT,
    TWO,
    Playbook,
    kinds,
    only,
    sdp,
)


def test_a_call_from_invite_to_end() -> None:
    play = Playbook()
    assert kinds(play.invite(sdp(*TWO), SNAPSHOT)) == [
        "StartRecording",
        "digits.policy",
        "OpenStreams",
        "metadata.received",
        "session.model",
        "deviation",
        "Answer",
    ]
    assert play.ack() == []
    play.hear(0, 1)
    assert kinds(play.bye()) == ["Answer"]
    assert play.session.state is State.ENDING
    assert kinds(play.wait(1.0)) == ["CheckMedia", "session.model", "FinishRecording"]
    assert only(play.transcript, do.FinishRecording).ending.outcome is Outcome.COMPLETE


@pytest.mark.parametrize("state", State)
def test_the_table_has_a_row_for_each_state(state: State) -> None:
    assert state in TABLE


def test_an_event_that_means_nothing_is_counted() -> None:
    play = Playbook()
    assert play.ack() == []
    assert play.session.unexpected == 1
