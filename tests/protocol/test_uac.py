"""The client side, by hand and against our own server side."""

from __future__ import annotations

from collections import Counter as Tally
from typing import Any

import pytest

from siprecord.protocol import (
    AckReceived,
    Address,
    Answer,
    DialogEnd,
    DialogEnded,
    EndpointSettings,
    Flow,
    InviteSpec,
    OutgoingRequest,
    OutOfDialogRequest,
    RequestReceived,
    RequestTimedOut,
    ResponseReceived,
    Transmit,
    Transport,
)
from siprecord.syntax.sip import Request
from tests.protocol.test_uas import OK, Call
from tests.support.sip_peers import ANSWER, OFFER, SRC, SRS, Link, Peer, flow_of, request, response

OUT = Flow("udp", SRC, SRS)
STREAM = Flow("tcp", SRC, SRS, 4)


def spec(flow: Flow = OUT, **fields: Any) -> InviteSpec:
    given: dict[str, Any] = {
        "request_uri": "sip:srs@203.0.113.5",
        "from_": "<sip:src@192.0.2.10>",
        "to": "<sip:srs@203.0.113.5>",
        "flow": flow,
        "content_type": "application/sdp",
        "body": OFFER,
    }
    return InviteSpec(**(given | fields))


def ping(flow: Flow = OUT) -> OutOfDialogRequest:
    return OutOfDialogRequest(
        method="OPTIONS", request_uri="sip:203.0.113.5", from_="<sip:a@b>", to="<sip:c@d>", flow=flow
    )


class Caller(Peer):
    """A client that has sent an INVITE."""

    def __init__(self, flow: Flow = OUT, **fields: Any) -> None:
        super().__init__(EndpointSettings(contact_parameters="+sip.src", max_datagram_request=None))
        self.flow = flow
        self.transaction = self.endpoint.invite(spec(flow, **fields), 0.0)
        (self.invite,) = self.take()
        assert isinstance(self.invite, Request)

    def hears(self, status: int, **fields: Any) -> list[str]:
        """Take a response to the INVITE; returns the methods of what is sent because of it."""
        sent = self.receive(response(self.invite.to_bytes(), status, **fields), self.flow)
        self.last = sent[-1] if sent else None
        return [each.method for each in sent if isinstance(each, Request)]


def times(peer: Peer, seconds: float) -> list[tuple[float, str]]:
    return [(at, sent.method) for at, sent in peer.advance(seconds) if isinstance(sent, Request)]


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


# Both sides against each other


def link(transport: Transport = "udp", **fields: Any) -> Link:
    caller = Peer(EndpointSettings(contact_parameters="+sip.src"), prefix="a")
    return Link(caller, Peer(prefix="b"), transport, **fields)


def converse(network: Link) -> None:
    """INVITE, 200, ACK, BYE, 200, with an answering side that answers at once."""
    network.caller.endpoint.invite(network.spec(), 0.0)
    dialog: str | None = None
    ended = 0
    for _ in range(4000):
        network.run(0.1)
        for peer in (network.caller, network.callee):
            for event in peer.take_events():
                if isinstance(event, RequestReceived):
                    peer.endpoint.respond(event.transaction, OK, network.now)
                elif isinstance(event, ResponseReceived) and event.response.cseq.method == "INVITE":
                    dialog = event.dialog
                elif isinstance(event, AckReceived):
                    network.caller.endpoint.request(str(dialog), OutgoingRequest("BYE"), network.now)
                elif isinstance(event, DialogEnded):
                    ended += 1
    assert ended == 2
    for peer in (network.caller, network.callee):
        assert peer.endpoint.deadline() is None
        assert not peer.endpoint._core.dialogs


@pytest.mark.parametrize("transport", ["udp", "tcp", "tls"])
def test_a_call_between_two_endpoints(transport: Transport) -> None:
    network = link(transport)
    converse(network)
    arrived = Tally(line.split(" ")[0] + " " + line.split(" ")[1][:3] for _, _, line in network.log)
    assert arrived == {"INVITE sip": 1, "SIP/2.0 200": 2, "ACK sip": 1, "BYE sip": 1}


@pytest.mark.parametrize("seed", range(8))
def test_a_call_survives_loss_duplicates_and_disorder(seed: int) -> None:
    numbers = iter(range(seed * 7919, 10**9, 104729))

    def badly(transmit: Transmit) -> list[float]:
        draw = next(numbers) % 100
        if draw < 40:
            return []
        return [0.01 + draw / 100, 0.02] if draw < 60 else [draw / 200]

    converse(link(rule=badly))


def test_an_answer_in_the_ack_reaches_the_callee() -> None:
    network = link()
    offerless = network.spec(content_type=None, body=b"", acknowledge=False)
    transaction = network.caller.endpoint.invite(offerless, 0.0)
    network.run(0.1)
    call = network.callee.event(RequestReceived).transaction
    network.callee.endpoint.respond(call, OK, network.now)
    network.run(0.1)
    assert network.callee.no_event(AckReceived)
    network.caller.endpoint.ack(transaction, network.now, content_type="application/sdp", body=ANSWER)
    network.run(0.1)
    assert network.callee.event(AckReceived).request.body == ANSWER
    network.run(60)
    assert network.callee.take_events() == []


def test_a_refused_call_leaves_nothing_behind() -> None:
    network = link()
    network.caller.endpoint.invite(network.spec(), 0.0)
    network.run(0.1)
    network.callee.endpoint.respond(network.callee.event(RequestReceived).transaction, Answer(603), 0.1)
    network.run(60)
    assert network.caller.event(ResponseReceived).response.status == 603
    assert network.caller.endpoint.deadline() is None
    assert network.callee.endpoint.deadline() is None


