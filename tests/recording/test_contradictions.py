"""Where SDP and metadata disagree: noted, and everything is recorded."""

from __future__ import annotations

from tests.support.recorder import TWO, Line, Playbook, sdp, uid, xml

S1, A, X1, X2 = uid(1), uid(3), uid(4), uid(5)
SESSION = f'<session session_id="{S1}"/>'
ALICE = f'<participant participant_id="{A}"><nameID aor="sip:alice@example.com"/></participant>'


def stream(key: str, label: str) -> str:
    return f'<stream stream_id="{key}" session_id="{S1}"><label>{label}</label></stream>'


def noted(offer: bytes, *elements: str) -> list[str]:
    play = Playbook()
    play.call(offer, xml(SESSION, ALICE, *elements))
    assert play.session.streams
    return [each.text for each in play.session.knowledge.deviations]


def has(texts: list[str], part: str) -> bool:
    return any(part in text for text in texts)


def test_two_streams_on_one_line() -> None:
    assert has(
        noted(sdp(Line()), stream(X1, "1"), stream(X2, "1")), "2 streams of the metadata name m-line 1"
    )


def test_a_line_the_metadata_leaves_out() -> None:
    assert has(noted(sdp(*TWO), stream(X1, "1")), "m-line 2 (label 2), which the metadata doesn't mention")


def test_a_label_no_line_has() -> None:
    assert has(noted(sdp(Line()), stream(X1, "7"), stream(X2, "1")), "names label 7, but no m-line has it")


def test_a_sender_on_a_line_that_receives() -> None:
    sends = f'<participantstreamassoc participant_id="{A}"><send>{X1}</send></participantstreamassoc>'
    offer = sdp(Line(direction="recvonly"), Line(label="2", port=40002))
    assert has(noted(offer, stream(X1, "1"), stream(X2, "2"), sends), "offers it as recvonly")


def test_META_76_one_participant_twice() -> None:
    assert has(noted(sdp(Line()), ALICE, stream(X1, "1")), f"lists participant {A} twice")


def test_what_agrees_is_not_noted() -> None:
    sends = f'<participantstreamassoc participant_id="{A}"><send>{X1}</send></participantstreamassoc>'
    assert noted(sdp(*TWO), stream(X1, "1"), stream(X2, "2"), sends) == []


def test_ids_that_refer_to_each_other_in_a_circle() -> None:
    circle = (
        f'<group group_id="{S1}"/><stream stream_id="{A}" session_id="{A}"><label>1</label></stream>'
        f'<participantstreamassoc participant_id="{A}"><send>{A}</send><recv>{A}</recv>'
        "</participantstreamassoc>"
    )
    assert has(noted(sdp(Line()), circle), f"The id {A} is used for two different kinds of element")
