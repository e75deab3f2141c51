"""The client side by hand: requests that stand alone, and INVITEs until their answer."""

from __future__ import annotations

import pytest

from siprecord.protocol import (
    Flow,
    OutgoingRequest,
    RequestTimedOut,
    ResponseReceived,
)
from siprecord.syntax.sip import Request
from tests.protocol.calls import STREAM, Caller, ping, refuse, spec, times
from tests.support.sip_peers import SRC, SRS, Peer, response


def test_TXN_15_an_invite_repeats_by_timer_a_and_times_out_by_timer_b() -> None:
    caller = Caller()
    assert [at for at, _ in times(caller, 40)] == [0.5, 1.5, 3.5, 7.5, 15.5, 31.5]
    assert caller.take_events() == [RequestTimedOut(caller.transaction, None)]
    assert caller.endpoint.deadline() is None


def test_TXN_15_a_non_invite_repeats_by_timer_e_and_times_out_by_timer_f() -> None:
    peer = Peer()
    transaction = peer.endpoint.send(ping(), 0.0)
    peer.take()
    assert [at for at, _ in times(peer, 40)] == [0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]
    assert peer.event(RequestTimedOut).transaction == transaction


def test_TXN_15_a_provisional_slows_a_non_invite_down_to_t2() -> None:
    peer = Peer()
    peer.endpoint.send(ping(), 0.0)
    (options,) = peer.take()
    peer.receive(response(options.to_bytes(), 100))
    assert [at for at, _ in times(peer, 10)] == [0.5, 4.5, 8.5]
    peer.receive(response(options.to_bytes(), 200))
    assert times(peer, 60) == []
    assert len(peer.endpoint._uac._transactions) == 0


@pytest.mark.parametrize("flow", [STREAM, Flow("tls", SRC, SRS, 4)])
def test_TXN_15_nothing_repeats_on_a_stream(flow: Flow) -> None:
    caller = Caller(flow)
    assert times(caller, 31) == []
    times(caller, 2)
    assert caller.event(RequestTimedOut).dialog is None


def test_TXN_15_the_ack_of_a_failure_has_the_branch_of_the_invite_and_repeats() -> None:
    caller = Caller(route=("<sip:203.0.113.5;lr>",))
    for _ in range(2):
        assert caller.hears(486) == ["ACK"]
        assert isinstance(caller.last, Request)
        assert caller.last.top_via.branch == caller.invite.top_via.branch
        assert caller.last.to.tag == "peer"
        assert str(caller.last.cseq) == "1 ACK"
        assert caller.last.headers.get("Route") == "<sip:203.0.113.5;lr>"
    events = caller.take_events()
    assert [type(event) for event in events] == [ResponseReceived]
    assert times(caller, 33) == []
    assert len(caller.endpoint._uac._transactions) == 0


def test_TXN_15_the_ack_of_a_2xx_is_a_request_of_the_dialog_and_repeats() -> None:
    caller = Caller()
    fields = {"Contact": "<sip:rec@203.0.113.5:5099>", "Record_Route": "<sip:203.0.113.9;lr>"}
    assert caller.hears(200, **fields) == ["ACK"]
    ack = caller.last
    assert isinstance(ack, Request)
    assert ack.uri == "sip:rec@203.0.113.5:5099"
    assert ack.headers.get("Route") == "<sip:203.0.113.9;lr>"
    assert ack.top_via.branch != caller.invite.top_via.branch
    received = caller.event(ResponseReceived)
    assert received.dialog is not None
    caller.hears(200, **fields)
    assert caller.last == ack
    assert caller.take_events() == []


def test_a_second_callee_of_a_forked_invite_is_acknowledged_and_hung_up() -> None:
    caller = Caller()
    caller.hears(200, Contact="<sip:one@203.0.113.5>")
    dialog = caller.event(ResponseReceived).dialog
    assert caller.hears(200, tag="two", Contact="<sip:two@203.0.113.6>") == ["ACK", "BYE"]
    assert isinstance(caller.last, Request)
    assert (caller.last.uri, caller.last.to.tag) == ("sip:two@203.0.113.6", "two")
    assert list(caller.endpoint._core.dialogs) == [dialog]
    assert caller.take_events() == []


def test_PRS_17_responses_that_are_not_ours_are_dropped() -> None:
    caller = Caller()
    data = response(caller.invite.to_bytes(), 200)
    assert caller.receive(data.replace(b"192.0.2.10:5060", b"192.0.2.11:5060")) == []
    assert caller.receive(data.replace(b"z9hG4bK", b"z9hG4bKx")) == []
    assert caller.receive(data.replace(b"1 INVITE", b"1 OPTIONS")) == []
    assert caller.receive(data.replace(b"SIP/2.0 200", b"SIP/2.0 700")) == []
    assert caller.receive(data.replace(b"CSeq: 1", b"CSeq: x")) == []
    assert caller.no_event(ResponseReceived)
    assert caller.endpoint.counters["responses_unmatched"] == 3
    assert caller.endpoint.counters["malformed"] == 2


