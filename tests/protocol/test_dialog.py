"""Dialogs: who is in them, where their requests go, and in which order."""

from __future__ import annotations

from typing import Any

import pytest

from siprecord.protocol import (
    AckReceived,
    Answer,
    DialogEnded,
    Flow,
    MessageRejected,
    OutgoingRequest,
    RequestReceived,
)
from siprecord.syntax.sip import Request, Response
from tests.protocol.calls import OK, SDP, Call
from tests.support.sip_peers import ANSWER, SRC, SRS, Peer, flow_of, request, response

ROUTES = ["<sip:p1@198.51.100.1;lr;x=1>;rr=2,<sip:198.51.100.2:5070;lr>", '"P, 3" <sip:198.51.100.3;lr>']
UPDATE = OutgoingRequest("UPDATE")
OFFERING = OutgoingRequest("UPDATE", content_type="application/sdp", body=ANSWER)
REINVITE = OutgoingRequest("INVITE", content_type="application/sdp", body=ANSWER)


def send(call: Call, outgoing: OutgoingRequest) -> Request:
    call.endpoint.request(call.dialog, outgoing, call.now)
    (sent,) = call.take()
    assert isinstance(sent, Request)
    return sent


def test_DLG_01_tags_alone_find_the_dialog() -> None:
    call = Call()
    renamed = call.inside(
        "INVITE",
        From='"New name" <sip:other@elsewhere>;tag=src',
        To=f"<sip:x@y>;tag={call.ok.to.tag}",
    )
    call.receive(renamed)
    assert call.event(RequestReceived).dialog == call.dialog
    assert call.status(call.inside("OPTIONS", seq=3, From="<sip:src@192.0.2.10>;tag=not-src")) == 481


def test_PRS_18_a_peer_without_from_tag_has_a_dialog_all_the_same() -> None:
    call = Call(From="<sip:src@192.0.2.10>", ack=False)
    call.receive(call.inside("ACK", seq=1, From="<sip:src@192.0.2.10>"))
    assert call.ask(call.inside("BYE", From="<sip:src@192.0.2.10>"), Answer(200)).status == 200


def test_DLG_02_record_route_is_copied_verbatim_and_in_order() -> None:
    call = Call(Record_Route=ROUTES)
    assert call.ok.headers.get_all("Record-Route") == ROUTES


def test_DLG_03_our_requests_take_the_route_set_to_the_contact_of_the_peer() -> None:
    call = Call(Record_Route=ROUTES)
    call.endpoint.request(call.dialog, OutgoingRequest("BYE"), call.now)
    (transmit,) = call.take_raw()
    assert transmit.flow.remote == ("198.51.100.1", 5060)
    call.sent.append(transmit)
    (bye,) = call.take()
    assert isinstance(bye, Request)
    assert bye.uri == "sip:src@192.0.2.10:5060"
    assert bye.headers.get_all("Route") == [
        "<sip:p1@198.51.100.1;lr;x=1>;rr=2",
        "<sip:198.51.100.2:5070;lr>",
        '"P, 3" <sip:198.51.100.3;lr>',
    ]
    assert bye.headers.get("From") == call.to
    assert bye.headers.get("To") == "<sip:src@192.0.2.10>;tag=src"
    assert bye.headers.get("Max-Forwards") == "70"


def test_DLG_04_a_strict_router_comes_into_the_request_uri() -> None:
    call = Call(Record_Route="<sip:198.51.100.1>")
    bye = send(call, OutgoingRequest("BYE"))
    assert bye.uri == "sip:198.51.100.1"
    assert bye.headers.get_all("Route") == ["<sip:src@192.0.2.10:5060>"]


@pytest.mark.parametrize("method", ["INVITE", "UPDATE"])
def test_DLG_05_target_refresh_moves_the_remote_target(method: str) -> None:
    call = Call()
    call.ask(call.inside(method, Contact="<sip:new@192.0.2.77:5099>", Record_Route="<sip:evil;lr>"))
    if method == "INVITE":
        call.acknowledge(2)
    call.endpoint.request(call.dialog, OutgoingRequest("BYE"), call.now)
    (transmit,) = call.take_raw()
    assert transmit.data.startswith(b"BYE sip:new@192.0.2.77:5099 SIP/2.0\r\n")
    assert transmit.flow.remote == ("192.0.2.77", 5099)
    assert b"evil" not in transmit.data


