"""Our client side against our own server side, over a network that lives in memory."""

from __future__ import annotations

from collections import Counter as Tally
from typing import Any

import pytest

from siprecord.protocol import (
    AckReceived,
    Answer,
    DialogEnded,
    EndpointSettings,
    OutgoingRequest,
    RequestReceived,
    ResponseReceived,
    Transmit,
    Transport,
)
from tests.protocol.calls import OK
from tests.support.sip_peers import ANSWER, Link, Peer


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
