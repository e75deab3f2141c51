"""Rules that come to fit while a call runs: they may take away, never give back."""

from __future__ import annotations

import re

import pytest

from siprecord.recording import commands as do
from siprecord.recording import events
from siprecord.recording.contents import read_contents
from siprecord.recording.identity import identify
from siprecord.recording.model import Moment
from siprecord.recording.policy import PolicySettings, read_signs
from siprecord.recording.rules import Rule, aspects_of, judge, participant_pattern
from siprecord.recording.session import RecordingSession
from siprecord.recording.session_parts import SessionSettings, State
from tests.support.recorder import FLOW, START, TWO, Line, Playbook, body, contents, every, only, request, sdp
from tests.support.vendors import document

CAROL = document().replace(b"bob@example.com", b"carol@example.com")


def rule(name: str, **values: object) -> Rule:
    return Rule(name=name, participants=(participant_pattern("carol@*"),), **values)  # type: ignore[arg-type]


def call(*rules: Rule, first: bytes | None = None, ack: bool = True) -> Playbook:
    play = Playbook(SessionSettings(policy=PolicySettings(rules=rules), media_timeout_s=0))
    message = request("INVITE", body(sdp(*TWO), first or document()))
    read = read_contents(message)
    verdict = judge(rules, aspects_of(read, "", {}))
    play.tell(events.InviteReceived("t", identify(message, FLOW), read, read_signs(message), verdict))
    if ack:
        play.ack()
    return play


def applied(play: Playbook) -> list[tuple[object, object]]:
    rows = [each for each in every(play.transcript, do.AppendEvent) if each.name == "rule.applied"]
    return [(each.fields["rule"], each.fields["late"]) for each in rows]


@pytest.mark.parametrize("way", ["update", "info", "reinvite"])
def test_who_joins_masks_the_call_before_anything_else_is_done(way: str) -> None:
    play = call(rule("quiet", action="mask"))
    offer = (sdp(*TWO, version=2),) if way == "reinvite" else ()
    commands = getattr(play, way)(*offer, metadata=CAROL)
    assert [type(each) for each in commands[:2]] == [do.PauseStream, do.PauseStream]
    assert len(every(commands, do.Answer)) == 1
    assert applied(play) == [("quiet", True)]
    assert play.session.paused


def test_a_resume_of_ours_is_not_undone_by_the_same_rule() -> None:
    play = call(rule("quiet", action="mask"))
    play.update(metadata=CAROL)
    assert len(every(play.tell(events.ResumeRequested()), do.ResumeStream)) == 2
    assert not every(play.update(metadata=CAROL), do.PauseStream)


def test_a_rule_acts_once_also_when_another_one_fits_in_between() -> None:
    bob = Rule(name="bob", participants=(participant_pattern("bob@*"),))
    play = call(rule("quiet", action="mask"), bob)
    play.update(metadata=CAROL)
    play.tell(events.ResumeRequested())
    play.update(metadata=document())
    assert not every(play.update(metadata=CAROL), do.PauseStream)
    assert applied(play) == [("bob", False), ("quiet", True)]


def test_who_joins_ends_the_call_after_the_answer() -> None:
    play = call(rule("no-carol", action="refuse"))
    commands = play.update(metadata=CAROL)
    assert [type(each) for each in commands[-2:]] == [do.Answer, do.SendBye]
    assert "no-carol" in only(commands, do.SendBye).reason
    assert play.session.state is State.ENDING


def test_the_bye_waits_for_the_ack() -> None:
    play = call(rule("no-carol", action="refuse"), ack=False)
    assert not every(play.update(metadata=CAROL), do.SendBye)
    assert len(every(play.ack(), do.SendBye)) == 1


def test_a_rule_that_routes_is_told_and_the_recording_goes_on() -> None:
    play = call(rule("elsewhere", action="route", route="sip:other@example.com"))
    play.update(metadata=CAROL)
    assert applied(play) == [("elsewhere", True)]
    assert play.session.state is State.ACTIVE


def test_a_later_verdict_gives_nothing_back() -> None:
    play = call(rule("open", digits="kept"), Rule(name="closed", action="mask", digits="masked"))
    commands = play.update(metadata=CAROL)
    assert not every(commands, do.ResumeStream)
    assert not every(commands, do.UpdateStream)
    assert play.session.paused
    assert play.session.exchange.masks_digits


def test_keys_are_masked_on_streams_that_are_open_and_on_those_to_come() -> None:
    play = call(rule("pays", digits="masked"), Rule(name="all", digits="kept"))
    assert not any(plan.mask_digits for plan in play.session.streams.values())
    commands = play.update(metadata=CAROL)
    assert [each.plan.mask_digits for each in every(commands, do.UpdateStream)] == [True, True]
    third = play.reinvite(sdp(*TWO, Line(label="3", port=40004), version=2))
    assert only(third, do.OpenStreams).plans[0].mask_digits
    policies = [each for each in every(play.transcript, do.AppendEvent) if each.name == "digits.policy"]
    assert [each.fields["why"] for each in policies] == ["rule all", "rule pays"]


def test_a_header_of_any_request_counts() -> None:
    headers = {"X-Queue": re.compile("pin"), "X-A": re.compile("b")}
    play = call(Rule(name="pin", action="mask", headers=headers))
    info = events.InfoReceived("t-info", contents(), {"X-A": ("b",)})
    assert not every(play.tell(info), do.PauseStream)
    info = events.InfoReceived("t-info", contents(), {"X-Queue": ("pin",)})
    assert len(every(play.tell(info), do.PauseStream)) == 2


def test_another_life_knows_the_rule_and_the_headers() -> None:
    play = call(rule("pays", digits="masked"), Rule(name="all", digits="kept"))
    play.tell(events.InfoReceived("t-info", contents(), {"X-A": ("b",)}))
    play.update(metadata=CAROL)
    snapshot = play.session.snapshot()
    assert snapshot is not None
    again = RecordingSession.restore(play.settings, snapshot, Moment(now=0, wall=START))
    assert again.marks.rules == ("all", "pays")
    assert again.headers == {"X-A": ("b",)}
    assert again.exchange.masks_digits
