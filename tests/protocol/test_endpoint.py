"""The façade: what is no SIP, what is malformed, and what must never happen whatever arrives."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from siprecord.protocol import (
    AckReceived,
    Answer,
    DialogEnded,
    EndpointSettings,
    MessageRejected,
    OutgoingRequest,
    RequestReceived,
)
from siprecord.syntax.sip import Request, Response, parse_message
from tests.protocol.calls import OK, Call
from tests.support.sip_peers import OFFER, Peer, flow_of, request


def answered(peer: Peer, data: bytes) -> int | None:
    sent = [each for each in peer.receive(data) if isinstance(each, Response)]
    return sent[0].status if sent else None


@pytest.mark.parametrize(
    "data", [b"", b"\r\n", b"\r\n\r\n", b"\0\0\0\0", b"\0\1\0\0\x21\x12\xa4\x42" + bytes(12), b"\xff\xfe"]
)
def test_TP_18_what_is_no_sip_is_dropped(data: bytes) -> None:
    peer = Peer()
    assert peer.receive(data) == []


def test_TP_18_keep_alives_and_stun_are_not_even_told() -> None:
    peer = Peer()
    for data in (b"\r\n\r\n", b"\0\0\0\0", b"\0\1\0\0\x21\x12\xa4\x42" + bytes(12)):
        peer.receive(data)
    assert peer.take_events() == []
    assert peer.endpoint.counters["not_sip"] == 3


def test_TP_03_a_large_datagram_is_answered() -> None:
    peer = Peer()
    peer.receive(request(body=b"x" * 60_000))
    assert len(peer.event(RequestReceived).request.body) == 60_000


def test_TP_07_a_body_that_is_too_short_is_refused() -> None:
    peer = Peer()
    data = request(body=OFFER)
    assert answered(peer, data[:-5]) == 400
    assert peer.event(MessageRejected).status == 400
    assert answered(peer, data + b"tail") is None
    assert peer.event(RequestReceived).request.body == OFFER


def test_TP_09_10_the_response_shows_what_the_via_became() -> None:
    peer = Peer()
    flow = flow_of(remote=("198.51.100.7", 40001))
    sent = peer.receive(request("FOO", Via="SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK-1;rport"), flow)
    assert (
        sent[0].headers.get("Via")
        == "SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK-1;rport=40001;received=198.51.100.7"
    )


def test_TP_11_12_the_response_is_sent_where_the_via_says() -> None:
    peer = Peer()
    flow = flow_of(remote=("198.51.100.7", 40001))
    peer.endpoint.receive(request("FOO", Via="SIP/2.0/UDP 10.0.0.1:5070;branch=z9hG4bK-1"), flow, 0.0)
    peer.endpoint.receive(request("FOO", Via="SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK-2;rport"), flow, 0.0)
    assert [sent.flow.remote for sent in peer.take_raw()] == [
        ("198.51.100.7", 5070),
        ("198.51.100.7", 40001),
    ]


def test_TP_16_ipv6_all_along() -> None:
    source = ("2001:db8::10", 5060)
    peer = Peer()
    flow = flow_of(remote=source)
    fields: dict[str, Any] = {"Via": "SIP/2.0/UDP [2001:db8::10]:5060;branch=z9hG4bK-1;rport"}
    peer.receive(request(Contact="<sip:src@[2001:db8::10]:5062>", **fields), flow)
    transaction = peer.event(RequestReceived).transaction
    peer.endpoint.respond(transaction, OK, 0.0)
    (ok,) = peer.take()
    assert ok.top_via.received == "2001:db8::10"
    peer.receive(request("ACK", To=ok.headers.get("To"), **fields), flow)
    peer.endpoint.request(str(peer.endpoint.dialog_of(transaction)), OutgoingRequest("BYE"), 0.0)
    assert [sent.flow.remote for sent in peer.take_raw()] == [("2001:db8::10", 5062)]


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"From": None}, 400),
        ({"CSeq": None}, 400),
        ({"CSeq": "1 BYE"}, 400),
        ({"CSeq": "4294967296 INVITE"}, 400),
        ({"CSeq": ["1 INVITE", "2 INVITE"]}, 400),
        ({"Call_ID": ["a", "b"]}, 400),
        ({"From": ["<sip:a@b>;tag=1", "<sip:a@b>;tag=1"]}, 400),
        ({"uri": "http://x/"}, 416),
        ({"To": None}, None),
        ({"Call_ID": None}, None),
        ({"Via": None}, None),
    ],
)
def test_PRS_10_11_12_malformed_requests_get_400_where_an_answer_is_possible(
    fields: dict[str, Any], status: int | None
) -> None:
    peer = Peer()
    assert answered(peer, request(**fields)) == status
    assert peer.event(MessageRejected).status == status
    assert peer.endpoint.counters["malformed"] == 1
    assert peer.endpoint.deadline() is None


def test_a_malformed_ack_is_not_answered() -> None:
    peer = Peer()
    assert peer.receive(request("ACK", CSeq="x ACK")) == []
    assert peer.event(MessageRejected).status is None


@pytest.mark.parametrize("via", ["SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bK-1", "SIP/7.0/UDP 192.0.2.10"])
def test_another_version_gets_505(via: str) -> None:
    data = request("OPTIONS", Via=via).replace(b" SIP/2.0\r\n", b" SIP/7.0\r\n", 1)
    assert answered(Peer(), data) == 505


def test_a_head_beyond_the_limit_is_refused() -> None:
    peer = Peer()
    assert answered(peer, request(X_Large="x" * 100_000)) == 513


def test_what_is_refused_has_the_same_tag_each_time() -> None:
    peer = Peer()
    first, second = (peer.receive(request(CSeq="x INVITE"))[0] for _ in range(2))
    assert first.to.tag == second.to.tag is not None


def test_PRS_09_headers_nobody_reads_may_be_malformed() -> None:
    peer = Peer()
    assert peer.receive(request(Date="never", X_Foo="\x01", Expires="soon", Session_Expires="?;?=")) == []
    peer.event(RequestReceived)


def test_KA_02_line_ends_before_a_message_are_skipped() -> None:
    peer = Peer()
    peer.receive(b"\r\n\r\n" + request())
    assert peer.event(RequestReceived).dialog is None


def test_what_happens_is_counted() -> None:
    call = Call()
    call.receive(request(body=OFFER, Content_Type="application/sdp"))
    call.status(call.inside("FOO"))
    counters = call.endpoint.counters
    assert counters["requests_received"] == 4
    assert counters["requests_repeated"] == 1
    assert counters["requests_refused"] == 1


def test_expire_may_be_called_at_any_time() -> None:
    peer = Peer()
    peer.endpoint.expire(5.0)
    peer.receive(request())
    peer.endpoint.expire(0.1)
    assert peer.take() == []


# Whatever arrives, in whatever order


pieces = st.sampled_from(
    [
        *[
            request(method, branch=f"z9hG4bK-{method}")
            for method in ("INVITE", "ACK", "BYE", "CANCEL", "FOO")
        ],
        request(
            "INVITE", Record_Route="<sip:;lr>,<", Contact="<sip:[::>", Session_Expires="90;refresher=uas"
        ),
        request("UPDATE", Supported="timer", x="1"),
        request("INVITE", From="<sip:a@b>", Via="SIP/2.0/UDP x;maddr=\r\n ;rport=1"),
        b"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP x;branch=z9hG4bK1\r\nCSeq: 1 INVITE\r\n\r\n",
    ]
)


@st.composite
def mangled(draw: st.DrawFn) -> bytes:
    """A message with some bytes cut out, put in or changed."""
    data = bytearray(draw(pieces))
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(data)))
        data[at : at + draw(st.integers(0, 20))] = draw(st.binary(max_size=8) | st.just(b"\r\n"))
    return bytes(data)


@settings(deadline=None)
@given(st.lists(st.tuples(mangled(), st.sampled_from(["udp", "tcp"]), st.floats(0, 40)), max_size=12))
def test_nothing_a_peer_sends_raises_or_stays(messages: list[tuple[bytes, Any, float]]) -> None:
    peer = Peer(EndpointSettings(max_transactions=5))
    for data, transport, pause in messages:
        for sent in peer.receive(data, flow_of(transport)):
            assert isinstance(parse_message(sent.to_bytes()), Request | Response)
        for event in peer.take_events():
            if isinstance(event, RequestReceived):
                peer.endpoint.respond(event.transaction, OK, peer.now)
            elif isinstance(event, AckReceived):
                peer.endpoint.request(event.dialog, OutgoingRequest("BYE"), peer.now)
        peer.advance(pause)
    peer.advance(600)
    peer.take_events()
    assert len(peer.endpoint._uas) == 0
    assert len(peer.endpoint._uac._transactions) == 0
    assert set(peer.endpoint._core.dialogs) <= {
        dialog.id for dialog in peer.endpoint._core.dialogs.values() if not dialog.accepted
    }


class Chaos:
    """A call in which both sides do anything at any time."""

    def __init__(self, data: st.DataObject) -> None:
        self.data = data
        self.call = Call(ack=data.draw(st.booleans()), Allow="UPDATE")
        self.seq = 1
        self.sent: list[bytes] = []

    def step(self) -> None:
        do = self.data.draw(st.sampled_from([self.ask, self.answer, self.send, self.hear, self.wait]))
        do()
        self.sent += [each.data for each in self.call.take_raw() if not each.data.startswith(b"SIP/")]

    def ask(self) -> None:
        """The peer sends a request."""
        self.seq += self.data.draw(st.integers(0, 1))
        method = self.data.draw(st.sampled_from(["INVITE", "UPDATE", "BYE", "INFO", "ACK", "CANCEL"]))
        self.call.endpoint.receive(self.call.inside(method, seq=self.seq), flow_of(), self.call.now)

    def answer(self) -> None:
        """Our user answers what it has been asked."""
        reply = self.data.draw(st.sampled_from([OK, Answer(180), Answer(491)]))
        for event in self.call.take_events():
            if isinstance(event, RequestReceived):
                self.call.endpoint.respond(event.transaction, reply, self.call.now)

    def send(self) -> None:
        """Our user sends a request."""
        method = self.data.draw(st.sampled_from(["INVITE", "UPDATE", "BYE", "INFO"]))
        self.call.endpoint.request(self.call.dialog, OutgoingRequest(method), self.call.now)

    def hear(self) -> None:
        """The peer answers the last request of ours, an ACK too."""
        if self.sent:
            status = self.data.draw(st.sampled_from([100, 180, 200, 404, 481, 491]))
            rows = self.sent[-1].split(b"\r\n", 1)[1].replace(b" ACK\r\n", b" INVITE\r\n")
            self.call.endpoint.receive(b"SIP/2.0 %d X\r\n%s" % (status, rows), flow_of(), self.call.now)

    def wait(self) -> None:
        self.call.advance(self.data.draw(st.sampled_from([0.3, 5.0, 33.0])))


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_a_dialog_takes_any_order_of_what_both_sides_may_do(data: st.DataObject) -> None:
    chaos = Chaos(data)
    for _ in range(data.draw(st.integers(0, 25))):
        chaos.step()
    call = chaos.call
    call.advance(600)
    assert len(call.endpoint._uac._transactions) == 0
    assert len(call.endpoint._uas) == 0
    assert call.endpoint.deadline() is None
    events = [event for event in call.take_events() if isinstance(event, DialogEnded)]
    assert len(events) <= 1
    # What is left is a dialog that works.
    if call.endpoint.snapshot(call.dialog) is not None:
        call.endpoint.request(call.dialog, OutgoingRequest("BYE"), call.now)
        assert [sent.cseq.method for sent in call.take()] == ["BYE"]
