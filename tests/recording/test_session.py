"""Sessions as transcripts: events in, commands out, in virtual time."""

from __future__ import annotations

import pytest

from siprecord.recording import commands as do
from siprecord.recording import events, outcome
from siprecord.recording.outcome import Outcome
from siprecord.recording.policy import PolicySettings
from siprecord.recording.session import TABLE, SessionSettings, State
from siprecord.syntax.sdp import SessionDescription
from tests.support.recorder import (
    TWO,
    Line,
    Playbook,
    body,
    contents,
    every,
    kinds,
    metadata_part,
    multipart,
    only,
    part,
    request,
    sdp,
    uid,
    xml,
)

S1, S2, A, X1 = uid(1), uid(2), uid(3), uid(4)
SESSION = f'<session session_id="{S1}"/>'
ALICE = f'<participant participant_id="{A}"><nameID aor="sip:alice@example.com"/></participant>'
STREAM = f'<stream stream_id="{X1}" session_id="{S1}"><label>1</label></stream>'
SENDS = f'<participantstreamassoc participant_id="{A}"><send>{X1}</send></participantstreamassoc>'
SNAPSHOT = xml(SESSION, ALICE, STREAM, SENDS)


def answer_of(commands: list[do.Command]) -> SessionDescription:
    answer = only(commands, do.Answer).sdp
    assert answer is not None
    return answer


def directions(commands: list[do.Command]) -> list[str]:
    return [media.direction.value if media.port else "port 0" for media in answer_of(commands).media]