def test_UPD_07_update_is_answered_with_our_contact() -> None:
    call = Call()
    assert call.ask(call.inside("UPDATE"), Answer(200)).contact is not None


def test_UAS_02_a_refused_re_invite_leaves_the_target() -> None:
    call = Call()
    call.ask(call.inside("INVITE", Contact="<sip:new@192.0.2.77:5099>"), Answer(488))
    assert send(call, OutgoingRequest("BYE")).uri == "sip:src@192.0.2.10:5060"


def test_DLG_06_our_cseq_rises_by_one_and_the_peers_may_leap() -> None:
    call = Call()
    assert [send(call, OutgoingRequest("INFO")).cseq.number for _ in range(3)] == [1, 2, 3]
    assert call.ask(call.inside("OPTIONS", seq=100), Answer(200)).status == 200
    assert call.status(call.inside("OPTIONS", seq=99)) == 500
    assert call.event(MessageRejected).text == "CSeq 99 after 100: out of order"


def test_DLG_07_an_equal_cseq_with_a_new_branch_is_not_executed_again() -> None:
    call = Call()
    call.ask(call.inside("INFO", seq=2), Answer(200))
    assert call.status(call.inside("INFO", seq=2, branch="z9hG4bK-replay")) == 500


def test_DLG_09_481_to_our_request_ends_the_dialog() -> None:
    call = Call()
    update = send(call, UPDATE)
    call.receive(response(update.to_bytes(), 481))
    assert call.event(DialogEnded).cause == "gone"
    assert call.endpoint.request(call.dialog, UPDATE, call.now) == ""


def test_DLG_09_silence_does_too() -> None:
    call = Call()
    send(call, UPDATE)
    call.advance(32)
    assert call.event(DialogEnded).cause == "gone"


@pytest.mark.parametrize("status", [405, 415, 488, 501, 500, 503])
def test_DLG_10_other_failures_do_not(status: int) -> None:
    call = Call()
    call.receive(response(send(call, UPDATE).to_bytes(), status))
    assert call.no_event(DialogEnded)
    assert send(call, UPDATE).cseq.number == 2


def test_DLG_11_a_dialog_goes_on_from_its_snapshot() -> None:
    call = Call(Record_Route=ROUTES, Supported="timer", Session_Expires="1800")
    snapshot = call.endpoint.snapshot(call.dialog)
    assert snapshot is not None
    standby = Peer(prefix="standby")
    assert standby.endpoint.restore(snapshot, 50.0) == call.dialog
    standby.now = 50.0
    standby.receive(call.inside("INVITE", **SDP))
    received = standby.event(RequestReceived)
    assert received.dialog == call.dialog
    standby.endpoint.respond(received.transaction, OK, 50.0)
    (sent,) = standby.take()
    assert isinstance(sent, Response)
    assert sent.status == 200
    standby.receive(call.inside("ACK"))
    standby.endpoint.request(call.dialog, OutgoingRequest("BYE"), 51.0)
    (bye,) = standby.take()
    assert bye.cseq.number > 1000
    assert len(bye.headers.get_all("Route")) == 3
    assert call.endpoint.snapshot("unknown") is None


def test_a_peer_without_contact_is_reached_where_it_came_from() -> None:
    call = Call(Contact=None)
    assert send(call, OutgoingRequest("BYE")).uri == "sip:192.0.2.10:5060"


def test_a_peer_with_a_contact_of_another_scheme_is_reached_where_it_came_from() -> None:
    call = Call(Contact="<tel:+15550100>")
    call.endpoint.request(call.dialog, OutgoingRequest("BYE"), call.now)
    (transmit,) = call.take_raw()
    assert transmit.flow.remote == SRC


def test_a_route_set_that_leads_nowhere_is_a_timeout() -> None:
    call = Call(Record_Route="<garbage>")
    call.endpoint.request(call.dialog, OutgoingRequest("BYE"), call.now)
    assert call.take() == []
    assert call.event(DialogEnded).cause == "bye sent"


