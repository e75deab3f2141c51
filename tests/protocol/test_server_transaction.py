"""Server transactions, as a peer on the wire sees them."""

from __future__ import annotations

from typing import Any

import pytest

from siprecord.protocol import (
    AckReceived,
    AckTimedOut,
    Answer,
    AnswerTimedOut,
    DialogEnd,
    DialogEnded,
    Flow,
    RequestReceived,
    Transport,
)
from siprecord.syntax.sip import Request, Response
from tests.protocol.calls import OK, Call
from tests.support.sip_peers import ANSWER, OFFER, Peer, flow_of, request


def invite(peer: Peer, flow: Flow | None = None, **fields: Any) -> str:
    peer.receive(request(body=OFFER, Content_Type="application/sdp", **fields), flow)
    return peer.event(RequestReceived).transaction


def answer(peer: Peer, transaction: str, reply: Answer = OK) -> Response:
    peer.endpoint.respond(transaction, reply, peer.now)
    (sent,) = peer.take()
    assert isinstance(sent, Response)
    return sent


def ack(response: Response, branch: str = "z9hG4bK-ack") -> bytes:
    number = response.cseq.number
    return request("ACK", To=response.headers.get("To"), branch=branch, seq=number)


def statuses(log: list[tuple[float, Request | Response]]) -> list[tuple[float, int]]:
    return [(round(at, 3), sent.status) for at, sent in log if isinstance(sent, Response)]


def test_TXN_01_the_same_branch_from_another_sent_by_is_another_transaction() -> None:
    peer = Peer()
    first = invite(peer)
    second = invite(peer, Via="SIP/2.0/UDP 192.0.2.11:5060;branch=z9hG4bK-1", Call_ID="call-2")
    assert first != second


def test_TXN_02_a_request_without_cookie_is_matched_by_its_fields() -> None:
    peer = Peer()
    old: dict[str, Any] = {"Via": "SIP/2.0/UDP 192.0.2.10:5060", "From": "<sip:src@192.0.2.10>"}
    sent = answer(peer, invite(peer, **old))
    assert peer.receive(request(body=OFFER, **old)) == []
    assert peer.no_event(RequestReceived)
    peer.receive(request("ACK", To=sent.headers.get("To"), **old))
    assert peer.event(AckReceived).request.method == "ACK"


def test_TXN_03_a_100_follows_after_200_ms_without_answer() -> None:
    peer = Peer()
    invite(peer)
    assert statuses(peer.advance(0.5)) == [(0.2, 100)]


def test_TXN_03_no_100_when_the_answer_is_quick() -> None:
    peer = Peer()
    transaction = invite(peer)
    peer.advance(0.1)
    peer.endpoint.respond(transaction, Answer(180), peer.now)
    peer.take()
    assert statuses(peer.advance(0.5)) == []


def test_TXN_04_the_100_has_no_tag_and_gives_the_timestamp_back() -> None:
    peer = Peer()
    invite(peer, Timestamp="54")
    ((_, trying),) = peer.advance(0.3)
    assert trying.to.tag is None
    assert trying.headers.get("Timestamp") == "54"


def test_TXN_05_a_repeated_invite_gets_the_latest_provisional_and_is_no_new_call() -> None:
    peer = Peer()
    transaction = invite(peer)
    assert peer.receive(request(body=OFFER)) == []
    answer(peer, transaction, Answer(183))
    for _ in range(2):
        (again,) = peer.receive(request(body=OFFER))
        assert isinstance(again, Response)
        assert again.status == 183
    assert peer.no_event(RequestReceived)


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_TXN_06_after_a_2xx_the_invite_is_absorbed_for_timer_l(transport: Transport) -> None:
    peer = Peer()
    flow = flow_of(transport)
    peer.receive(ack(answer(peer, invite(peer, flow))))
    peer.take_events()
    peer.advance(31.9)
    assert peer.receive(request(body=OFFER), flow) == []
    assert peer.take_events() == []


@pytest.mark.parametrize("transport", ["udp", "tcp", "tls"])
def test_TXN_07_the_2xx_repeats_until_the_ack_on_every_transport(transport: Transport) -> None:
    peer = Peer()
    sent = answer(peer, invite(peer, flow_of(transport)))
    log = statuses(peer.advance(12))
    assert log == [(at, 200) for at in (0.5, 1.5, 3.5, 7.5, 11.5)]
    peer.receive(ack(sent))
    assert statuses(peer.advance(60)) == []


def test_TXN_08_without_ack_a_bye_goes_out_after_32_seconds() -> None:
    peer = Peer()
    transaction = invite(peer)
    answer(peer, transaction)
    dialog = peer.endpoint.dialog_of(transaction)
    log = peer.advance(32)
    (bye,) = [(at, sent) for at, sent in log if isinstance(sent, Request)]
    assert bye[0] == 32.0
    assert bye[1].method == "BYE"
    events = peer.take_events()
    assert AckTimedOut(str(dialog), transaction) in events
    assert events[-1] == DialogEnded(str(dialog), DialogEnd.NO_ACK)


def test_TXN_09_a_failure_repeats_on_udp_only_and_gives_up() -> None:
    peer = Peer()
    answer(peer, invite(peer), Answer(488))
    log = statuses(peer.advance(60))
    assert log[:5] == [(0.5, 488), (1.5, 488), (3.5, 488), (7.5, 488), (11.5, 488)]
    assert log[-1][0] < 32
    answer(peer, invite(peer, flow_of("tcp"), branch="z9hG4bK-t", Call_ID="call-2"), Answer(488))
    assert statuses(peer.advance(60)) == []


