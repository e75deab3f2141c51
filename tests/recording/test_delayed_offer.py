"""INVITEs without SDP, and the two calls of a Cisco phone."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from siprecord.recording import commands as do
from siprecord.recording.addresses import address_key
from siprecord.recording.policy import PolicySettings
from siprecord.recording.session_parts import SessionSettings, State
from siprecord.recording.story import Chapter, stitch
from tests.support.recorder import Line, Playbook, every, only, request, sdp
from tests.support.vendor_messages import FAR, NEAR
from tests.support.vendors import Vendor


def offering(no_offer: str, streams: int = 1) -> Playbook:
    policy = PolicySettings(no_offer=no_offer, own_streams=streams)  # type: ignore[arg-type]
    return Playbook(SessionSettings(policy=policy))


def without_offer(vendor: Vendor) -> Playbook:
    message = vendor.invite()
    message.body = b""
    message.headers.remove("Content-Type")
    play = Playbook()
    play.invite(message=message)
    return play


def test_ANS_07_the_default_refuses() -> None:
    play = Playbook()
    assert only(play.invite(message=request("INVITE")), do.Refuse).refusal.status == 488


def test_ANS_07_an_offer_without_lines_invents_nothing() -> None:
    play = offering("empty")
    offer = only(play.invite(message=request("INVITE")), do.Answer).sdp
    assert offer is not None
    assert offer.media == ()
    assert play.session.state is State.ANSWERED


@pytest.mark.parametrize("streams", [1, 2])
def test_ANS_07_as_many_streams_as_configured(streams: int) -> None:
    play = offering("offer", streams)
    commands = play.invite(message=request("INVITE"))
    offer = only(commands, do.Answer).sdp
    assert offer is not None
    assert [(line.label, line.direction.value) for line in offer.media] == [
        (str(number + 1), "recvonly") for number in range(streams)
    ]
    assert offer.media[0].port == 20000
    assert {"0", "8", "9", "18"} <= set(offer.media[0].formats)
    noted = [str(each.fields["text"]) for each in every(commands, do.AppendEvent) if each.name == "deviation"]
    assert "offered" in noted[0]


def test_Q19_a_fork_gets_our_offer_and_answers_in_the_ack() -> None:
    play = without_offer(NEAR)
    play.ack(sdp(Line(label=None, formats="8 101", more=("a=rtpmap:101 telephone-event/8000",))))
    assert play.session.state is State.ACTIVE
    update = every(play.transcript, do.UpdateStream)[-1]
    assert update.plan.formats == ("8", "101")
    assert play.session.model.participants["header:1001"].names[0].aor == "1001"


def test_Q19_an_ack_without_answer_keeps_what_was_offered() -> None:
    play = without_offer(NEAR)
    play.ack()
    assert play.session.state is State.ACTIVE
    assert play.session.streams


def test_Q19_an_offer_before_the_ack_is_glare() -> None:
    play = without_offer(NEAR)
    assert only(play.reinvite(sdp(Line())), do.Refuse).refusal.status == 491


def test_Q19_the_two_forks_are_one_story() -> None:
    chapters = []
    for name, vendor in (("near", NEAR), ("far", FAR)):
        knowledge = without_offer(vendor).session.knowledge
        people = (each.names[0].aor for each in knowledge.model.participants.values())
        chapters.append(
            Chapter(
                recording_id=name,
                started=datetime(2026, 11, 21, tzinfo=UTC),
                keys=tuple((fact.kind, fact.value) for fact in knowledge.findings.ids),
                parties=frozenset(map(address_key, people)),
            )
        )
    (story,) = stitch(chapters)
    assert {link.by for link in story.links} == {"cisco-refci"}
