"""The server side: which requests reach the user, and how they are answered."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from siprecord.protocol import (
    AckReceived,
    Answer,
    AnswerTimedOut,
    CancelReceived,
    DialogEnd,
    DialogEnded,
    EndpointSettings,
    OutgoingRequest,
    RequestReceived,
    Transport,
)
from siprecord.syntax.sip import Request, Response
from tests.protocol.calls import OK, SDP, Call, refused
from tests.support.sip_peers import SRS, Peer, flow_of, request

# General processing


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"method": "REGISTER", "Require": "x-secret", "To": "<sip:a@b>;tag=none"}, 405),
        ({"To": "<sip:a@b>;tag=none", "Require": "x-secret"}, 481),
        ({"branch": "z9hG4bK-other", "Require": "x-secret"}, 482),
        ({"seq": 2, "Require": "x-secret", "Session_Expires": "1", "Supported": "timer"}, 420),
    ],
)
def test_UAS_01_the_first_fault_in_the_order_of_section_8_2_is_answered(
    fields: dict[str, Any], status: int
) -> None:
    peer = Peer()
    peer.receive(request())
    peer.take_events()
    assert refused(peer, request(**({"branch": "z9hG4bK-2"} | fields))).status == status


def test_UAS_15_max_breadth_is_ignored() -> None:
    peer = Peer()
    assert peer.receive(request(Max_Breadth="1")) == []
    assert peer.event(RequestReceived).dialog is None


def test_UAS_03_responses_copy_via_from_call_id_cseq_and_tag_the_to() -> None:
    peer = Peer()
    vias: list[str] = [
        "SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bK-1;x-y=1, SIP/2.0/TLS p:5061;branch=b2;ttl=1"
    ]
    vias.append("SIP/2.0/UNKNOWN far;branch=b3")
    peer.receive(request(Via=vias, From='"Doe, J" <sip:src@192.0.2.10>;tag=src;x=1', **SDP))
    transaction = peer.event(RequestReceived).transaction
    tags = set()
    for answer in (Answer(180), OK):
        peer.endpoint.respond(transaction, answer, 0.0)
        (sent,) = peer.take()
        assert [str(via) for via in sent.vias] == [
            "SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bK-1;x-y=1",
            "SIP/2.0/TLS p:5061;branch=b2;ttl=1",
            "SIP/2.0/UNKNOWN far;branch=b3",
        ]
        assert sent.headers.get("From") == '"Doe, J" <sip:src@192.0.2.10>;tag=src;x=1'
        assert sent.headers.get("Call-ID") == "call-1"
        assert sent.headers.get("CSeq") == "1 INVITE"
        tags.add(sent.to.tag)
    assert len(tags) == 1
    assert None not in tags


def test_UAS_04_tags_differ_from_call_to_call_and_from_endpoint_to_endpoint() -> None:
    peer = Peer()
    tags = set()
    for number in range(2000):
        peer.endpoint.receive(request("FOO", Call_ID=f"c{number}", branch=f"z9hG4bK{number}"), flow_of(), 0)
        tags |= {sent.to.tag for sent in peer.take()}
    other = Peer(prefix="other")
    tags |= {sent.to.tag for sent in other.receive(request("FOO", Call_ID="c0", branch="z9hG4bK0"))}
    assert len(tags) == 2001
    assert all(len(tag or "") == 16 for tag in tags)


@pytest.mark.parametrize(
    ("method", "status"),
    [("REGISTER", 405), ("SUBSCRIBE", 405), ("REFER", 405), ("FOO", 501), ("invite", 501)],
)
def test_UAS_05_known_methods_get_405_with_allow_and_unknown_ones_501(method: str, status: int) -> None:
    sent = refused(Peer(), request(method))
    assert sent.status == status
    allow = "INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE, PRACK, INFO"
    assert sent.headers.get("Allow") == (allow if status == 405 else None)


def test_UAS_05_the_200_lists_what_is_handled() -> None:
    call = Call()
    assert call.ok.headers.get("Allow") == "INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE, PRACK, INFO"
    assert call.ok.headers.get("Supported") == "siprec, timer, 100rel"


def test_UAS_06_an_unknown_extension_is_refused_and_named() -> None:
    sent = refused(Peer(), request(Require="siprec, x-secret", extra=["Require: y-other"]))
    assert sent.status == 420
    assert sent.headers.get("Unsupported") == "x-secret, y-other"


def test_UAS_06_require_siprec_is_never_refused() -> None:
    call = Call(Require="siprec")
    for number, method in enumerate(("INFO", "UPDATE", "BYE"), 2):
        assert call.ask(call.inside(method, seq=number, Require="SIPREC"), Answer(200)).status == 200


def test_UAS_06_require_is_ignored_in_cancel_and_ack() -> None:
    peer = Peer()
    peer.receive(request())
    canceled = peer.receive(request("CANCEL", Require="x-secret"))
    assert [sent.status for sent in canceled if isinstance(sent, Response)] == [200, 487]
    call = Call(ack=False)
    call.receive(call.inside("ACK", seq=1, Require="x-secret"))
    assert call.event(AckReceived).dialog == call.dialog


def test_UAS_07_the_same_request_by_another_way_is_merged() -> None:
    peer = Peer()
    peer.receive(request(**SDP))
    first = peer.event(RequestReceived).transaction
    assert refused(peer, request(branch="z9hG4bK-other")).status == 482
    peer.endpoint.respond(first, OK, 0.0)
    (sent,) = peer.take()
    assert sent.cseq.number == 1


def test_UAS_08_a_retry_with_credentials_is_not_merged() -> None:
    peer = Peer()
    peer.receive(request())
    peer.endpoint.respond(peer.event(RequestReceived).transaction, Answer(401), 0.0)
    peer.take()
    peer.receive(request(seq=2, branch="z9hG4bK-2", Authorization="Digest x=y"))
    peer.event(RequestReceived)
    # Some peers forget to raise the CSeq.
    again = Peer()
    again.receive(request())
    again.endpoint.respond(again.event(RequestReceived).transaction, Answer(401), 0.0)
    again.receive(request(branch="z9hG4bK-2", Authorization="Digest x=y"))
    assert isinstance(again.event(RequestReceived), RequestReceived)


@pytest.mark.parametrize("value", ["0", None, "999999999999"])
def test_UAS_09_max_forwards_is_no_business_of_an_endpoint(value: str | None) -> None:
    peer = Peer()
    assert peer.receive(request(Max_Forwards=value)) == []
    assert peer.event(RequestReceived).dialog is None


def test_UAS_10_the_to_need_not_name_us() -> None:
    peer = Peer()
    peer.receive(request(To="<tel:+15550100>"))
    assert peer.event(RequestReceived).request.to.uri == "tel:+15550100"


def test_UAS_12_the_answer_to_options_tells_what_we_can_do() -> None:
    peer = Peer()
    peer.receive(request("OPTIONS"))
    peer.endpoint.respond(peer.event(RequestReceived).transaction, Answer(503), 0.0)
    (sent,) = peer.take()
    assert isinstance(sent, Response)
    assert sent.status == 503
    for name in ("Allow", "Accept", "Accept-Encoding", "Accept-Language", "Supported"):
        assert name in sent.headers


def test_UAS_13_options_in_a_dialog_changes_nothing() -> None:
    call = Call()
    assert call.ask(call.inside("OPTIONS", Contact="<sip:elsewhere@192.0.2.99>"), Answer(200)).status == 200
    call.endpoint.request(call.dialog, OutgoingRequest("BYE"), 0.0)
    (bye,) = call.take()
    assert isinstance(bye, Request)
    assert bye.uri == "sip:src@192.0.2.10:5060"


def test_UAS_14_the_product_name_can_be_left_out() -> None:
    call = Call(EndpointSettings(product="", response_headers=(("X-Node", "7"),)))
    assert "Server" not in call.ok.headers
    assert call.ok.headers.get("X-Node") == "7"


def test_UAS_16_an_invite_expires() -> None:
    peer = Peer()
    peer.receive(request(Expires="1"))
    transaction = peer.event(RequestReceived).transaction
    sent = [each.status for _, each in peer.advance(1.1) if isinstance(each, Response)]
    assert sent == [100, 487]
    assert peer.event(AnswerTimedOut) == AnswerTimedOut(transaction, 487)


def test_what_the_answer_says_replaces_our_own_headers() -> None:
    peer = Peer()
    peer.receive(request("OPTIONS"))
    answer = Answer(200, "Fine", (("server", "other"), ("Warning", '399 x "y"')))
    peer.endpoint.respond(peer.event(RequestReceived).transaction, answer, 0.0)
    (sent,) = peer.take()
    assert isinstance(sent, Response)
    assert sent.reason == "Fine"
    assert sent.headers.get_all("Server") == ["other"]
    assert sent.headers.get("Warning") == '399 x "y"'


# INVITE, ACK, BYE, CANCEL


def test_INV_04_an_ack_with_a_new_branch_matches_by_dialog_and_cseq() -> None:
    call = Call(ack=False)
    call.receive(call.inside("ACK", seq=7))
    assert call.no_event(AckReceived)
    call.acknowledge()
    assert call.event(AckReceived).dialog == call.dialog
    assert call.advance(31) == []


def test_INV_05_a_stray_ack_is_met_with_silence() -> None:
    peer = Peer()
    assert peer.receive(request("ACK", To="<sip:srs@h>;tag=none")) == []
    assert peer.receive(request("ACK", CSeq="1 INVITE")) == []
    assert peer.endpoint.counters["acks_unmatched"] == 1


def test_INV_06_bye_ends_the_dialog_and_an_unknown_one_gets_481() -> None:
    call = Call()
    assert call.ask(call.inside("BYE"), Answer(200)).status == 200
    assert call.take_events() == [DialogEnded(call.dialog, DialogEnd.BYE_RECEIVED)]
    assert call.status(call.inside("BYE", seq=3)) == 481
    assert call.status(request("BYE", branch="z9hG4bK-x")) is None
    assert call.event(RequestReceived).dialog is None


def test_a_bye_that_is_challenged_leaves_the_dialog() -> None:
    call = Call()
    assert call.ask(call.inside("BYE"), Answer(401)).status == 401
    assert call.take_events() == []
    assert call.ask(call.inside("BYE", seq=3), Answer(200)).status == 200
    assert call.event(DialogEnded).cause is DialogEnd.BYE_RECEIVED


def test_INV_07_bye_answers_the_invite_that_is_pending() -> None:
    call = Call()
    call.receive(call.inside("INVITE", **SDP))
    pending = call.event(RequestReceived).transaction
    (terminated,) = call.receive(call.inside("BYE", seq=3))
    assert isinstance(terminated, Response)
    assert (terminated.status, terminated.cseq.number) == (487, 2)
    events = call.take_events()
    assert [event.transaction for event in events if isinstance(event, CancelReceived)] == [pending]


def test_INV_08_our_bye_waits_for_the_ack() -> None:
    call = Call(ack=False)
    call.endpoint.request(call.dialog, OutgoingRequest("BYE"), call.now)
    assert call.take() == []
    (sent,) = call.receive(call.inside("ACK", seq=1))
    assert isinstance(sent, Request)
    assert sent.method == "BYE"


def test_INV_08_or_for_32_seconds() -> None:
    call = Call(ack=False)
    transaction = call.endpoint.request(call.dialog, OutgoingRequest("BYE"), call.now)
    byes = [at for at, sent in call.advance(32.1) if isinstance(sent, Request)]
    assert byes == [32.0]
    assert call.endpoint.request(call.dialog, OutgoingRequest("BYE"), call.now) == transaction


def test_a_bye_of_the_peer_before_its_ack_stops_the_200() -> None:
    call = Call(ack=False)
    call.ask(call.inside("BYE"), Answer(200))
    assert call.advance(60) == []
    assert call.event(DialogEnded).cause is DialogEnd.BYE_RECEIVED


def test_our_bye_goes_out_after_the_peers_was_refused() -> None:
    call = Call(ack=False)
    call.endpoint.request(call.dialog, OutgoingRequest("BYE"), call.now)
    call.receive(call.inside("BYE"))
    call.endpoint.respond(call.event(RequestReceived).transaction, Answer(401), call.now)
    assert [sent.cseq.method for sent in call.take()] == ["BYE", "BYE"]


def test_INV_10_cancel_gets_200_and_the_invite_487_with_the_same_tag() -> None:
    peer = Peer()
    peer.receive(request())
    transaction = peer.event(RequestReceived).transaction
    ok, terminated = peer.receive(request("CANCEL"))
    assert isinstance(ok, Response)
    assert isinstance(terminated, Response)
    assert (ok.status, ok.cseq.method) == (200, "CANCEL")
    assert (terminated.status, terminated.cseq.method) == (487, "INVITE")
    assert ok.to.tag == terminated.to.tag is not None
    assert peer.event(CancelReceived).transaction == transaction
    peer.endpoint.respond(transaction, OK, 0.0)
    assert peer.take() == []
    assert peer.receive(request("CANCEL")) == [ok]


def test_INV_11_cancel_after_the_final_answer_has_no_effect() -> None:
    call = Call()
    assert call.status(request("CANCEL")) == 200
    assert call.take_events() == []
    assert call.status(call.inside("OPTIONS")) is None
    assert call.event(RequestReceived).dialog == call.dialog


def test_INV_12_cancel_without_match_gets_481() -> None:
    assert refused(Peer(), request("CANCEL")).status == 481


def test_INV_13_cancel_of_a_re_invite_leaves_the_dialog() -> None:
    call = Call()
    call.receive(call.inside("INVITE"))
    sent = call.receive(call.inside("CANCEL", branch="z9hG4bK-INVITE2"))
    assert [each.status for each in sent if isinstance(each, Response)] == [200, 487]
    call.take_events()
    assert call.ask(call.inside("INVITE", seq=3)).status == 200


def test_EXT_04_where_replaces_is_not_known_it_is_refused_when_required_and_ignored_otherwise() -> None:
    assert refused(Peer(), request(Require="replaces")).status == 420
    peer = Peer()
    peer.receive(request(Replaces="x;to-tag=a;from-tag=b"))
    peer.event(RequestReceived)


# Limits


def test_a_flood_of_invites_is_bounded_and_refused_with_503() -> None:
    peer = Peer(EndpointSettings(max_transactions=50))
    answers = [
        peer.receive(request(branch=f"z9hG4bK{number}", Call_ID=f"c{number}")) for number in range(200)
    ]
    assert len(peer.endpoint._uas) == 50
    full = answers[-1][0]
    assert isinstance(full, Response)
    assert full.status == 503
    assert full.headers.get("Retry-After") == "10"
    assert peer.endpoint.counters["refused_full"] == 150
    peer.advance(300)
    assert len(peer.endpoint._uas) == 0


def test_a_full_endpoint_still_takes_requests_of_its_dialogs() -> None:
    call = Call(EndpointSettings(max_transactions=1))
    assert call.status(request(Call_ID="call-2", branch="z9hG4bK-2")) == 503
    assert call.ask(call.inside("BYE", seq=9), Answer(200)).status == 200


def test_dialogs_and_calls_that_ring_are_bounded_together() -> None:
    call = Call(EndpointSettings(max_dialogs=2))
    assert call.status(request(Call_ID="call-2", branch="z9hG4bK-2")) is None
    assert call.status(request(Call_ID="call-3", branch="z9hG4bK-3")) == 503
    assert call.status(request("OPTIONS", Call_ID="call-4", branch="z9hG4bK-4")) is None
    call.ask(call.inside("BYE", seq=9), Answer(200))
    assert call.status(request(Call_ID="call-5", branch="z9hG4bK-5")) is None


def test_calls_that_never_acknowledge_leave_nothing_behind() -> None:
    peer = Peer()
    for number in range(20):
        peer.receive(request(branch=f"z9hG4bK{number}", Call_ID=f"c{number}"))
        peer.endpoint.respond(peer.event(RequestReceived).transaction, OK, peer.now)
    peer.advance(120)
    assert len(peer.endpoint._uas) == 0
    assert len(peer.endpoint._core.dialogs) == 0
    assert len(peer.endpoint._uac._transactions) == 0
    assert peer.endpoint.deadline() is None


# Contact


@pytest.mark.parametrize(
    ("transport", "contact"),
    [
        ("udp", "<sip:siprecord@203.0.113.5:5060>;+sip.srs"),
        ("tcp", "<sip:siprecord@203.0.113.5:5060;transport=tcp>;+sip.srs"),
        ("tls", "<sip:siprecord@203.0.113.5:5060;transport=tls>;+sip.srs"),
    ],
)
def test_DLG_08_the_contact_of_a_2xx_reaches_us_on_the_same_transport(
    transport: Transport, contact: str
) -> None:
    peer = Peer()
    peer.receive(request(), flow_of(transport))
    peer.endpoint.respond(peer.event(RequestReceived).transaction, OK, 0.0)
    (sent,) = peer.take()
    assert sent.headers.get("Contact") == contact


def test_DLG_08_the_advertised_address_is_named() -> None:
    peer = Peer(EndpointSettings(advertised_host="rec.example.com", contact_user=""))
    peer.endpoint.advertise("tls", SRS, ("tls.example.com", 443))
    expected: dict[Transport, str] = {
        "udp": "<sip:rec.example.com:5060>;+sip.srs",
        "tls": "<sip:tls.example.com:443;transport=tls>;+sip.srs",
    }
    for transport, contact in expected.items():
        peer.receive(request(Call_ID=transport, branch=f"z9hG4bK{transport}"), flow_of(transport))
        peer.endpoint.respond(peer.event(RequestReceived).transaction, OK, 0.0)
        assert [sent.headers.get("Contact") for sent in peer.take()] == [contact]


def test_DLG_08_a_sips_request_gets_a_sips_contact() -> None:
    peer = Peer()
    peer.receive(request(uri="sips:srs@203.0.113.5"), flow_of("tls"))
    peer.endpoint.respond(peer.event(RequestReceived).transaction, OK, 0.0)
    (sent,) = peer.take()
    assert sent.headers.get("Contact") == "<sips:siprecord@203.0.113.5:5060>;+sip.srs"


def test_DLG_08_each_listener_may_advertise_an_address_of_its_own() -> None:
    peer = Peer(EndpointSettings(contact_user=""))
    peer.endpoint.advertise("udp", ("0.0.0.0", 5060), ("wild.example.com", 0))
    peer.endpoint.advertise("udp", ("203.0.113.5", 5060), ("", 5062))
    peer.endpoint.advertise("udp", ("::", 5060), ("six.example.com", 5064))
    hosts = {
        "203.0.113.5": "203.0.113.5:5062",
        "203.0.113.6": "wild.example.com:5060",
        "2001:db8::1": "six.example.com:5064",
    }
    for number, (local, expected) in enumerate(hosts.items()):
        flow = replace(flow_of(), local=(local, 5060))
        peer.receive(request(Call_ID=f"c{number}", branch=f"z9hG4bK{number}"), flow)
        peer.endpoint.respond(peer.event(RequestReceived).transaction, OK, 0.0)
        (sent,) = peer.take()
        assert sent.headers.get("Contact") == f"<sip:{expected}>;+sip.srs"