# Reliable provisional responses (RFC 3262)

RELIABLE: dict[str, Any] = {"Require": "100rel", "Contact": "<sip:rec@203.0.113.5:5099>"}


def test_REL_03_we_acknowledge_a_reliable_provisional_by_prack() -> None:
    caller = Caller()
    assert caller.invite.headers.get("Supported") == "siprec, timer, 100rel"
    assert caller.hears(183, RSeq=7, **RELIABLE) == ["PRACK"]
    prack = caller.last
    assert isinstance(prack, Request)
    assert prack.headers.get("RAck") == "7 1 INVITE"
    assert (prack.uri, prack.to.tag, str(prack.cseq)) == ("sip:rec@203.0.113.5:5099", "peer", "2 PRACK")
    assert caller.event(ResponseReceived).response.status == 183
    assert times(caller, 0.6) == [(0.5, "PRACK")]
    caller.receive(response(prack.to_bytes(), 200))
    assert times(caller, 20) == []
    assert caller.take_events() == []


def test_REL_05_repeated_and_early_ones_are_passed_over() -> None:
    caller = Caller()
    assert caller.hears(183, RSeq=7, **RELIABLE) == ["PRACK"]
    caller.take_events()
    assert caller.hears(183, RSeq=7, **RELIABLE) == []
    assert caller.hears(183, RSeq=9, **RELIABLE) == []
    assert caller.take_events() == []
    assert caller.hears(180, RSeq=8, **RELIABLE) == ["PRACK"]
    assert caller.event(ResponseReceived).response.status == 180


@pytest.mark.parametrize("fields", [{"RSeq": 7}, {"Require": "100rel"}, {"Require": "100rel", "RSeq": "x"}])
def test_REL_05_what_is_not_reliable_gets_no_prack(fields: dict[str, Any]) -> None:
    caller = Caller()
    assert caller.hears(183, **fields) == []
    assert caller.event(ResponseReceived).response.status == 183


def test_REL_03_the_dialog_goes_on_from_its_early_days() -> None:
    caller = Caller()
    caller.hears(183, RSeq=1, **RELIABLE)
    assert caller.hears(200, Contact="<sip:other@203.0.113.5>") == ["ACK"]
    dialog = caller.event(ResponseReceived).dialog or ""
    caller.endpoint.request(dialog, OutgoingRequest("BYE"), 0.0)
    (bye,) = caller.take()
    assert isinstance(bye, Request)
    assert (str(bye.cseq), bye.uri) == ("3 BYE", "sip:other@203.0.113.5")
    assert len(caller.endpoint._core.dialogs) == 1


@pytest.mark.parametrize("status", [200, 486])
def test_early_dialogs_end_with_the_final_response(status: int) -> None:
    caller = Caller()
    assert caller.hears(183, tag="first", RSeq=1, **RELIABLE) == ["PRACK"]
    assert caller.hears(183, tag="second", RSeq=1, **RELIABLE) == ["PRACK"]
    caller.take_events()
    caller.hears(status, tag="second", Contact="<sip:rec@203.0.113.5>")
    ended = [event for event in caller.take_events() if isinstance(event, DialogEnded)]
    assert [event.cause for event in ended] == [DialogEnd.REFUSED] * (1 if status == 200 else 2)


def test_an_unanswered_call_leaves_no_early_dialog() -> None:
    caller = Caller()
    caller.hears(183, RSeq=1, **RELIABLE)
    caller.advance(300)
    assert len(caller.endpoint._core.dialogs) == 0


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_REL_04_both_sides_agree_over_a_network_that_loses(transport: Transport) -> None:
    """The third of each kind of message gets through; the 2xx comes after the PRACK of the description."""
    lost: Tally[str] = Tally()

    def rule(transmit: Transmit) -> tuple[float, ...]:
        line = transmit.data.split(b"\r\n")[0].decode()
        lost[line] += 1
        return (0.01,) if transport == "tcp" or lost[line] % 3 == 0 else ()

    link = Link(Peer(prefix="a"), Peer(prefix="b"), transport, rule)
    link.caller.endpoint.invite(link.spec(headers=(("Require", "100rel"),)), 0.0)
    link.run(10)
    transaction = link.callee.event(RequestReceived).transaction
    described = Answer(183, content_type="application/sdp", body=ANSWER)
    link.callee.endpoint.respond(transaction, described, link.now)
    link.callee.endpoint.respond(transaction, Answer(200), link.now)
    link.run(60)
    assert link.callee.event(AckReceived).dialog
    told = [each.response.status for each in link.caller.take_events() if isinstance(each, ResponseReceived)]
    assert told == [183, 200]


# Datagrams that come back (RFC 3261 section 18.4)


def refuse(peer: Peer, remote: Address = SRS) -> None:
    """The kernel tells that nothing takes what was sent there, perhaps from another socket's address."""
    peer.endpoint.unreachable(Flow("udp", ("0.0.0.0", SRC[1]), remote), peer.now)


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


def test_TP_17_TXN_16_an_icmp_error_leaves_the_server_transaction() -> None:
    call = Call(ack=False)
    for _ in range(3):
        call.endpoint.unreachable(flow_of(), call.now)
        call.advance(0.6)
    assert call.no_event(DialogEnded)
    assert call.receive(request(body=OFFER, Content_Type="application/sdp")) == [], "the INVITE is absorbed"
    call.acknowledge()
    assert call.event(AckReceived).dialog == call.dialog
