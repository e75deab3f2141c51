"""Rows of the conformance list on the metadata model and on offers, played in virtual time."""

from __future__ import annotations

import pytest

from siprecord.recording import commands as do
from siprecord.recording.plan import PlanSettings
from siprecord.recording.session_parts import SessionSettings
from tests.support.recorder import TWO, Line, Playbook, every, kinds, only, sdp, uid, xml

S1, S2, A, B, X1, X2, G1, G2 = (uid(number) for number in range(1, 9))
T1, T2 = "2026-11-21T03:00:00Z", "2026-11-21T03:05:00Z"


def session(key: str = S1, inner: str = "") -> str:
    return f'<session session_id="{key}">{inner}</session>'


def person(key: str = A, aor: str = "sip:alice@example.com", more: str = "") -> str:
    return f'<participant participant_id="{key}"><nameID aor="{aor}"/>{more}</participant>'


def stream(key: str = X1, label: str = "1", of: str = S1) -> str:
    return f'<stream stream_id="{key}" session_id="{of}"><label>{label}</label></stream>'


def flow(who: str = A, send: str = X1, more: str = "") -> str:
    return (
        f'<participantstreamassoc participant_id="{who}"><send>{send}</send>{more}</participantstreamassoc>'
    )


def called(*elements: str, offer: bytes | None = None) -> Playbook:
    play = Playbook()
    play.call(offer or sdp(*TWO), xml(*elements))
    return play


def test_META_43_a_session_moves_to_another_group() -> None:
    play = called(f'<group group_id="{G1}"/>', session(inner=f"<group-ref>{G1}</group-ref>"))
    play.update(None, xml(session(inner=f"<group-ref>{G2}</group-ref>"), mode="partial"))
    assert play.session.model.sessions[S1].group_ref == G2
    assert set(play.session.model.groups) == {G1, G2}


def test_META_47_a_group_may_be_described_later() -> None:
    play = called(session(inner=f"<group-ref>{G1}</group-ref>"))
    assert play.session.model.groups[G1].placeholder
    play.update(
        None, xml(f'<group group_id="{G1}"><associate-time>{T1}</associate-time></group>', mode="partial")
    )
    assert not play.session.model.groups[G1].placeholder


def test_META_48_MRG_20_a_session_without_times_is_closed_by_the_end() -> None:
    play = called(session(), person())
    play.bye()
    play.wait(1)
    assert play.session.model.sessions[S1].ended is not None


def test_META_51_people_without_a_session_are_kept() -> None:
    assert called(person(), person(B, "sip:focus@example.com")).session.model.participants.keys() == {A, B}


def test_META_52_one_person_in_two_sessions_is_one() -> None:
    member = f'<participantsessionassoc participant_id="{A}" session_id="%s"/>'
    play = called(session(S1), session(S2), person(), member % S1, member % S2)
    assert list(play.session.model.participants) == [A]
    assert len(play.session.model.memberships) == 2


def test_META_53_extension_data_is_in_the_log() -> None:
    play = called(session(), person(more='<x:role xmlns:x="urn:x">agent</x:role>'))
    model = [each for each in every(play.transcript, do.AppendEvent) if each.name == "session.model"][-1]
    people = model.fields["participants"]
    assert isinstance(people, list)
    assert "agent" in people[0]["extensions"][0]


def test_META_55_Q17_RSDP_09_ARCH_09_one_line_sent_by_two() -> None:
    play = called(session(), person(), person(B, "sip:bob@b"), stream(), flow(A), flow(B), offer=sdp(Line()))
    assert set(play.session.model.senders(X1)) == {A, B}
    assert len(play.session.streams) == 1


def test_META_57_RSDP_22_what_a_stream_shows_stands_in_the_sdp() -> None:
    play = called(session(), stream(), offer=sdp(Line(more=("a=content:slides",))))
    assert play.session.model.streams[X1].content == "slides"


def test_META_59_when_somebody_begins_to_send() -> None:
    play = called(session(), person(), stream(), flow(more=f"<associate-time>{T1}</associate-time>"))
    (interval,) = play.session.model.flows[A, X1, "send"]
    assert interval.start is not None
    assert interval.start.isoformat() == "2026-11-21T03:00:00+00:00"


def test_META_60_the_codec_is_that_of_the_sdp() -> None:
    play = called(session(), stream(), offer=sdp(Line(formats="8")))
    play.reinvite(sdp(Line(formats="0"), version=2))
    assert play.session.streams[0].formats == ("0",)


def test_META_77_one_id_in_two_roles_in_unrelated_recordings() -> None:
    first, second = called(session(), person(A)), called(session(), stream(A))
    for play in (first, second):
        assert not any("two different kinds" in each.text for each in play.session.knowledge.deviations)


def test_MRG_03_each_kind_has_its_key() -> None:
    play = called(session(), person(), stream())
    play.update(None, xml(person(A, "sip:new@b"), stream(X1, "2"), mode="partial"))
    model = play.session.model
    assert model.participants[A].names[0].aor == "sip:new@b"
    assert model.streams[X1].label == "2"
    assert list(model.sessions) == [S1]


