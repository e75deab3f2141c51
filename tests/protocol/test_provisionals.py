"""Provisional responses of ours: reliable where the peer knows how (RFC 3262), and the early dialog."""

from __future__ import annotations

from typing import Any

import pytest

from siprecord.protocol import (
    Answer,
    AnswerTimedOut,
    CancelReceived,
    DialogEnd,
    DialogEnded,
    OutgoingRequest,
    RequestReceived,
)
from siprecord.syntax.sip import Request, Response
from tests.protocol.calls import OK, SDP, Call
from tests.support.sip_peers import ANSWER, OFFER, Peer, flow_of, request

PROGRESS = Answer(183)
DESCRIBED = Answer(183, content_type="application/sdp", body=ANSWER)


class Ringing(Peer):
    """A recorder that has answered an INVITE by one provisional response."""

    def __init__(self, answer: Answer = PROGRESS, **fields: Any) -> None:
        super().__init__()
        self.receive(request(**(SDP | {"Require": "100rel, siprec"} | fields)))
        self.transaction = self.event(RequestReceived).transaction
        (self.first,) = self.answer(answer)

    def answer(self, answer: Answer) -> list[Response]:
        self.endpoint.respond(self.transaction, answer, self.now)
        return [each for each in self.take() if isinstance(each, Response)]

    @property
    def rseq(self) -> int:
        return int(self.first.headers.get("RSeq") or 0)

    def inside(self, method: str, seq: int = 2, **fields: Any) -> bytes:
        given = {"To": self.first.headers.get("To"), "branch": f"z9hG4bK-{method}{seq}"} | fields
        return request(method, seq=seq, **given)

    def prack(self, rack: str | None = None, seq: int = 2, **fields: Any) -> list[tuple[str, int]]:
        """Acknowledge; returns method and status of all responses that follow."""
        rack = f"{self.rseq} 1 INVITE" if rack is None else rack
        return statuses(self.receive(self.inside("PRACK", seq, RAck=rack or None, **fields)))


def statuses(messages: list[Request | Response]) -> list[tuple[str, int]]:
    return [(each.cseq.method, each.status) for each in messages if isinstance(each, Response)]


def times(peer: Peer, seconds: float) -> list[tuple[float, int]]:
    return [(at, each.status) for at, each in peer.advance(seconds) if isinstance(each, Response)]


def test_REL_01_a_200_may_come_at_once_where_100rel_is_required() -> None:
    peer = Peer()
    peer.receive(request(Require="100rel, siprec", **SDP))
    peer.endpoint.respond(peer.event(RequestReceived).transaction, OK, 0.0)
    (sent,) = peer.take()
    assert isinstance(sent, Response)
    assert sent.status == 200


@pytest.mark.parametrize("fields", [{}, {"Require": "siprec", "Supported": "timer, 100REL"}])
def test_REL_01_UAS_11_a_provisional_is_reliable_where_that_is_required_or_supported(
    fields: dict[str, Any],
) -> None:
    first = Ringing(**fields).first
    assert first.status == 183
    assert first.headers.get("Require") == "100rel"
    assert 1 <= int(first.headers.get("RSeq") or 0) < 2**31
    assert first.to.tag is not None
    assert first.headers.get("Contact")
    assert "PRACK" in (first.headers.get("Allow") or "")


def test_UAS_11_a_peer_that_does_not_know_100rel_gets_a_plain_provisional() -> None:
    call = Ringing(Require="siprec")
    assert "Require" not in call.first.headers
    assert "RSeq" not in call.first.headers
    assert [status for _, status in times(call, 50)] == []


def test_REL_02_it_repeats_without_a_longest_gap_and_the_invite_fails_in_the_end() -> None:
    call = Ringing()
    assert times(call, 33) == [(at, 183) for at in (0.5, 1.5, 3.5, 7.5, 15.5, 31.5)] + [
        (32.0, 504),
        (32.5, 504),
    ]
    assert AnswerTimedOut(call.transaction, 504) in call.take_events()
    assert call.endpoint.counters["pracks_missing"] == 1
    assert call.receive(call.inside("BYE"))[0].headers.get("CSeq") == "2 BYE"
    assert len(call.endpoint._core.dialogs) == 0


def test_REL_02_it_repeats_on_streams_too() -> None:
    peer = Peer()
    peer.receive(request(Require="100rel", **SDP), flow_of("tcp"))
    peer.endpoint.respond(peer.event(RequestReceived).transaction, PROGRESS, 0.0)
    peer.take()
    assert times(peer, 4) == [(0.5, 183), (1.5, 183), (3.5, 183)]


def test_REL_03_its_prack_gets_200_and_ends_the_repetition() -> None:
    call = Ringing()
    assert call.prack() == [("PRACK", 200)]
    assert call.prack() == [("PRACK", 200)], "the same request again"
    assert times(call, 50) == []
    assert call.no_event(RequestReceived)
    assert call.prack(seq=3) == [("PRACK", 481)], "it is acknowledged already"
    assert call.answer(OK)[0].status == 200


@pytest.mark.parametrize(
    ("rack", "status"),
    [("7 1 INVITE", 481), ("{0} 2 INVITE", 481), ("{0} 1 UPDATE", 481), ("x 1 INVITE", 400), ("", 400)],
)
def test_REL_03_RESP_12_another_prack_gets_481_or_400(rack: str, status: int) -> None:
    call = Ringing()
    assert call.prack(rack.format(call.rseq)) == [("PRACK", status)]
    assert times(call, 0.6) == [(0.5, 183)]


def test_REL_03_a_prack_of_nothing_gets_481() -> None:
    call = Call()
    assert call.status(call.inside("PRACK", RAck="1 1 INVITE")) == 481
    assert Peer().receive(request("PRACK", To="<sip:a@b>;tag=none", RAck="1 1 INVITE"))[0].headers.get("CSeq")