def test_TXN_10_the_ack_of_a_failure_is_absorbed_and_so_are_its_duplicates() -> None:
    peer = Peer()
    refused = answer(peer, invite(peer), Answer(488))
    for _ in range(3):
        assert peer.receive(ack(refused, branch="z9hG4bK-1")) == []
    assert peer.take_events() == []
    assert statuses(peer.advance(60)) == []
    assert peer.endpoint.deadline() is None


@pytest.mark.parametrize(("transport", "after", "again"), [("udp", 2.0, True), ("tcp", 0.0, False)])
def test_TXN_11_a_repeated_bye_gets_the_same_answer(transport: Transport, after: float, again: bool) -> None:
    peer = Peer()
    flow = flow_of(transport)
    peer.receive(request("OPTIONS"), flow)
    first = answer(peer, peer.event(RequestReceived).transaction)
    peer.advance(after)
    repeated = peer.receive(request("OPTIONS"), flow)
    assert (repeated == [first]) is again


def test_TXN_11_timer_j_ends_after_32_seconds() -> None:
    peer = Peer()
    peer.receive(request("OPTIONS"))
    answer(peer, peer.event(RequestReceived).transaction)
    peer.advance(32)
    assert peer.receive(request("OPTIONS")) == []
    assert peer.event(RequestReceived).request.method == "OPTIONS"


def test_TXN_12_the_ack_of_a_2xx_reaches_the_user_once_with_its_body() -> None:
    peer = Peer()
    sent = answer(peer, invite(peer))
    carrying = request(
        "ACK", To=sent.headers.get("To"), branch="z9hG4bK-a", body=ANSWER, Content_Type="application/sdp"
    )
    peer.receive(carrying)
    assert peer.event(AckReceived).request.body == ANSWER
    peer.receive(carrying)
    assert peer.no_event(AckReceived)


def test_TXN_13_a_slow_non_invite_gets_a_100_only_after_timer_e_has_reached_t2() -> None:
    peer = Peer()
    peer.receive(request("OPTIONS"))
    assert statuses(peer.advance(10)) == [(3.5, 100)]


def test_TXN_13_provisional_answers_to_a_non_invite_are_not_sent() -> None:
    peer = Peer()
    peer.receive(request("OPTIONS"))
    peer.endpoint.respond(peer.event(RequestReceived).transaction, Answer(183), peer.now)
    assert peer.take() == []


def test_TXN_14_an_unanswered_non_invite_gets_no_408() -> None:
    peer = Peer()
    peer.receive(request("OPTIONS"))
    transaction = peer.event(RequestReceived).transaction
    assert statuses(peer.advance(100)) == [(3.5, 100)]
    assert peer.event(AnswerTimedOut).transaction == transaction
    assert len(peer.endpoint._uas) == 0


def test_TXN_16_a_lost_connection_leaves_the_transaction_in_place() -> None:
    peer = Peer()
    flow = flow_of("tcp", connection=5)
    transaction = invite(peer, flow)
    peer.endpoint.connection_lost(flow, peer.now)
    peer.endpoint.respond(transaction, OK, peer.now)
    (sent,) = peer.take_raw()
    assert sent.flow == Flow("tcp", flow.local, ("192.0.2.10", 5060), 0)
    assert peer.receive(request(body=OFFER), flow_of("tcp", connection=6)) == []
    assert peer.no_event(RequestReceived)


def test_a_request_that_comes_again_over_another_connection_is_answered_there() -> None:
    peer = Peer()
    old, new = flow_of("tcp", connection=5), flow_of("tcp", connection=6)
    peer.receive(request("OPTIONS"), old)
    transaction = peer.event(RequestReceived).transaction
    assert peer.receive(request("OPTIONS"), new) == [], "the old one still stands"
    peer.endpoint.connection_lost(old, peer.now)
    assert peer.receive(request("OPTIONS"), new) == []
    peer.endpoint.respond(transaction, OK, peer.now)
    assert [sent.flow for sent in peer.take_raw()] == [new]


def test_TXN_17_the_same_request_gets_the_same_tag_even_when_it_was_forgotten() -> None:
    tags = set()
    for _ in range(2):
        peer = Peer()
        tags.add(answer(peer, invite(peer), Answer(401)).to.tag)
    assert len(tags) == 1


def test_an_invite_nobody_answers_is_refused_after_our_patience() -> None:
    peer = Peer()
    transaction = invite(peer)
    assert statuses(peer.advance(181))[-1][1] == 500
    assert peer.event(AnswerTimedOut) == AnswerTimedOut(transaction, 500)


def test_a_second_answer_is_ignored() -> None:
    peer = Peer()
    transaction = invite(peer)
    answer(peer, transaction)
    peer.endpoint.respond(transaction, Answer(500), peer.now)
    peer.endpoint.respond("unheard of", Answer(200), peer.now)
    assert peer.take() == []
    assert peer.endpoint.counters["answers_too_late"] == 2


def test_TP_17_TXN_16_an_icmp_error_leaves_the_server_transaction() -> None:
    call = Call(ack=False)
    for _ in range(3):
        call.endpoint.unreachable(flow_of(), call.now)
        call.advance(0.6)
    assert call.no_event(DialogEnded)
    assert call.receive(request(body=OFFER, Content_Type="application/sdp")) == [], "the INVITE is absorbed"
    call.acknowledge()
    assert call.event(AckReceived).dialog == call.dialog
