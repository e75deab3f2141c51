"""The client side of reliable provisional responses (RFC 3262)."""

from __future__ import annotations

from typing import Any

import pytest

from siprecord.protocol import (
    DialogEnd,
    DialogEnded,
    OutgoingRequest,
    ResponseReceived,
)
from siprecord.syntax.sip import Request
from tests.protocol.calls import Caller, times
from tests.support.sip_peers import response

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