def test_MRG_15_extensions_stay_until_others_come() -> None:
    play = called(session(), person(more='<x:a xmlns:x="urn:x">1</x:a>'))
    play.update(None, xml(person(), mode="partial"))
    assert len(play.session.model.participants[A].extensions) == 1


def test_MRG_17_both_clocks_are_kept() -> None:
    ids = f'participant_id="{A}" session_id="{S1}"'
    times = f"<associate-time>{T1}</associate-time>"
    member = f"<participantsessionassoc {ids}>{times}</participantsessionassoc>"
    play = called(session(), person(), member)
    (interval,) = play.session.model.memberships[A, S1].intervals
    assert interval.start is not None
    assert interval.seen > interval.start


def test_MRG_19_a_bad_element_hides_no_other() -> None:
    play = called(session(), person())
    bad = "<stream><label>1</label></stream><participant/>"
    play.update(None, xml(bad, session(inner=f"<stop-time>{T2}</stop-time>"), mode="partial"))
    assert play.session.model.sessions[S1].stop_time is not None


def test_RSDP_14_OA_18_a_hold_told_by_metadata_goes_on_recording() -> None:
    play = called(session(), person(), stream(), flow())
    commands = play.update(None, xml(f'<participantstreamassoc participant_id="{A}"/>', mode="partial"))
    assert "PauseStream" not in kinds(commands)
    assert play.session.model.senders(X1) == ()


def test_SDP_16_a_refused_line_may_hold_anything() -> None:
    garbage = Line(label="9", port=0, formats="xyz", more=("a=rtpmap:nonsense", "a=fmtp"))
    answer = only(Playbook().invite(sdp(Line(), garbage)), do.Answer).sdp
    assert answer is not None
    assert [bool(line.port) for line in answer.media] == [True, False]


def test_OA_09_a_payload_type_that_changes_its_meaning() -> None:
    play = Playbook()
    play.call(sdp(Line(formats="96", more=("a=rtpmap:96 opus/48000/2",))))
    commands = play.reinvite(sdp(Line(formats="96", more=("a=rtpmap:96 AMR/8000",)), version=2))
    assert only(commands, do.UpdateStream).plan.payloads["96"]["encoding"] == "AMR"


def test_OA_16_a_line_that_becomes_another_kind_closes_its_track() -> None:
    play = Playbook()
    play.call(sdp(*TWO))
    fax = Line(label="2", port=40002, kind="image", protocol="udptl", formats="t38")
    commands = play.reinvite(sdp(Line(), fax, version=2))
    assert only(commands, do.CloseStream).mline == 1


def test_OA_20_two_alike_lines_are_two_streams() -> None:
    assert len(called(session()).session.streams) == 2


def test_OA_14_a_line_with_port_0_is_closed_and_stays_closed() -> None:
    play = Playbook()
    play.call(sdp(*TWO))
    assert "CloseStream" in kinds(play.reinvite(sdp(Line(port=0), Line(label="2", port=40002), version=2)))
    assert list(play.session.streams) == [1]


def test_FLD_06_masking_by_inactive() -> None:
    play = Playbook()
    play.call(sdp(*TWO))
    quiet = (Line(direction="inactive"), Line(label="2", port=40002, direction="inactive"))
    commands = play.reinvite(sdp(*quiet))
    answer = only(commands, do.Answer).sdp
    assert answer is not None
    assert {line.direction.value for line in answer.media} == {"inactive"}
    assert len(every(commands, do.PauseStream)) == 2


@pytest.mark.parametrize("label", [None, "x"])
def test_FLD_11_Q15_without_metadata_or_label_it_is_recorded(label: str | None) -> None:
    play = Playbook()
    play.call(sdp(Line(label=label)))
    assert len(play.session.streams) == 1


def test_RSDP_08_two_hundred_lines_are_bounded() -> None:
    lines = [Line(label=str(number), port=20000 + 2 * number) for number in range(200)]
    play = Playbook(SessionSettings(plan=PlanSettings(max_streams=64)))
    answer = only(play.call(sdp(*lines)), do.Answer).sdp
    assert answer is not None
    assert len(answer.media) == 200
    assert sum(1 for line in answer.media if line.port) == 64


def test_Q46_sides_are_never_invented() -> None:
    play = called(session(), person(), person(B, "sip:bob@b"), stream(X1, "1"), stream(X2, "2"))
    assert play.session.model.flows == {}
    assert "Q46" in {each.reference for each in play.session.knowledge.deviations}


def test_Q47_a_placeholder_is_replaced_and_kept() -> None:
    play = called(session(), person("1", ""))
    play.update(None, xml(session(), person(A)))
    assert play.session.model.participants["1"].ended is not None
    assert play.session.model.participants[A].ended is None


def test_ARCH_08_Q33_every_codec_that_can_be_stored_is_answered() -> None:
    maps = ("a=rtpmap:96 opus/48000/2", "a=rtpmap:101 telephone-event/8000")
    offer = sdp(Line(formats="0 8 9 18 96 101", more=maps))
    answer = only(Playbook().invite(offer), do.Answer).sdp
    assert answer is not None
    assert answer.media[0].formats == ("0", "8", "9", "18", "96", "101")