def test_a_call_from_invite_to_end() -> None:
    play = Playbook()
    assert kinds(play.invite(sdp(*TWO), SNAPSHOT)) == [
        "StartRecording",
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


def test_ARCH_07_streams_are_open_before_the_answer() -> None:
    names = kinds(Playbook().invite(sdp(*TWO)))
    assert names.index("OpenStreams") < names.index("Answer")


def test_ARCH_07_media_on_its_way_at_bye_still_belongs_to_the_call() -> None:
    play = Playbook(SessionSettings(linger_s=0.2))
    play.call()
    play.bye()
    assert play.wait(0.1) == []
    assert "FinishRecording" in kinds(play.wait(0.2))


def test_RSDP_05_labels_come_back_unchanged() -> None:
    lines = [Line(label=label, port=40000 + 2 * index) for index, label in enumerate(("96", "0", "A-1"))]
    answer = answer_of(Playbook().invite(sdp(*lines)))
    assert [media.label for media in answer.media] == ["96", "0", "A-1"]


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


def test_FLD_05_a_call_that_begins_inactive_stores_nothing_until_sendonly() -> None:
    play = Playbook()
    names = kinds(play.call(sdp(Line(direction="inactive"))))
    assert names.index("PauseStream") < names.index("Answer")
    assert kinds(play.reinvite(sdp(Line()))) == ["UpdateStream", "ResumeStream", "Answer"]


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
    commands = Playbook().invite(sdp(Line(protocol="RTP/SAVP")))
    assert kinds(commands) == ["Refuse"]
    refused = only(commands, do.Refuse).refusal
    assert refused.status == 488
    assert dict(refused.headers)["Warning"].startswith("302 ")


def test_ANS_13_a_refused_reinvite_leaves_the_session_as_it_was() -> None:
    play = Playbook()
    play.call()
    before = dict(play.session.streams)
    commands = play.reinvite(sdp(*(Line(protocol="RTP/SAVP"), Line(protocol="RTP/SAVP"))))
    assert only(commands, do.Refuse).refusal.status == 488
    assert play.session.streams == before
    assert play.session.state is State.ACTIVE


def test_MDP_05_metadata_of_a_refused_request_leaves_no_trace() -> None:
    play = Playbook()
    play.call(metadata=SNAPSHOT)
    before = play.session.model
    commands = play.reinvite(sdp(Line()), xml(f'<session session_id="{S2}"/>'))
    assert kinds(commands) == ["Refuse"]
    assert play.session.model == before


@pytest.mark.parametrize("offer", [sdp(), sdp(Line(port=0))])
def test_ANS_14_an_offer_of_nothing_is_answered(offer: bytes) -> None:
    assert "Answer" in kinds(Playbook().invite(offer))


def test_ANS_07_a_call_without_offer_is_refused() -> None:
    commands = Playbook().invite(None, SNAPSHOT)
    assert only(commands, do.Refuse).refusal.status == 488


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


def test_ANS_11_bye_has_an_empty_answer() -> None:
    play = Playbook()
    play.call()
    assert only(play.bye(), do.Answer).sdp is None


@pytest.mark.parametrize("carrier", ["reinvite", "update", "info"])
def test_MDP_01_every_carrier_leads_to_the_same_model(carrier: str) -> None:
    play, reference = Playbook(), Playbook()
    reference.call(metadata=SNAPSHOT)
    play.call()
    if carrier == "info":
        play.info(SNAPSHOT)
    else:
        getattr(play, carrier)(sdp(*TWO), SNAPSHOT)
    assert play.session.model == reference.session.model


def test_MDP_02_metadata_of_a_bye_is_applied_before_the_end() -> None:
    play = Playbook()
    play.call(metadata=SNAPSHOT)
    ended = f'<session session_id="{S1}"><stop-time>2026-11-21T03:16:00Z</stop-time></session>'
    commands = play.bye(xml(ended, mode="partial"))
    assert kinds(commands) == ["metadata.received", "session.model", "Answer"]
    assert play.session.model.sessions[S1].stop_time is not None


def test_MDP_03_a_call_without_metadata_is_recorded() -> None:
    play = Playbook()
    assert "Answer" in kinds(play.call())
    play.update(None, SNAPSHOT)
    assert A in play.session.model.participants


def test_MDP_08_a_first_partial_asks_for_a_snapshot_once() -> None:
    play = Playbook()
    allow = (("Require", "siprec"), ("Allow", "INVITE, UPDATE"))
    partial = xml(SESSION, mode="partial")
    message = request("INVITE", body(sdp(*TWO), partial), headers=allow)
    assert "Answer" in kinds(play.invite(message=message))
    assert kinds(play.ack()) == ["RequestSnapshot"]
    assert "RequestSnapshot" not in kinds(play.update(None, xml(ALICE, mode="partial")))


def test_BODY_06_the_snapshot_request_has_a_type_the_peer_accepts() -> None:
    play = Playbook()
    headers = (
        ("Require", "siprec"),
        ("Allow", "UPDATE"),
        ("Accept", "application/sdp, application/rs-metadata"),
    )
    play.invite(message=request("INVITE", body(sdp(*TWO), xml(SESSION, mode="partial")), headers=headers))
    assert only(play.ack(), do.RequestSnapshot).content_type == "application/rs-metadata"


def test_MDP_17_broken_metadata_never_costs_the_recording() -> None:
    play = Playbook()
    commands = play.call(metadata=b"<recording><not closed")
    assert "Answer" in kinds(commands)
    assert "metadata.received" in kinds(commands)
    assert "can't be read" in str(every(commands, do.AppendEvent))


def test_RS_07_requests_in_the_session_need_no_marks() -> None:
    play = Playbook()
    play.call()
    event = events.UpdateReceived("t", contents(), confirmed=False)
    assert kinds(play.tell(event)) == ["deviation", "Answer"]


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


def test_streams_that_cannot_be_added_are_answered_with_port_0() -> None:
    play = Playbook()
    play.call()
    play.no_ports = True
    commands = play.reinvite(sdp(*TWO, Line(label="3", port=40004)))
    assert directions(commands) == ["recvonly", "recvonly", "port 0"]


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


def test_INV_10_cancel_before_the_answer_keeps_the_log() -> None:
    play = Playbook()
    play.session.state = State.OPENING
    assert only(play.tell(events.CancelReceived()), do.FinishRecording).ending is outcome.GAVE_UP


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


def test_OA_15_an_offer_with_fewer_lines_is_refused() -> None:
    play = Playbook()
    play.call()
    assert only(play.reinvite(sdp(Line())), do.Refuse).refusal.status == 488


def test_Q20_hold_by_the_zero_address() -> None:
    play = Playbook()
    play.call()
    lines = (Line(direction=None), Line(label="2", direction=None))
    assert kinds(play.reinvite(sdp(*lines, address="0.0.0.0"))).count("PauseStream") == 2


def test_requests_after_the_end_get_481() -> None:
    play = Playbook()
    play.call()
    play.bye()
    assert only(play.update(), do.Refuse).refusal.status == 481


@pytest.mark.parametrize("state", State)
def test_the_table_has_a_row_for_each_state(state: State) -> None:
    assert state in TABLE


def test_an_event_that_means_nothing_is_counted() -> None:
    play = Playbook()
    assert play.ack() == []
    assert play.session.unexpected == 1