def test_a_peer_behind_a_nat_is_reached_where_it_comes_from_until_it_names_another_contact() -> None:
    nat = flow_of(remote=("198.51.100.7", 40001))
    peer = Peer()
    via = "SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bK-1;rport"
    peer.receive(request(Via=via, Contact="<sip:src@10.0.0.1:5060>"), nat)
    transaction = peer.event(RequestReceived).transaction
    peer.endpoint.respond(transaction, OK, 0.0)
    (ok,) = peer.take()
    to = ok.headers.get("To")
    peer.receive(request("ACK", Via=via, To=to), nat)
    dialog = str(peer.endpoint.dialog_of(transaction))
    peer.endpoint.request(dialog, UPDATE, 0.0)
    (sent,) = peer.take_raw()
    assert sent.flow == nat
    assert sent.data.startswith(b"UPDATE sip:src@10.0.0.1:5060 SIP/2.0\r\n")
    peer.receive(request("UPDATE", seq=2, branch="z9hG4bK-2", To=to, Contact="<sip:src@192.0.2.8>"), nat)
    peer.endpoint.respond(peer.event(RequestReceived).transaction, Answer(200), 0.0)
    peer.take()
    peer.endpoint.request(dialog, OutgoingRequest("BYE"), 0.0)
    assert [each.flow.remote for each in peer.take_raw()] == [("192.0.2.8", 5060)]


def test_requests_follow_the_peer_to_its_new_connection() -> None:
    call = Call()
    call.receive(call.inside("INFO", seq=2), flow_of("tcp", connection=9))
    call.endpoint.request(call.dialog, OutgoingRequest("BYE"), call.now)
    (transmit,) = call.take_raw()
    assert transmit.flow == Flow("tcp", SRS, SRC, 9)


# Glare


def test_INV_14_a_second_invite_before_the_first_is_answered_gets_500() -> None:
    call = Call()
    call.receive(call.inside("INVITE"))
    (sent,) = call.receive(call.inside("INVITE", seq=3))
    assert isinstance(sent, Response)
    assert sent.status == 500
    assert 0 <= int(sent.headers.get("Retry-After") or "-1") <= 10


def test_INV_15_an_invite_while_ours_is_open_gets_491() -> None:
    call = Call()
    reinvite = send(call, REINVITE)
    assert call.status(call.inside("INVITE")) == 491
    call.receive(response(reinvite.to_bytes(), 200))
    assert call.status(call.inside("INVITE", seq=3)) is None


def test_INV_15_also_while_the_ack_with_our_answer_is_outstanding() -> None:
    call = Call()
    transaction = call.endpoint.request(call.dialog, OutgoingRequest("INVITE", acknowledge=False), call.now)
    (reinvite,) = call.take()
    assert call.receive(response(reinvite.to_bytes(), 200)) == []
    assert call.status(call.inside("INVITE")) == 491
    call.endpoint.ack(transaction, call.now, content_type="application/sdp", body=ANSWER)
    (ack,) = call.take()
    assert ack.body == ANSWER
    assert call.status(call.inside("INVITE", seq=3)) is None


def test_INV_19_our_re_invite_waits_for_every_other_invite() -> None:
    call = Call()
    call.receive(call.inside("INVITE"))
    theirs = call.event(RequestReceived).transaction
    call.endpoint.request(call.dialog, REINVITE, call.now)
    assert call.take() == []
    call.endpoint.respond(theirs, OK, call.now)
    assert [type(sent) for sent in call.take()] == [Response]
    call.acknowledge(2)
    call.receive(call.inside("ACK", seq=2))
    assert call.take() == []
    first = Call()
    one = send(first, REINVITE)
    first.endpoint.request(first.dialog, REINVITE, first.now)
    assert first.take() == []
    ack, two = first.receive(response(one.to_bytes(), 200))
    assert isinstance(ack, Request)
    assert isinstance(two, Request)
    assert (ack.method, two.method, two.cseq.number) == ("ACK", "INVITE", 2)


def test_UPD_03_an_update_before_the_last_is_answered_gets_500() -> None:
    call = Call()
    call.receive(call.inside("UPDATE"))
    (sent,) = call.receive(call.inside("UPDATE", seq=3))
    assert isinstance(sent, Response)
    assert (sent.status, "Retry-After" in sent.headers) == (500, True)


