"""The client side within a dialog: what is asked of a peer that has answered."""

from __future__ import annotations

import pytest

from siprecord.protocol import (
    Flow,
    OutgoingRequest,
    RequestTimedOut,
    ResponseReceived,
)
from siprecord.syntax.sip import Request
from tests.protocol.calls import STREAM, Call, Caller
from tests.support.sip_peers import SRC, SRS, response


def test_the_route_set_of_a_caller_is_reversed() -> None:
    caller = Caller()
    caller.hears(
        200, Contact="<sip:rec@203.0.113.5>", Record_Route="<sip:198.51.100.1;lr>, <sip:198.51.100.2;lr>"
    )
    dialog = caller.event(ResponseReceived).dialog
    caller.endpoint.request(str(dialog), OutgoingRequest("BYE"), 0.0)
    (bye,) = caller.take()
    assert bye.headers.get_all("Route") == ["<sip:198.51.100.2;lr>", "<sip:198.51.100.1;lr>"]
    assert bye.cseq.number == 2


def test_TP_04_a_long_request_prefers_tcp_and_falls_back_to_udp() -> None:
    call = Call()
    big = OutgoingRequest("UPDATE", content_type="application/rs-metadata+xml", body=b"x" * 1300)
    call.endpoint.request(call.dialog, big, call.now)
    (sent,) = call.take_raw()
    assert sent.flow == Flow("tcp", SRS, SRC)
    assert b"Via: SIP/2.0/TCP " in sent.data
    call.endpoint.connection_lost(sent.flow, call.now)
    (again,) = call.take_raw()
    assert again.flow == Flow("udp", SRS, SRC)
    assert b"Via: SIP/2.0/UDP " in again.data
    assert [at for at, _ in call.advance(2)] == [0.5, 1.5]


def test_TP_04_a_short_request_stays_on_udp() -> None:
    call = Call()
    call.endpoint.request(call.dialog, OutgoingRequest("UPDATE"), call.now)
    (sent,) = call.take_raw()
    assert sent.flow.transport == "udp"


def answered_over_tcp(contact: str = "<sip:srs@203.0.113.5;transport=tcp>") -> tuple[Caller, str]:
    """A client whose call was taken over a connection, and the dialog."""
    caller = Caller(STREAM)
    caller.hears(200, Contact=contact)
    return caller, str(caller.event(ResponseReceived).dialog)


@pytest.mark.parametrize("method", ["BYE", "UPDATE", "INVITE"])
def test_a_request_on_a_connection_that_was_dead_already_is_sent_again_on_a_new_one(method: str) -> None:
    """Its machine died without a word; the one with its address now resets what it does not know."""
    caller, dialog = answered_over_tcp()
    transaction = caller.endpoint.request(dialog, OutgoingRequest(method), 1.0)
    (first,) = caller.take_raw()
    assert first.flow == STREAM
    caller.endpoint.connection_lost(STREAM, 1.1)
    (again,) = caller.take_raw()
    assert (again.flow, again.data) == (Flow("tcp", SRC, SRS), first.data)
    assert caller.no_event(RequestTimedOut)
    assert caller.advance(5) == [], "the connection repeats it"
    caller.endpoint.connection_lost(Flow("tcp", SRC, SRS, 5), 7.0)
    assert caller.take_raw() == [], "once"
    assert caller.event(RequestTimedOut).transaction == transaction


def test_a_request_that_was_heard_is_not_sent_again() -> None:
    caller, dialog = answered_over_tcp()
    caller.endpoint.request(dialog, OutgoingRequest("UPDATE"), 1.0)
    (update,) = caller.take_raw()
    caller.receive(response(update.data, 100), STREAM)
    caller.endpoint.connection_lost(STREAM, 1.1)
    assert caller.take_raw() == []
    assert caller.event(RequestTimedOut).dialog == dialog


@pytest.mark.parametrize(("ours", "earliest", "latest"), [(True, 2.1, 4.0), (False, 0.0, 2.0)])
def test_INV_16_after_491_the_owner_of_the_call_id_waits_longer(
    ours: bool, earliest: float, latest: float
) -> None:
    waits = set()
    for number in range(60):
        peer: Caller | Call
        if ours:
            peer = Caller()
            peer.hears(200, Contact="<sip:rec@203.0.113.5>")
            dialog = str(peer.event(ResponseReceived).dialog)
        else:
            peer = Call()
            dialog = peer.dialog
        for _ in range(number):
            peer.endpoint._core.token()
        transaction = peer.endpoint.request(dialog, OutgoingRequest("INVITE"), 0.0)
        (sent,) = peer.take()
        (ack,) = peer.receive(response(sent.to_bytes(), 491))
        assert ack.cseq.method == "ACK"
        assert peer.take_events() == []
        log = [entry for entry in peer.advance(5) if isinstance(entry[1], Request)]
        waits.add(log[0][0])
        again = log[0][1]
        assert again.cseq.number == sent.cseq.number + 1
        peer.receive(response(again.to_bytes(), 200))
        assert peer.event(ResponseReceived).transaction == transaction
    assert earliest <= min(waits) < max(waits) <= latest
    assert len(waits) > 30
    assert all(abs(wait * 100 - round(wait * 100)) < 1e-6 for wait in waits)


def test_UPD_06_491_to_an_update_is_tried_again_but_not_for_ever() -> None:
    call = Call()
    transaction = call.endpoint.request(call.dialog, OutgoingRequest("UPDATE"), 0.0)
    (sent,) = call.take()
    for attempt in range(1, 6):
        call.receive(response(sent.to_bytes(), 491))
        sent = call.advance(2.1)[0][1]
        assert sent.cseq.number == attempt + 1
    call.receive(response(sent.to_bytes(), 491))
    assert call.event(ResponseReceived).transaction == transaction


@pytest.mark.parametrize(("method", "ends"), [("BYE", True), ("UPDATE", False), ("INFO", False)])
def test_TP_17_within_a_dialog_only_a_bye_is_given_up(method: str, ends: bool) -> None:
    call = Call()
    transaction = call.endpoint.request(call.dialog, OutgoingRequest(method), call.now)
    (sent,) = call.take_raw()
    for _ in range(3):
        call.endpoint.unreachable(sent.flow, call.now)
        call.advance(0.6)
    told = [event for event in call.take_events() if isinstance(event, RequestTimedOut)]
    assert told == ([RequestTimedOut(transaction, call.dialog, refused=True)] if ends else [])
    assert (call.endpoint.snapshot(call.dialog) is None) is ends
