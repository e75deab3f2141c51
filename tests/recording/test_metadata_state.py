"""The merge rules, rule by rule, and the documents of RFC 8068 one after the other."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from siprecord.recording.metadata_state import Labels, apply_document, close_all
from siprecord.recording.model import RecordingModel
from siprecord.syntax.metadata import parse_metadata
from tests.support.recorder import uid, xml

EXAMPLES = Path(__file__).parents[1] / "syntax" / "metadata" / "data" / "rfc"
AT = datetime(2026, 11, 21, 3, 15, tzinfo=UTC)
T1, T2, T3 = "2026-11-21T03:00:00Z", "2026-11-21T03:05:00Z", "2026-11-21T03:10:00Z"
S1, S2, ALICE, BOB, X1, X2, G1 = (uid(number) for number in range(1, 8))

R_ALICE, R_BOB, R_CAROL = "srfBElmCRp2QB23b7Mpk0w==", "zSfPoSvdSDCmU3A3TRDxAw==", "Atnm1ZRnOC6Pm5MApkrDzQ=="
R_S1, R_S2 = "hVpd7YQgRW2nD22h7q60JQ==", "bfLZ+NTFEeCNxQTuRyQBmw=="
FROM_ALICE = ("i1Pz3to5hGk8fuXl+PbwCw==", "UAAMm5GRQKSCMVvLyl4rFw==")
FROM_BOB = ("8zc6e0lYTlWIINA6GR+3ag==", "EiXGlc+4TruqqoDaNE76ag==")
FROM_CAROL = ("60JAJm9UTvik0Ltlih/Gzw==", "AcR5FUd3Edi8cACQJy/3JQ==")
LABELS = Labels(by_label={"96": 0, "97": 1, "98": 2, "99": 3})


class Story:
    """Documents applied one after the other, a minute apart."""

    def __init__(self, labels: Labels | None = None) -> None:
        self.model = RecordingModel()
        self.labels = labels or Labels(by_label={"1": 0, "2": 1})
        self.at = AT
        self.notes: list[str] = []

    def tell(self, *elements: str, mode: str | None = "partial") -> Story:
        return self.take(xml(*elements, mode=mode))

    def example(self, number: int) -> Story:
        return self.take((EXAMPLES / f"rfc8068-{number:02}.xml").read_bytes())

    def take(self, document: bytes) -> Story:
        self.at += timedelta(minutes=1)
        merge = apply_document(self.model, parse_metadata(document), self.labels, self.at)
        self.model = merge.model
        self.notes += [note.text for note in merge.deviations]
        return self

    def sends(self, who: str) -> set[str]:
        return set(self.model.current(who, "send"))

    def receives(self, who: str) -> set[str]:
        return set(self.model.current(who, "recv"))


def session(key: str = S1, *children: str) -> str:
    return f'<session session_id="{key}">{"".join(children)}</session>'


def person(key: str, aor: str, name: str = "") -> str:
    inner = f"<name>{name}</name>" if name else ""
    return f'<participant participant_id="{key}"><nameID aor="{aor}">{inner}</nameID></participant>'


def stream(key: str, label: str | None = None, of: str = S1) -> str:
    inner = f"<label>{label}</label>" if label else ""
    return f'<stream stream_id="{key}" session_id="{of}">{inner}</stream>'


def times(start: str | None = None, stop: str | None = None) -> str:
    first = f"<associate-time>{start}</associate-time>" if start else ""
    return first + (f"<disassociate-time>{stop}</disassociate-time>" if stop else "")


def member(
    who: str, start: str | None = None, stop: str | None = None, of: str = S1, *, more: str = ""
) -> str:
    ids = f'participant_id="{who}" session_id="{of}"'
    return f"<participantsessionassoc {ids}>{times(start, stop)}{more}</participantsessionassoc>"


def flow(who: str, send: tuple[str, ...] = (), recv: tuple[str, ...] = ()) -> str:
    inner = "".join(f"<send>{key}</send>" for key in send) + "".join(f"<recv>{key}</recv>" for key in recv)
    return f'<participantstreamassoc participant_id="{who}">{inner}</participantstreamassoc>'


SNAPSHOT = (
    session(S1, f"<start-time>{T1}</start-time>"),
    person(ALICE, "sip:alice@example.com", "Alice"),
    person(BOB, "sip:bob@example.com", "Bob"),
    stream(X1, "1"),
    stream(X2, "2"),
    member(ALICE, T1),
    member(BOB, T1),
    flow(ALICE, (X1,), (X2,)),
    flow(BOB, (X2,), (X1,)),
)


def snapshot() -> Story:
    return Story().tell(*SNAPSHOT, mode="complete")


def test_MRG_01_what_a_complete_document_leaves_out_is_over_and_kept() -> None:
    story = snapshot().tell(session(S2), person(BOB, "sip:bob@example.com"), mode="complete")
    assert story.model.sessions[S1].ended == story.at
    assert story.model.participants[ALICE].names[0].name == "Alice"
    assert story.model.participants[ALICE].ended == story.at
    assert story.model.live_sessions() == (S2,)
    assert story.sends(ALICE) == set()
    assert story.model.senders(X1, ever=True) == (ALICE,)


def test_MRG_02_what_a_partial_document_leaves_out_stays() -> None:
    before = snapshot()
    after = snapshot().tell(flow(ALICE, (), (X2,)))
    assert after.sends(ALICE) == set()
    assert after.model.participants == before.model.participants
    assert after.model.sessions == before.model.sessions
    assert after.sends(BOB) == {X2}


@pytest.mark.parametrize("mode", [None, "complete"])
def test_META_04_no_mode_means_complete(mode: str | None) -> None:
    story = snapshot().tell(session(S2), mode=mode)
    assert story.model.live_sessions() == (S2,)


def test_MRG_04_a_child_that_is_present_replaces_and_an_absent_one_stays() -> None:
    story = snapshot().tell(session(S1, f"<group-ref>{G1}</group-ref>"))
    story.tell(session(S1, "<sipSessionID>a;remote=b</sipSessionID>"))
    known = story.model.sessions[S1]
    assert (known.group_ref, known.sip_session_ids) == (G1, ("a;remote=b",))
    assert known.start_time is not None


def test_MRG_04_a_complete_document_clears_absent_children() -> None:
    story = snapshot().tell(session(S1), mode="complete")
    assert story.model.sessions[S1].start_time is None


def test_MRG_05_repeatable_children_are_replaced_as_a_set() -> None:
    one, two = "<sipSessionID>a;remote=b</sipSessionID>", "<sipSessionID>c;remote=d</sipSessionID>"
    story = snapshot().tell(session(S1, one, two)).tell(session(S1, two))
    assert story.model.sessions[S1].sip_session_ids == ("c;remote=d",)


def test_MRG_06_send_and_recv_are_replaced_whole() -> None:
    story = snapshot().tell(flow(ALICE, (X2,)))
    assert (story.sends(ALICE), story.receives(ALICE)) == ({X2}, set())


def test_META_58_an_empty_association_clears_both() -> None:
    story = snapshot().tell(flow(ALICE))
    assert (story.sends(ALICE), story.receives(ALICE)) == (set(), set())


def test_MRG_07_a_disassociate_time_closes_and_keeps_the_start() -> None:
    story = snapshot().tell(member(ALICE, None, T2))
    (interval,) = story.model.memberships[ALICE, S1].intervals
    assert (str(interval.start), str(interval.stop)) == (
        "2026-11-21 03:00:00+00:00",
        "2026-11-21 03:05:00+00:00",
    )
    assert not interval.open


def test_MRG_08_a_new_associate_time_opens_a_second_interval() -> None:
    story = snapshot().tell(member(ALICE, None, T2)).tell(member(ALICE, T3))
    intervals = story.model.memberships[ALICE, S1].intervals
    assert [interval.open for interval in intervals] == [False, True]


def test_MRG_08_whoever_rejoins_sends_again_only_when_said() -> None:
    story = snapshot().tell(member(ALICE, None, T2)).tell(member(ALICE, T3))
    assert story.sends(ALICE) == set()
    assert story.tell(flow(ALICE, (X1,), (X2,))).sends(ALICE) == {X1}


def test_MRG_09_a_stop_time_takes_everybody_out() -> None:
    story = snapshot().tell(session(S1, f"<stop-time>{T2}</stop-time>"))
    assert not any(membership.open for membership in story.model.memberships.values())
    assert story.model.live_sessions() == ()


def test_MRG_10_who_leaves_the_only_session_sends_nothing() -> None:
    story = snapshot().tell(member(ALICE, None, T2))
    assert (story.sends(ALICE), story.receives(ALICE)) == (set(), set())
    assert story.sends(BOB) == {X2}


def test_MRG_11_nothing_ever_disappears() -> None:
    story = snapshot().tell(mode="complete")
    assert set(story.model.participants) == {ALICE, BOB}
    assert set(story.model.streams) == {X1, X2}


def test_MRG_12_unknown_references_become_placeholders_and_resolve_later() -> None:
    story = Story().tell(session(S1), flow(ALICE, (X1,)), mode="complete")
    assert story.model.streams[X1].placeholder
    assert story.model.participants[ALICE].placeholder
    story.tell(stream(X1, "1"), person(ALICE, "sip:alice@example.com"))
    assert not story.model.streams[X1].placeholder
    assert story.model.streams[X1].mline == 0
    assert story.sends(ALICE) == {X1}


def test_MRG_13_a_stream_may_be_bound_anew_and_remembers() -> None:
    story = snapshot().tell(stream(X1, "2", of=S2))
    assert [binding.label for binding in story.model.streams[X1].bindings] == ["1", "2"]
    assert story.model.streams[X1].session_id == S2


def test_MRG_14_an_unknown_id_in_a_partial_is_new() -> None:
    assert uid(9) in snapshot().tell(person(uid(9), "sip:carol@example.com")).model.participants


def test_MRG_18_each_document_twice_is_the_same_as_once() -> None:
    document = xml(
        member(ALICE, None, T2), flow(BOB, (X2,)), session(S1, f"<stop-time>{T3}</stop-time>"), mode="partial"
    )
    once = snapshot().take(document)
    again = apply_document(once.model, parse_metadata(document), once.labels, once.at)
    assert again.model == once.model


PEOPLE = (ALICE, BOB)
MEMBERS = [
    member(who, start, stop, of)
    for who, of in product(PEOPLE, (S1, S2))
    for start, stop in ((None, None), (None, T3), (T1, None), (T2, T3))
]
FLOWS = [flow(who, *lists) for who in PEOPLE for lists in product(((), (X1,), (X1, X2)), ((), (X2,)))]
ELEMENTS = st.sampled_from(
    [
        session(),
        session(S1, f"<stop-time>{T3}</stop-time>"),
        session(S2, f"<group-ref>{G1}</group-ref>"),
        person(ALICE, "sip:alice@example.com"),
        stream(X1, "1"),
        stream(X2, "7"),
        stream(X2),
        *MEMBERS,
        *FLOWS,
    ]
)


def opening(element: str) -> str:
    return element.partition(">")[0]


# What one document says twice about one thing, and differently, has no meaning to be kept.
DOCUMENTS = st.tuples(
    st.lists(ELEMENTS, max_size=5, unique_by=opening), st.sampled_from(["partial", "complete"])
)


@given(st.lists(DOCUMENTS, max_size=4), DOCUMENTS)
def test_MRG_18_idempotence_holds_for_any_history(
    history: list[tuple[list[str], str]], last: tuple[list[str], str]
) -> None:
    story = Story()
    for elements, mode in history:
        story.tell(*elements, mode=mode)
    before = set(story.model.participants), set(story.model.streams), set(story.model.sessions)
    story.tell(*last[0], mode=last[1])
    document = parse_metadata(xml(*last[0], mode=last[1]))
    again = apply_document(story.model, document, story.labels, story.at)
    assert again.model == story.model
    after = set(story.model.participants), set(story.model.streams), set(story.model.sessions)
    assert all(old <= new for old, new in zip(before, after, strict=True))


def test_MRG_20_nothing_is_open_after_the_end() -> None:
    story = snapshot().tell(session(S1, f"<stop-time>{T2}</stop-time>"))
    model = close_all(story.model, story.at)
    assert not any(membership.open for membership in model.memberships.values())
    assert not any(intervals[-1].open for intervals in model.flows.values())
    assert all(participant.ended for participant in model.participants.values())
    assert all(stream.ended for stream in model.streams.values())


def test_MDP_07_a_second_snapshot_is_the_new_base() -> None:
    story = snapshot().tell(person(ALICE, "sip:other@example.com"))
    story.tell(session(S2), mode="complete").tell(stream(X1, "1", of=S2))
    assert story.model.live_sessions() == (S2,)
    assert story.model.participants[ALICE].ended is not None


def test_MDP_18_ids_nobody_defined_are_no_error() -> None:
    assert Story().tell(stream(X1, "1", of=S2), mode="complete").model.sessions[S2].placeholder


def test_MDP_19_labels_mean_the_lines_of_their_own_message() -> None:
    story = snapshot()
    story.labels = Labels(by_label={"2": 0, "1": 1})
    story.tell(stream(X1, "2"), stream(X2, "1"))
    assert (story.model.streams[X1].mline, story.model.streams[X2].mline) == (0, 1)


def test_MDP_20_labels_without_sdp_use_the_last_sdp_and_are_noted() -> None:
    story = Story(Labels(by_label={"1": 0}, borrowed=True)).tell(stream(X1, "1"), mode="complete")
    assert story.model.streams[X1].mline == 0
    assert any("came without SDP" in note for note in story.notes)


def test_MDP_22_a_stream_that_is_not_delivered_is_kept() -> None:
    story = Story().tell(session(), stream(X1, "video-1"), mode="complete")
    assert story.model.streams[X1].mline is None
    assert any("video-1" in note for note in story.notes)


def test_Q15_without_labels_order_binds_and_says_so() -> None:
    story = Story(Labels(unlabelled=(0, 1))).tell(session(), stream(X1), stream(X2), mode="complete")
    assert [story.model.streams[key].mline for key in (X1, X2)] == [0, 1]
    assert any("by order" in note for note in story.notes)


def test_META_76_one_id_for_two_things_is_noted() -> None:
    story = Story().tell(session(X1), stream(X1, "1", of=X1), mode="complete")
    assert any("two different kinds" in note for note in story.notes)


def test_several_associations_of_one_participant_add_up() -> None:
    story = Story().tell(session(), flow(ALICE, (X1,)), flow(ALICE, (), (X2,)), mode="complete")
    assert (story.sends(ALICE), story.receives(ALICE)) == ({X1}, {X2})


def test_META_54_params_are_kept() -> None:
    story = snapshot().tell(member(ALICE, more='<param pname="isfocus" pval="true"/>'))
    assert story.model.memberships[ALICE, S1].params == (("isfocus", "true"),)


def test_META_49_a_session_may_be_recorded_in_several_intervals() -> None:
    def recorded(start: str | None, stop: str | None) -> str:
        return f'<sessionrecordingassoc session_id="{S1}">{times(start, stop)}</sessionrecordingassoc>'

    story = snapshot().tell(recorded(T1, None)).tell(recorded(None, T2)).tell(recorded(T3, None))
    assert [span.open for span in story.model.sessions[S1].recorded] == [False, True]


# ---- RFC 8068 ------------------------------------------------------------------------------------


def rfc(*numbers: int) -> Story:
    story = Story(LABELS)
    for number in numbers:
        story.example(number)
    return story


def test_FLOW_02_basic_call() -> None:
    story = rfc(1)
    model = story.model
    assert [model.streams[key].mline for key in (*FROM_ALICE[::-1], *FROM_BOB)] == [0, 1, 2, 3]
    assert story.sends(R_ALICE) == set(FROM_ALICE)
    assert story.receives(R_BOB) == set(FROM_ALICE)
    group = model.sessions[R_S1].group_ref
    assert group is not None
    assert model.groups[group].extensions


def test_FLOW_03_hold() -> None:
    before, story = rfc(1), rfc(1, 2)
    assert (story.sends(R_ALICE), story.receives(R_ALICE)) == (set(), set(FROM_BOB))
    assert (story.sends(R_BOB), story.receives(R_BOB)) == (set(FROM_BOB), set())
    assert story.model.participants == before.model.participants


def test_FLOW_04_resume() -> None:
    story = rfc(1, 2, 3)
    assert (story.sends(R_ALICE), story.receives(R_BOB)) == (set(FROM_ALICE), set(FROM_ALICE))
    assert [span.open for span in story.model.flows[R_ALICE, FROM_ALICE[0], "send"]] == [False, True]


def test_FLOW_05_transfer_within_the_session() -> None:
    story = rfc(1, 4)
    known = story.model.sessions[R_S1]
    assert known.group_ref is not None
    assert len(known.sip_session_ids) == 1
    assert known.sip_session_ids[0].startswith("3363127f")
    assert all(story.model.streams[key].placeholder for key in FROM_CAROL)
    assert story.sends(R_CAROL) == set(FROM_CAROL)
    assert not story.model.memberships[R_ALICE, R_S1].open
    assert story.sends(R_ALICE) == set()


def test_FLOW_06_FLOW_07_transfer_to_a_new_session() -> None:
    story = rfc(1, 5)
    assert story.model.live_sessions() == ()
    story.example(6)
    assert story.model.live_sessions() == (R_S2,)
    assert story.model.sessions[R_S1].stop_time is not None
    assert story.model.streams[FROM_CAROL[0]].mline == 0
    assert story.sends(R_BOB) == set(FROM_BOB)
    assert story.model.streams[FROM_BOB[0]].session_id == R_S2


def test_FLOW_09_disconnect() -> None:
    story = rfc(1, 7)
    assert story.model.sessions[R_S1].stop_time is not None
    assert not any(membership.open for membership in story.model.memberships.values())


def test_FLOW_10_FLOW_12_mixed_call_with_hold_and_resume() -> None:
    mixed = FROM_ALICE[0]
    story = rfc(8)
    assert set(story.model.senders(mixed)) == {R_ALICE, R_BOB}
    story.example(9)
    assert (story.sends(R_ALICE), story.receives(R_ALICE)) == (set(), {mixed})
    assert (story.sends(R_BOB), story.receives(R_BOB)) == ({mixed}, set())
    assert len(story.model.streams) == 1
    story.example(10)
    assert set(story.model.senders(mixed)) == {R_ALICE, R_BOB}


def test_FLOW_13_FLOW_14_a_participant_joins_and_another_drops() -> None:
    story = rfc(8, 11)
    assert len(story.model.sessions[R_S1].sip_session_ids) == 3
    assert story.model.sessions[R_S1].start_time is not None
    assert len(story.model.participants) == 3
    story.example(12)
    assert len(story.model.sessions[R_S1].sip_session_ids) == 2
    (interval,) = story.model.memberships[R_ALICE, R_S1].intervals
    assert interval.start is not None
    assert interval.stop is not None
    assert story.sends(R_ALICE) == set()
    assert story.sends(R_CAROL) == {FROM_ALICE[0]}


def test_FLOW_15_FLOW_16_the_session_ends_and_the_recording_goes_on() -> None:
    assert rfc(8, 13).model.live_sessions() == ()


def test_FLOW_17_a_turret_with_two_sessions() -> None:
    story = rfc(14)
    assert len(story.model.live_sessions()) == 2
    assert len(story.model.senders(FROM_ALICE[1])) == 3
    assert (
        sum(membership.open for (who, _), membership in story.model.memberships.items() if who == R_BOB) == 2
    )
