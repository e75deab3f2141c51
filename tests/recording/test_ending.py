"""How sessions end, as transcripts."""

from __future__ import annotations

import pytest

from siprecord.recording import commands as do
from siprecord.recording import events, outcome
from siprecord.recording.outcome import Outcome
from siprecord.recording.session_parts import SessionSettings
from tests.support.recorder import (
    S1,
    SNAPSHOT,
    TWO,
    Playbook,
    every,
    kinds,
    only,
    sdp,
    xml,
)


def test_ARCH_07_media_on_its_way_at_bye_still_belongs_to_the_call() -> None:
    play = Playbook(SessionSettings(linger_s=0.2))
    play.call()
    play.bye()
    assert play.wait(0.1) == []
    assert "FinishRecording" in kinds(play.wait(0.2))


def test_ANS_11_bye_has_an_empty_answer() -> None:
    play = Playbook()
    play.call()
    assert only(play.bye(), do.Answer).sdp is None


def test_MDP_02_metadata_of_a_bye_is_applied_before_the_end() -> None:
    play = Playbook()
    play.call(metadata=SNAPSHOT)
    ended = f'<session session_id="{S1}"><stop-time>2026-11-21T03:16:00Z</stop-time></session>'
    commands = play.bye(xml(ended, mode="partial"))
    assert kinds(commands) == ["metadata.received", "session.model", "Answer"]
    assert play.session.model.sessions[S1].stop_time is not None


def test_INV_08_a_stop_before_the_ack_waits_for_it() -> None:
    play = Playbook()
    play.invite(sdp(*TWO))
    assert play.tell(events.StopRequested(outcome.SHUT_DOWN)) == []
    assert kinds(play.ack()) == ["SendBye"]
    assert only(play.wait(1), do.FinishRecording).ending.outcome is Outcome.DRAINED


def test_a_call_without_ack_keeps_what_was_recorded() -> None:
    play = Playbook()
    play.invite(sdp(*TWO))
    play.hear(0, 1)
    assert play.tell(events.AckTimedOut()) == []
    assert only(play.wait(1), do.FinishRecording).ending.outcome is Outcome.NO_ACK


@pytest.mark.parametrize(
    ("event", "expected"),
    [(events.SessionExpired(), Outcome.EXPIRED), (events.DialogLost(), Outcome.LOST)],
)
def test_INV_21_a_vanished_client_ends_the_recording(event: events.Event, expected: Outcome) -> None:
    play = Playbook()
    play.call()
    play.tell(event)
    assert only(play.wait(1), do.FinishRecording).ending.outcome is expected


def test_a_stream_without_packets_is_named_at_the_end() -> None:
    play = Playbook()
    play.call()
    play.hear(0)
    play.bye()
    texts = [
        str(event.fields["text"])
        for event in every(play.wait(1), do.AppendEvent)
        if event.name == "deviation"
    ]
    assert texts == ["The SRC sent no RTP for stream 2; our answer accepted it."]


def test_requests_after_the_end_get_481() -> None:
    play = Playbook()
    play.call()
    play.bye()
    assert only(play.update(), do.Refuse).refusal.status == 481