def test_REL_03_a_prack_after_the_200_still_matches() -> None:
    call = Ringing()
    assert call.answer(OK)[0].status == 200
    assert call.prack() == [("PRACK", 200)]
    assert call.prack(seq=3) == [("PRACK", 481)]


def test_REL_04_a_2xx_waits_for_the_prack_of_a_description() -> None:
    call = Ringing(DESCRIBED)
    assert call.answer(Answer(200)) == []
    assert call.answer(OK) == [], "the first final answer counts"
    assert times(call, 0.6) == [(0.5, 183)]
    assert call.prack() == [("PRACK", 200), ("INVITE", 200)]
    dialog = call.endpoint.dialog_of(call.transaction)
    call.receive(call.inside("ACK", 1))
    assert call.endpoint.snapshot(dialog or "") is not None


def test_REL_04_a_refusal_does_not_wait() -> None:
    call = Ringing(DESCRIBED)
    assert [each.status for each in call.answer(Answer(486))] == [486]
    assert call.event(DialogEnded).cause is DialogEnd.REFUSED
    assert call.prack() == [("PRACK", 481)], "the early dialog is gone"


def test_REL_05_one_at_a_time_and_the_numbers_rise_by_one() -> None:
    call = Ringing()
    assert call.answer(DESCRIBED) == []
    assert call.answer(OK) == [], "it would overtake the description"
    assert call.prack() == [("PRACK", 200), ("INVITE", 183)]
    assert call.prack(f"{call.rseq + 1} 1 INVITE", seq=3) == [("PRACK", 200), ("INVITE", 200)]


def test_REL_05_a_100_is_never_reliable() -> None:
    peer = Peer()
    peer.receive(request(Require="100rel"))
    ((_, trying),) = peer.advance(0.3)
    assert isinstance(trying, Response)
    assert (trying.status, trying.headers.get("RSeq"), trying.headers.get("Require")) == (100, None, None)


def test_ANS_15_an_offer_in_a_prack_is_the_users_to_answer() -> None:
    call = Ringing(DESCRIBED)
    assert call.prack(body=OFFER, Content_Type="application/sdp") == []
    asked = call.event(RequestReceived)
    call.endpoint.respond(asked.transaction, Answer(200, content_type="application/sdp", body=ANSWER), 0.0)
    (sent,) = call.take()
    assert (str(sent.cseq), sent.body) == ("2 PRACK", ANSWER)


def test_UPD_03_an_update_with_offer_is_let_in_once_the_early_answer_is_acknowledged() -> None:
    call = Ringing(DESCRIBED)
    assert statuses(call.receive(call.inside("UPDATE", **SDP))) == [("UPDATE", 500)]
    assert call.prack(seq=3) == [("PRACK", 200)]
    call.receive(call.inside("UPDATE", 4, **SDP))
    asked = call.event(RequestReceived)
    assert asked.request.method == "UPDATE"
    call.endpoint.respond(asked.transaction, OK, call.now)
    assert statuses(call.take()) == [("UPDATE", 200)]


def test_INV_03_an_invite_without_answer_gets_news_each_minute() -> None:
    peer = Peer()
    peer.receive(request(**SDP))
    assert times(peer, 179) == [(0.2, 100), (60.2, 183), (120.2, 183)]
    reliably = Peer()
    reliably.receive(request(Supported="100rel", **SDP))
    sent = [status for _, status in times(reliably, 70)]
    assert sent == [100, 183, 183, 183, 183, 183]


def test_INV_07_a_bye_in_an_early_dialog_ends_the_invite() -> None:
    call = Ringing()
    assert statuses(call.receive(call.inside("BYE"))) == [("INVITE", 487)]
    events = call.take_events()
    asked = next(each for each in events if isinstance(each, RequestReceived))
    assert any(isinstance(each, CancelReceived) for each in events)
    call.endpoint.respond(asked.transaction, Answer(200), call.now)
    assert statuses(call.take()) == [("BYE", 200)]
    assert call.event(DialogEnded).cause is DialogEnd.BYE_RECEIVED


def test_INV_08_an_early_dialog_is_never_hung_up_by_us() -> None:
    call = Ringing()
    dialog = call.endpoint.dialog_of(call.transaction) or ""
    call.endpoint.request(dialog, OutgoingRequest("BYE"), call.now)
    assert call.take() == []
    assert call.endpoint.snapshot(dialog) is None
    call.answer(OK)
    assert [each.cseq.method for each in call.receive(call.inside("ACK", 1))] == ["BYE"]


def test_INV_10_a_cancel_ends_the_early_dialog() -> None:
    call = Ringing()
    assert statuses(call.receive(request("CANCEL"))) == [("CANCEL", 200), ("INVITE", 487)]
    assert call.event(DialogEnded).cause is DialogEnd.REFUSED
    assert times(call, 0.3) == []


def test_INV_14_an_invite_in_an_early_dialog_is_too_early() -> None:
    call = Ringing()
    assert statuses(call.receive(call.inside("INVITE", **SDP))) == [("INVITE", 500)]


def test_a_re_invite_may_get_reliable_provisionals_too() -> None:
    call = Call()
    call.receive(call.inside("INVITE", Require="100rel", **SDP))
    transaction = call.event(RequestReceived).transaction
    call.endpoint.respond(transaction, DESCRIBED, 0.0)
    (sent,) = call.take()
    assert call.status(call.inside("PRACK", seq=3, RAck=f"{sent.headers.get('RSeq')} 2 INVITE")) == 200
    call.endpoint.respond(transaction, Answer(488), 0.0)
    assert statuses(call.take()) == [("INVITE", 488)]
    assert call.endpoint.snapshot(call.dialog) is not None