def test_a_cancel_waits_until_something_came_back() -> None:
    caller = Caller()
    caller.endpoint.cancel(caller.transaction, 0.0)
    assert caller.take() == []
    assert caller.hears(100) == ["CANCEL"]
    cancel = caller.last
    assert isinstance(cancel, Request)
    assert cancel.top_via.branch == caller.invite.top_via.branch
    assert cancel.headers.get("To") == caller.invite.headers.get("To")
    caller.receive(response(cancel.to_bytes(), 200))
    assert caller.hears(487) == ["ACK"]
    assert caller.event(ResponseReceived).response.status == 487


def test_a_call_that_rings_for_ever_is_cancelled() -> None:
    caller = Caller()
    caller.hears(180)
    assert times(caller, 180.1) == [(180.0, "CANCEL")]
    times(caller, 32)
    assert caller.event(RequestTimedOut).transaction == caller.transaction


def test_a_broken_connection_ends_what_was_asked_on_it() -> None:
    caller = Caller(STREAM)
    other = caller.endpoint.send(ping(Flow("tcp", SRC, SRS, 5)), 0.0)
    caller.endpoint.connection_lost(STREAM, 1.0)
    assert caller.take_events() == [RequestTimedOut(caller.transaction, None)]
    caller.endpoint.connection_lost(Flow("tcp", SRC, SRS, 5), 1.0)
    assert caller.take_events() == [RequestTimedOut(other, None)]


def test_a_connection_that_could_not_be_made_is_told_by_its_address() -> None:
    caller = Caller(Flow("tcp", SRC, SRS))
    caller.endpoint.connection_lost(Flow("tcp", SRC, SRS), 1.0)
    assert caller.event(RequestTimedOut).transaction == caller.transaction


def test_what_the_user_writes_can_not_inject_headers() -> None:
    peer = Peer()
    with pytest.raises(ValueError, match="line break"):
        peer.endpoint.invite(spec(to="<sip:x@y>\r\nEvil: 1"), 0.0)


def test_our_headers_give_way_to_those_of_the_user() -> None:
    caller = Caller(headers=(("allow", "INVITE"), ("Require", "siprec")), contact="<sip:me@192.0.2.10>;x")
    assert caller.invite.headers.get_all("Allow") == ["INVITE"]
    assert caller.invite.headers.get("Require") == "siprec"
    assert caller.invite.headers.get("Contact") == "<sip:me@192.0.2.10>;x"


def test_a_retry_with_credentials_is_the_same_call_with_a_higher_cseq() -> None:
    caller = Caller(call_id="c1", from_tag="mine", sequence=7)
    assert caller.invite.from_.tag == "mine"
    assert caller.invite.call_id == "c1"
    assert caller.invite.cseq.number == 7
    caller.hears(200, Contact="<sip:rec@203.0.113.5>")
    caller.endpoint.request(str(caller.event(ResponseReceived).dialog), OutgoingRequest("BYE"), 0.0)
    assert [sent.cseq.number for sent in caller.take()] == [8]


def test_a_2xx_that_leads_nowhere_is_not_acknowledged_and_harms_nobody() -> None:
    caller = Caller()
    assert caller.hears(200, Record_Route="<garbage>") == []
    assert caller.event(ResponseReceived).dialog is not None


def test_TP_17_an_invite_that_nobody_takes_fails_at_its_first_repetition() -> None:
    caller = Caller()
    refuse(caller)
    assert caller.take_events() == [], "one may be forged, or a peer's that starts anew"
    assert times(caller, 0.5) == [(0.5, "INVITE")]
    refuse(caller, ("203.0.113.99", 5060))
    assert caller.take_events() == []
    refuse(caller)
    assert caller.take_events() == [RequestTimedOut(caller.transaction, None, refused=True)]
    assert times(caller, 40) == []


def test_TP_17_an_answered_call_and_one_on_a_stream_are_not_concerned() -> None:
    for caller, status in ((Caller(), 200), (Caller(), 486), (Caller(STREAM), 100)):
        caller.hears(status, Contact="<sip:rec@203.0.113.5>")
        caller.take_events()
        for _ in range(3):
            refuse(caller)
            caller.advance(0.5)
        assert caller.no_event(RequestTimedOut)
