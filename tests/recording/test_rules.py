"""Rules of the operator, and pauses that end by themselves."""

from __future__ import annotations

import re

import pytest

from siprecord.recording import commands as do
from siprecord.recording import events
from siprecord.recording.contents import read_contents
from siprecord.recording.identity import identify
from siprecord.recording.policy import read_signs
from siprecord.recording.rules import Aspects, Rule, Verdict, aspects_of, fits, judge, participant_pattern
from siprecord.recording.session_parts import SessionSettings, State
from tests.support.recorder import FLOW, TWO, Playbook, every, kinds, only, sdp
from tests.support.vendor_messages import FREESWITCH, ORACLE

ASPECTS = Aspects(
    trunk="sbc",
    vendor="oracle",
    participants=frozenset({"49301234", "alice@example.com"}),
    headers={"X-Department": ("hr", "sales")},
)


@pytest.mark.parametrize(
    ("rule", "fitting"),
    [
        (Rule(name="all"), True),
        (Rule(name="trunk", trunks=("other", "sbc")), True),
        (Rule(name="trunk", trunks=("other",)), False),
        (Rule(name="vendor", vendors=("avaya",)), False),
        (Rule(name="who", participants=(participant_pattern("tel:+49 30*"),)), True),
        (Rule(name="who", participants=(participant_pattern("sip:Alice@Example.com"),)), True),
        (Rule(name="who", participants=(participant_pattern("*@example.org"),)), False),
        (Rule(name="header", headers={"X-Department": re.compile("^sales$")}), True),
        (Rule(name="header", headers={"X-Department": re.compile("^it$")}), False),
        (Rule(name="header", headers={"X-Missing": re.compile("")}), False),
        (Rule(name="both", trunks=("sbc",), vendors=("avaya",)), False),
    ],
)
def test_what_a_rule_names_must_hold(rule: Rule, fitting: bool) -> None:
    assert fits(rule, ASPECTS) is fitting


def test_the_first_rule_that_fits_decides() -> None:
    rules = (Rule(name="a", trunks=("x",)), Rule(name="b", action="mask"), Rule(name="c", action="refuse"))
    assert judge(rules, ASPECTS) == Verdict(action="mask", rule="b")
    assert judge((), ASPECTS) == Verdict()


def test_RESP_21_a_route_is_a_redirection() -> None:
    verdict = judge((Rule(name="r", action="route", route="sip:other@192.0.2.9"),), ASPECTS)
    assert verdict.refusal is not None
    assert verdict.refusal.status == 302
    assert verdict.refusal.headers == (("Contact", "<sip:other@192.0.2.9>;+sip.srs"),)


def told(play: Playbook, *rules: Rule, vendor: object = ORACLE) -> list[do.Command]:
    message = vendor.invite()  # type: ignore[attr-defined]
    contents = read_contents(message)
    verdict = judge(rules, aspects_of(contents, "sbc", {}))
    event = events.InviteReceived("t", identify(message, FLOW), contents, read_signs(message), verdict)
    return play.tell(event)


def test_a_refused_call_leaves_nothing() -> None:
    play = Playbook()
    commands = told(play, Rule(name="no-alice", action="refuse", participants=("alice@*",), status=480))
    assert kinds(commands) == ["Refuse"]
    assert only(commands, do.Refuse).refusal.status == 480
    assert play.session.state is State.ENDED


def test_a_masked_call_stores_nothing_until_resumed() -> None:
    play = Playbook()
    commands = told(play, Rule(name="quiet", action="mask"))
    assert kinds(commands)[:2] == ["StartRecording", "rule.applied"]
    assert [each.cause for each in every(commands, do.PauseStream)] == ["pause", "pause"]
    play.ack()
    play.wait(2000)
    assert not every(play.transcript, do.ResumeStream)
    assert len(every(play.tell(events.ResumeRequested()), do.ResumeStream)) == 2


def test_Q54_sides_are_swapped_by_a_rule() -> None:
    play = Playbook()
    told(play, Rule(name="swap", swap_sides=True), vendor=FREESWITCH)
    (event,) = [each for each in every(play.transcript, do.AppendEvent) if each.name == "call.identity"]
    sides = event.fields["sides"]
    assert isinstance(sides, dict)
    assert sides["caller"]["aor"] == FREESWITCH.expected.callee
    assert "swapped" in sides["decided_from"]


# ---- pauses --------------------------------------------------------------------------------------


def paused(seconds: float | None, longest: float = 100) -> Playbook:
    play = Playbook(SessionSettings(pause_max_s=longest, media_timeout_s=0))
    play.call(sdp(*TWO))
    assert len(every(play.tell(events.PauseRequested(seconds)), do.PauseStream)) == 2
    return play


@pytest.mark.parametrize(("seconds", "lasts"), [(None, 100), (10, 10), (1000, 100)])
def test_Q78_a_pause_ends_by_itself(seconds: float | None, lasts: float) -> None:
    play = paused(seconds)
    assert play.wait(lasts - 0.1) == []
    assert kinds(play.wait(0.2)) == ["ResumeStream", "ResumeStream"]
    assert not play.session.paused


def test_Q36_pausing_again_begins_the_time_anew() -> None:
    play = paused(10)
    play.wait(9)
    assert play.tell(events.PauseRequested(10)) == []
    assert play.wait(9) == []
    assert kinds(play.wait(2)) == ["ResumeStream", "ResumeStream"]


def test_a_pause_without_limit_stays() -> None:
    assert paused(None, longest=0).wait(1e6) == []


def test_a_resume_of_ours_does_not_lift_a_hold_of_theirs() -> None:
    play = paused(10)
    play.reinvite(sdp(*TWO).replace(b"sendonly", b"inactive"))
    assert "ResumeStream" not in kinds(play.wait(20))