def test_UPD_03_an_update_with_offer_while_ours_is_open_gets_491() -> None:
    call = Call()
    send(call, OFFERING)
    assert call.status(call.inside("UPDATE", **SDP)) == 491


def test_UPD_03_an_update_with_offer_while_theirs_is_unanswered_gets_500() -> None:
    call = Call()
    call.receive(call.inside("INVITE", **SDP))
    assert call.status(call.inside("UPDATE", seq=3, **SDP)) == 500


def test_UPD_04_a_re_invite_during_an_update() -> None:
    theirs = Call()
    theirs.receive(theirs.inside("UPDATE"))
    assert theirs.status(theirs.inside("INVITE", seq=3)) == 500
    ours = Call()
    send(ours, OFFERING)
    assert ours.status(ours.inside("INVITE")) == 491


def test_UPD_05_an_update_with_metadata_only_is_let_in_during_an_offer() -> None:
    call = Call()
    call.receive(call.inside("INVITE", **SDP))
    metadata: dict[str, Any] = {"body": b"<recording/>", "Content_Type": "application/rs-metadata+xml"}
    assert call.ask(call.inside("UPDATE", seq=3, **metadata), Answer(200)).status == 200


def test_requests_wait_no_longer_when_the_dialog_ends() -> None:
    call = Call()
    call.receive(call.inside("INVITE"))
    call.endpoint.request(call.dialog, REINVITE, call.now)
    call.receive(call.inside("BYE", seq=3))
    call.endpoint.respond(call.event(RequestReceived).transaction, Answer(200), call.now)
    assert [type(event).__name__ for event in call.take_events()] == ["RequestTimedOut", "DialogEnded"]


def test_a_dialog_that_is_ending_takes_no_more_requests() -> None:
    call = Call()
    bye = call.endpoint.request(call.dialog, OutgoingRequest("BYE"), call.now)
    assert call.endpoint.request(call.dialog, OutgoingRequest("BYE"), call.now) == bye
    assert call.endpoint.request(call.dialog, UPDATE, call.now) != bye
    assert [type(event).__name__ for event in call.take_events()] == ["RequestTimedOut"]
    assert call.status(call.inside("INFO")) == 481
    assert call.ask(call.inside("BYE", seq=3), Answer(200)).status == 200
    assert call.event(DialogEnded).cause == "bye sent"


def test_DLG_08_a_new_call_after_the_first_has_a_dialog_of_its_own() -> None:
    call = Call()
    call.receive(request(Call_ID="call-2", branch="z9hG4bK-new"))
    call.endpoint.respond(call.event(RequestReceived).transaction, OK, call.now)
    assert len(call.endpoint._core.dialogs) == 2


def test_an_answer_that_waits_for_its_ack_is_repeated_by_the_next_life() -> None:
    """The process may die after it has kept the dialog and before the 200 has left."""
    call = Call(ack=False)
    snapshot = call.endpoint.snapshot(call.dialog)
    assert snapshot is not None
    standby = Peer(prefix="standby")
    standby.now = 50.0
    standby.endpoint.restore(snapshot, 50.0)
    (again,) = standby.take()
    assert again.to_bytes() == call.ok.to_bytes()
    standby.receive(request("INVITE"))
    assert standby.no_event(RequestReceived), "the INVITE again is no new call"
    assert len(standby.advance(1.0)) >= 1
    standby.receive(call.inside("ACK", seq=1))
    assert standby.event(AckReceived).dialog == call.dialog
    assert standby.advance(40) == []


def test_a_bye_that_was_answered_gets_the_same_answer_in_the_next_life() -> None:
    call = Call()
    bye = call.inside("BYE")
    call.receive(bye)
    transaction = call.event(RequestReceived).transaction
    call.endpoint.respond(transaction, Answer(200), call.now)
    (answer,) = call.take()
    snapshot = call.endpoint.answered(transaction)
    assert snapshot is not None
    standby = Peer(prefix="standby")
    standby.endpoint.resume(snapshot, 0.0)
    (again,) = standby.receive(bye)
    assert again.to_bytes() == answer.to_bytes()
    assert standby.no_event(RequestReceived)
