"""An INVITE that takes over a dialog (RFC 3891): which one, and when not."""

from __future__ import annotations

from typing import Any

import pytest

from siprecord.protocol import Answer, EndpointSettings, RequestReceived
from siprecord.syntax.sip import Response
from tests.protocol.calls import SDP, Call, refused
from tests.support.sip_peers import Peer, request

KNOWN = EndpointSettings(supported=("siprec", "timer", "100rel", "replaces"))


def replaces(call: Call, *, flags: str = "", **tags: str | None) -> str:
    given = {"to": call.ok.to.tag, "from": "src"} | tags
    return f"call-1;to-tag={given['to']};from-tag={given['from']}{flags}"


def other(value: Any, **fields: Any) -> bytes:
    """An INVITE of another call."""
    named = {"Call_ID": "call-2", "branch": "z9hG4bK-other", "Replaces": value, "Require": "siprec, replaces"}
    return request(**(SDP | named | fields))


def test_EXT_03_the_user_is_told_which_dialog_is_to_be_replaced() -> None:
    call = Call(KNOWN)
    assert "replaces" in (call.ok.headers.get("Supported") or "")
    assert call.receive(other(replaces(call))) == []
    event = call.event(RequestReceived)
    assert (event.dialog, event.replaces) == (None, call.dialog)
    assert call.endpoint.snapshot(call.dialog) is not None, "nothing has happened to it"


def test_EXT_03_an_invite_without_it_replaces_nothing() -> None:
    call = Call(KNOWN)
    call.receive(other(None))
    assert call.event(RequestReceived).replaces is None


@pytest.mark.parametrize(
    "value", ["call-9;to-tag=a;from-tag=b", "call-1;to-tag={to};from-tag=x", "call-1;to-tag=x;from-tag=src"]
)
def test_EXT_03_no_match_is_481(value: str) -> None:
    call = Call(KNOWN)
    assert refused(call, other(value.format(to=call.ok.to.tag))).status == 481


def test_EXT_03_early_only_does_not_match_a_confirmed_dialog() -> None:
    call = Call(KNOWN)
    assert refused(call, other(replaces(call, flags=";early-only"))).status == 486


def test_EXT_03_an_early_dialog_that_the_peer_made_is_no_match() -> None:
    peer = Peer(KNOWN)
    peer.receive(request(Supported="100rel", **SDP))
    peer.endpoint.respond(peer.event(RequestReceived).transaction, Answer(180), 0.0)
    (ringing,) = peer.take()
    assert isinstance(ringing, Response)
    value = f"call-1;to-tag={ringing.to.tag};from-tag=src"
    assert refused(peer, other(value)).status == 481


def test_EXT_03_a_dialog_that_is_over_is_603() -> None:
    call = Call(KNOWN)
    assert call.ask(call.inside("BYE"), Answer(200)).status == 200
    call.take_events()
    assert refused(call, other(replaces(call))).status == 603


@pytest.mark.parametrize(
    "fields",
    [
        {"Replaces": "call-1"},
        {"Replaces": "call-1;to-tag=a"},
        {"Replaces": ";to-tag=a;from-tag=b"},
        {"Replaces": ["a;to-tag=a;from-tag=b", "b;to-tag=a;from-tag=b"]},
        {"Join": "call-1;to-tag=a;from-tag=b"},
    ],
)
def test_EXT_03_one_that_is_broken_or_doubled_is_400(fields: dict[str, Any]) -> None:
    assert refused(Peer(KNOWN), other("call-1;to-tag=a;from-tag=b", **fields)).status == 400


def test_EXT_03_it_belongs_to_an_invite_that_opens_a_call() -> None:
    call = Call(KNOWN)
    ping = request("OPTIONS", branch="z9hG4bK-o", Replaces=replaces(call))
    assert refused(call, ping).status == 400
    assert refused(call, call.inside("INVITE", Replaces=replaces(call), **SDP)).status == 400


def test_EXT_03_a_peer_without_tag_is_named_by_zero() -> None:
    call = Call(KNOWN, From="<sip:src@192.0.2.10>")
    call.receive(other(replaces(call, **{"from": "0"})))
    assert call.event(RequestReceived).replaces == call.dialog


def test_EXT_03_a_dialog_of_an_earlier_life_can_be_replaced() -> None:
    call, later = Call(KNOWN), Peer(KNOWN, prefix="later")
    snapshot = call.endpoint.snapshot(call.dialog)
    assert snapshot is not None
    later.endpoint.restore(snapshot, 0.0)
    later.receive(other(replaces(call)))
    assert later.event(RequestReceived).replaces == call.dialog
