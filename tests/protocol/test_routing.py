from __future__ import annotations

import pytest

from siprecord.protocol.flow import Flow, Transport
from siprecord.protocol.routing import request_flow, response_flow, route_request, stamp
from siprecord.syntax.sip import Via
from tests.support.sip_peers import SRS, flow_of

NAT = ("198.51.100.7", 40001)


def via(text: str) -> Via:
    return Via.parse(f"SIP/2.0/UDP {text};branch=z9hG4bK1")


def test_TP_09_received_is_added_when_the_sent_by_is_a_name_or_another_address() -> None:
    assert stamp(via("src.example.com"), flow_of()).received == "192.0.2.10"
    assert stamp(via("10.0.0.1:5070"), flow_of()).received == "192.0.2.10"
    assert stamp(via("192.0.2.10:5060"), flow_of()).received is None


def test_TP_09_a_received_the_peer_wrote_itself_is_replaced() -> None:
    assert stamp(via("192.0.2.10;received=9.9.9.9"), flow_of()).received == "192.0.2.10"


@pytest.mark.parametrize("transport", ["udp", "tcp", "tls"])
def test_TP_10_rport_is_filled_and_received_always_added(transport: Transport) -> None:
    flow = flow_of(transport, remote=NAT)
    stamped = stamp(via("198.51.100.7:5060;rport"), flow)
    assert (stamped.received, stamped.rport) == NAT


def test_TP_11_a_udp_response_with_rport_goes_back_where_the_request_came_from() -> None:
    flow = flow_of(remote=NAT)
    target = response_flow(via("10.0.0.1:5060;rport"), flow, connected=True)
    assert target.remote == NAT
    assert target.local == SRS


def test_TP_12_a_udp_response_without_rport_goes_to_the_sent_by_port() -> None:
    flow = flow_of(remote=NAT)
    assert response_flow(via("10.0.0.1:5070"), flow, connected=True).remote == (NAT[0], 5070)
    assert response_flow(via("10.0.0.1"), flow, connected=True).remote == (NAT[0], 5060)


def test_TP_12_maddr_is_honoured() -> None:
    target = response_flow(via("10.0.0.1:5070;maddr=224.2.0.1"), flow_of(), connected=True)
    assert target.remote == ("224.2.0.1", 5070)


def test_TP_13_a_stream_response_takes_the_connection_or_a_new_one_to_the_sent_by_port() -> None:
    flow = flow_of("tcp", remote=NAT, connection=7)
    asked = via("10.0.0.1:5070")
    assert response_flow(asked, flow, connected=True) == flow
    assert response_flow(asked, flow, connected=False) == Flow("tcp", SRS, (NAT[0], 5070), 0)
    secure = flow_of("tls", remote=NAT, connection=7)
    assert response_flow(via("10.0.0.1"), secure, connected=False).remote == (NAT[0], 5061)


def test_DLG_04_loose_routers_leave_the_target_in_the_request_uri() -> None:
    routes = ("<sip:p1.example.com;lr>", "<sip:p2.example.com;lr>")
    route = route_request("sip:src@192.0.2.10", routes)
    assert route.request_uri == "sip:src@192.0.2.10"
    assert route.routes == routes
    assert route.next_hop == "sip:p1.example.com;lr"


def test_DLG_04_a_strict_router_gets_the_request_uri_and_the_target_goes_last() -> None:
    route = route_request(
        "sip:src@192.0.2.10", ("<sip:p1.example.com;method=INVITE?x=y>", "<sip:p2.example.com;lr>")
    )
    assert route.request_uri == "sip:p1.example.com"
    assert route.routes == ("<sip:p2.example.com;lr>", "<sip:src@192.0.2.10>")


def test_a_request_without_routes_goes_to_its_target() -> None:
    assert route_request("sip:a@192.0.2.1", ()).next_hop == "sip:a@192.0.2.1"


@pytest.mark.parametrize(
    ("uri", "known", "expected"),
    [
        ("sip:a@192.0.2.99:5080", flow_of(), Flow("udp", SRS, ("192.0.2.99", 5080))),
        ("sip:a@192.0.2.99", flow_of(), Flow("udp", SRS, ("192.0.2.99", 5060))),
        ("sip:a@[2001:db8::1]:5080", flow_of(), Flow("udp", SRS, ("2001:db8::1", 5080))),
        ("sip:a@src.example.com", flow_of(), flow_of()),
        ("sip:a@192.0.2.99;transport=tcp", flow_of(), Flow("tcp", SRS, ("192.0.2.99", 5060))),
        ("sips:a@192.0.2.99", flow_of(), Flow("tls", SRS, ("192.0.2.99", 5061))),
        ("sip:a@192.0.2.99", flow_of("tcp", connection=3), flow_of("tcp", connection=3)),
        ("tel:+15550100", flow_of(), flow_of()),
    ],
)
def test_the_way_of_a_request(uri: str, known: Flow, expected: Flow) -> None:
    assert request_flow(uri, known, connected=True) == expected


def test_a_request_opens_a_new_connection_when_the_old_one_is_gone() -> None:
    known = flow_of("tcp", remote=NAT, connection=3)
    target = request_flow("sip:a@src.example.com:5070", known, connected=False)
    assert target == Flow("tcp", SRS, ("src.example.com", 5070), 0)
