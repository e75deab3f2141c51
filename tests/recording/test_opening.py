"""How sessions begin, as transcripts: events in, commands out, in virtual time."""

from __future__ import annotations

import pytest

from siprecord.recording import commands as do
from siprecord.recording import events, outcome
from siprecord.recording.policy import PolicySettings
from siprecord.recording.session_parts import SessionSettings, State
from tests.support.recorder import (
    SNAPSHOT,
    TWO,
    A,
    Line,
    Playbook,
    answer_of,
    directions,
    every,
    kinds,
    metadata_part,
    multipart,
    only,
    part,
    request,
    sdp,
)


def test_ARCH_07_streams_are_open_before_the_answer() -> None:
    names = kinds(Playbook().invite(sdp(*TWO)))
    assert names.index("OpenStreams") < names.index("Answer")


def test_RSDP_05_labels_come_back_unchanged() -> None:
    lines = [Line(label=label, port=40000 + 2 * index) for index, label in enumerate(("96", "0", "A-1"))]
    answer = answer_of(Playbook().invite(sdp(*lines)))
    assert [media.label for media in answer.media] == ["96", "0", "A-1"]


def test_FLD_05_a_call_that_begins_inactive_stores_nothing_until_sendonly() -> None:
    play = Playbook()
    names = kinds(play.call(sdp(Line(direction="inactive"))))
    assert names.index("PauseStream") < names.index("Answer")
    assert kinds(play.reinvite(sdp(Line()))) == ["UpdateStream", "ResumeStream", "Answer"]


def test_RSDP_08_lines_over_the_limit_get_port_0() -> None:
    lines = [Line(label=str(number), port=40000 + 2 * number) for number in range(65)]
    commands = Playbook().invite(sdp(*lines))
    assert directions(commands) == ["recvonly"] * 64 + ["port 0"]


def test_RSDP_24_other_kinds_of_media_are_refused_line_by_line() -> None:
    image = Line(label="2", kind="image", protocol="udptl", formats="t38")
    assert directions(Playbook().invite(sdp(Line(), image))) == ["recvonly", "port 0"]


def test_RSDP_18_missing_labels_cost_nothing() -> None:
    commands = Playbook().invite(sdp(Line(label=None), Line(label=None, port=40002)))
    assert [plan.name for plan in only(commands, do.OpenStreams).plans] == ["mline-0", "mline-1"]
    assert "no a=label" in str(every(commands, do.AppendEvent))


def test_ANS_13_a_call_without_one_usable_stream_is_refused() -> None:
    commands = Playbook().invite(sdp(Line(protocol="UDP/TLS/RTP/SAVP")))
    assert kinds(commands) == ["Refuse"]
    refused = only(commands, do.Refuse).refusal
    assert refused.status == 488
    assert dict(refused.headers)["Warning"].startswith("302 ")


def test_ANS_07_a_call_without_offer_is_refused() -> None:
    commands = Playbook().invite(None, SNAPSHOT)
    assert only(commands, do.Refuse).refusal.status == 488


def test_MDP_03_a_call_without_metadata_is_recorded() -> None:
    play = Playbook()
    assert "Answer" in kinds(play.call())
    play.update(None, SNAPSHOT)
    assert A in play.session.model.participants


@pytest.mark.parametrize("strict", [True, False])
def test_BODY_10_an_unknown_part_is_refused_only_if_strict(strict: bool) -> None:
    settings = SessionSettings(policy=PolicySettings(strict=strict))
    extra = part("application/x-vendor", b"hello")
    message = request("INVITE", multipart(part("application/sdp", sdp(*TWO)), metadata_part(SNAPSHOT), extra))
    commands = Playbook(settings).invite(message=message)
    if strict:
        refused = only(commands, do.Refuse).refusal
        assert refused.status == 415
        assert "multipart/mixed" in dict(refused.headers)["Accept"]
    else:
        assert "Answer" in kinds(commands)


def test_RESP_14_no_free_port_is_503_and_leaves_nothing_behind() -> None:
    play = Playbook(no_ports=True)
    commands = play.invite(sdp(*TWO))
    assert kinds(commands)[-2:] == ["Refuse", "DiscardRecording"]
    assert only(commands, do.Refuse).refusal.status == 503


def test_RESP_14_an_unwritable_spool_is_503() -> None:
    commands = Playbook(no_log=True).invite(sdp(*TWO))
    assert kinds(commands) == ["StartRecording", "Refuse", "DiscardRecording"]


def test_INV_10_cancel_before_the_answer_keeps_the_log() -> None:
    play = Playbook()
    play.session.state = State.OPENING
    assert only(play.tell(events.CancelReceived()), do.FinishRecording).ending is outcome.GAVE_UP
