"""Requests within a session, as transcripts."""

from __future__ import annotations

import pytest

from siprecord.recording import commands as do
from siprecord.recording import events
from siprecord.recording.session_parts import State
from tests.support.recorder import (
    SNAPSHOT,
    TWO,
    Line,
    Playbook,
    answer_of,
    contents,
    directions,
    kinds,
    only,
    sdp,
)


@pytest.mark.parametrize(
    ("offered", "answered"),
    [
        ("sendonly", "recvonly"),
        ("sendrecv", "recvonly"),
        (None, "recvonly"),
        ("inactive", "inactive"),
        ("recvonly", "inactive"),
    ],
)
def test_RSDP_01_RSDP_02_direction_of_the_answer(offered: str | None, answered: str) -> None:
    assert directions(Playbook().invite(sdp(Line(direction=offered)))) == [answered]


def test_RSDP_03_answers_follow_each_offer() -> None:
    play = Playbook()
    play.call(sdp(Line(direction="inactive")))
    answers = [
        directions(play.reinvite(sdp(Line(direction=way)))) for way in ("sendonly", "inactive", "sendonly")
    ]
    assert answers == [["recvonly"], ["inactive"], ["recvonly"]]


def test_RSDP_12_RSDP_13_inactive_stops_storing_before_the_answer() -> None:
    play = Playbook()
    play.call()
    held = play.reinvite(sdp(Line(direction="inactive"), TWO[1]))
    assert kinds(held) == ["UpdateStream", "PauseStream", "Answer"]
    assert only(held, do.PauseStream) == do.PauseStream(0, "hold")
    assert kinds(play.reinvite(sdp(*TWO))) == ["UpdateStream", "ResumeStream", "Answer"]


def test_RSDP_10_port_0_closes_that_stream_and_no_other() -> None:
    play = Playbook()
    play.call()
    commands = play.reinvite(sdp(Line(port=0), TWO[1]))
    assert kinds(commands) == ["CloseStream", "Answer"]
    assert directions(commands) == ["port 0", "recvonly"]
    assert list(play.session.streams) == [1]


def test_RSDP_11_a_reused_slot_is_a_new_stream() -> None:
    play = Playbook()
    play.call()
    play.reinvite(sdp(Line(port=0), TWO[1]))
    commands = play.reinvite(sdp(*TWO))
    assert only(commands, do.OpenStreams).plans[0].name == "1#2"
    assert answer_of(commands).media[0].port == 20004


def test_RSDP_11_streams_are_added_at_the_end() -> None:
    play = Playbook()
    play.call()
    commands = play.reinvite(sdp(*TWO, Line(label="3", port=40004)))
    assert [plan.mline for plan in only(commands, do.OpenStreams).plans] == [2]
    assert [media.port for media in answer_of(commands).media] == [20000, 20002, 20004]


def test_ANS_13_a_refused_reinvite_leaves_the_session_as_it_was() -> None:
    play = Playbook()
    play.call()
    before = dict(play.session.streams)
    commands = play.reinvite(sdp(*(Line(protocol="RTP/SAVP"), Line(protocol="RTP/SAVP"))))
    assert only(commands, do.Refuse).refusal.status == 488
    assert play.session.streams == before
    assert play.session.state is State.ACTIVE


@pytest.mark.parametrize("offer", [sdp(), sdp(Line(port=0))])
def test_ANS_14_an_offer_of_nothing_is_answered(offer: bytes) -> None:
    assert "Answer" in kinds(Playbook().invite(offer))


def test_ANS_03_ANS_04_a_metadata_only_reinvite_gets_our_offer() -> None:
    play = Playbook()
    first = answer_of(play.call())
    commands = play.reinvite(None, SNAPSHOT)
    assert kinds(commands) == ["metadata.received", "deviation", "session.model", "deviation", "Answer"]
    assert answer_of(commands) == first
    assert play.ack(sdp(*TWO)) == []


def test_ANS_05_our_offer_asks_for_media_even_after_a_pause() -> None:
    play = Playbook()
    play.call()
    play.reinvite(sdp(Line(direction="inactive"), Line(label="2", direction="inactive")))
    assert directions(play.reinvite()) == ["recvonly", "recvonly"]
    assert kinds(play.ack(sdp(*TWO))) == ["UpdateStream", "UpdateStream", "ResumeStream", "ResumeStream"]


def test_ANS_06_an_ack_without_the_answer_changes_nothing() -> None:
    play = Playbook()
    play.call()
    play.reinvite()
    assert kinds(play.ack()) == ["deviation"]
    assert len(play.session.streams) == 2


def test_INV_15_an_offer_while_ours_is_open_is_glare() -> None:
    play = Playbook()
    play.call()
    play.reinvite()
    assert only(play.update(sdp(*TWO)), do.Refuse).refusal.status == 491


def test_ANS_08_ANS_09_update_with_and_without_offer() -> None:
    play = Playbook()
    play.call()
    assert only(play.update(None, SNAPSHOT), do.Answer).sdp is None
    assert only(play.update(), do.Answer).sdp is None
    assert only(play.update(sdp(*TWO)), do.Answer).sdp is not None


def test_ANS_10_an_unchanged_offer_changes_nothing() -> None:
    play = Playbook()
    first = answer_of(play.call())
    commands = play.reinvite(sdp(*TWO))
    assert kinds(commands) == ["Answer"]
    assert answer_of(commands).to_bytes() == first.to_bytes()


def test_RS_07_requests_in_the_session_need_no_marks() -> None:
    play = Playbook()
    play.call()
    event = events.UpdateReceived("t", contents(), confirmed=False)
    assert kinds(play.tell(event)) == ["deviation", "Answer"]


def test_streams_that_cannot_be_added_are_answered_with_port_0() -> None:
    play = Playbook()
    play.call()
    play.no_ports = True
    commands = play.reinvite(sdp(*TWO, Line(label="3", port=40004)))
    assert directions(commands) == ["recvonly", "recvonly", "port 0"]


def test_OA_15_an_offer_with_fewer_lines_is_refused() -> None:
    play = Playbook()
    play.call()
    assert only(play.reinvite(sdp(Line())), do.Refuse).refusal.status == 488


def test_Q20_hold_by_the_zero_address() -> None:
    play = Playbook()
    play.call()
    lines = (Line(direction=None), Line(label="2", direction=None))
    assert kinds(play.reinvite(sdp(*lines, address="0.0.0.0"))).count("PauseStream") == 2
