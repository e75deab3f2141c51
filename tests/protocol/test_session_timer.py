"""RFC 4028, first the arithmetic, then in the life of a dialog."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from siprecord.protocol import (
    Answer,
    DialogEnd,
    DialogEnded,
    EndpointSettings,
    OutgoingRequest,
    RequestReceived,
    ResponseReceived,
    SessionExpired,
    SessionRefreshed,
    SessionTimerSettings,
)
from siprecord.protocol.session_timer import Session, agreed, answer, refuse, request_headers
from siprecord.syntax.sip import Request, Response, parse_message
from tests.protocol.calls import OK, Call, Caller, refused
from tests.support.sip_peers import ANSWER, Peer, request, response

DEFAULT = SessionTimerSettings()
CAPABLE: dict[str, Any] = {"Supported": "timer"}
ALLOWING = {"Allow": "INVITE, ACK, BYE, UPDATE"}


def invite(**fields: Any) -> Request:
    parsed = parse_message(request(**fields))
    assert isinstance(parsed, Request)
    return parsed


def ok(**fields: Any) -> Response:
    parsed = parse_message(response(request(), 200, **fields))
    assert isinstance(parsed, Response)
    return parsed


# Table 2 of section 9


@pytest.mark.parametrize(
    ("supported", "asked", "refresher", "require"),
    [
        (True, "", "uac", True),
        (True, ";refresher=uac", "uac", True),
        (True, ";refresher=uas", "uas", True),
        (True, ";refresher=nonsense", "uac", True),
        (False, "", "uas", False),
        (False, ";refresher=uas", "uas", False),
    ],
)
def test_TMR_01_TMR_02_TMR_03_TMR_04_who_refreshes(
    supported: bool, asked: str, refresher: str, require: bool
) -> None:
    fields = {"Session_Expires": f"1800{asked}"} | (CAPABLE if supported else {})
    agreement = answer(invite(**fields), DEFAULT)
    assert agreement.session == Session(1800, ours=refresher == "uas")
    headers = dict(agreement.headers)
    assert headers["Session-Expires"] == f"1800;refresher={refresher}"
    assert ("Require" in headers) is require


def test_TMR_01_no_timer_is_forced_on_a_peer_that_asks_for_none() -> None:
    assert answer(invite(**CAPABLE), DEFAULT).session is None
    assert answer(invite(), DEFAULT).headers == ()


def test_TMR_04_a_timer_of_our_own_is_refreshed_by_us_when_the_peer_knows_none() -> None:
    settings = SessionTimerSettings(interval=600)
    agreement = answer(invite(), settings)
    assert agreement.session == Session(600, ours=True)
    assert dict(agreement.headers) == {"Session-Expires": "600;refresher=uas"}
    assert answer(invite(**CAPABLE, Min_SE="900"), settings).session == Session(900, ours=False)


@pytest.mark.parametrize(
    ("interval", "status"), [("89", 422), ("90", None), ("0", 422), ("4000000000", None)]
)
def test_TMR_05_a_short_interval_is_refused_with_min_se(interval: str, status: int | None) -> None:
    refusal = refuse(invite(Session_Expires=interval, **CAPABLE), DEFAULT)
    assert (refusal and refusal.status) == status
    if refusal is not None:
        assert refusal.headers == (("Min-SE", "90"),)


def test_TMR_05_a_peer_that_would_not_understand_is_not_refused() -> None:
    assert refuse(invite(Session_Expires="60"), DEFAULT) is None
    assert answer(invite(Session_Expires="60"), DEFAULT).session == Session(90, ours=True)


def test_TMR_05_the_422_is_sent_before_the_user_hears_of_the_call() -> None:
    peer = Peer()
    sent = refused(peer, request(Session_Expires="30", **CAPABLE))
    assert (sent.status, sent.headers.get("Min-SE")) == (422, "90")


def test_TMR_10_the_compact_form_and_large_values_are_understood() -> None:
    assert answer(invite(x="7200;refresher=uas", k="timer"), DEFAULT).session == Session(7200, ours=True)
    assert answer(invite(x="99999999999", k="timer"), DEFAULT).session is None


@pytest.mark.parametrize(
    ("value", "session"),
    [
        ("1800;refresher=uac", Session(1800, ours=True)),
        ("1800;refresher=uas", Session(1800, ours=False)),
        ("1800", Session(1800, ours=True)),
        (None, None),
        ("soon", None),
    ],
)
def test_TMR_08_what_a_2xx_to_our_request_says(value: str | None, session: Session | None) -> None:
    assert agreed(ok(Session_Expires=value)) == session


def test_our_requests_tell_the_refresher_as_seen_from_them() -> None:
    assert request_headers(Session(600, ours=True), DEFAULT) == (("Session-Expires", "600;refresher=uac"),)
    assert request_headers(Session(600, ours=False), DEFAULT) == (("Session-Expires", "600;refresher=uas"),)
    assert request_headers(None, SessionTimerSettings(interval=300)) == (("Session-Expires", "300"),)
    assert request_headers(None, DEFAULT) == ()


@pytest.mark.parametrize(("interval", "give_up"), [(1800, 1768), (90, 60)])
def test_TMR_07_when_to_give_up(interval: int, give_up: float) -> None:
    assert Session(interval, ours=False).give_up_after == give_up


# In the life of a dialog


def timed(refresher: str, **fields: Any) -> Call:
    return Call(Supported="timer", Session_Expires=f"1800;refresher={refresher}", **(ALLOWING | fields))


def requests(log: list[tuple[float, Request | Response]]) -> list[tuple[float, Request]]:
    return [(at, sent) for at, sent in log if isinstance(sent, Request)]


def test_TMR_06_we_refresh_by_an_empty_update_at_half_the_interval() -> None:
    call = timed("uas")
    ((at, update),) = requests(call.advance(900.1))
    assert (at, update.method, update.body) == (900.0, "UPDATE", b"")
    assert update.headers.get("Session-Expires") == "1800;refresher=uac"
    call.receive(response(update.to_bytes(), 200, Session_Expires="1800;refresher=uac"))
    assert call.take_events() == [SessionRefreshed(call.dialog, 1800)]
    ((again, _),) = requests(call.advance(900))
    assert again == pytest.approx(1800.1)


def test_TMR_06_a_peer_without_update_gets_a_re_invite_with_our_last_description() -> None:
    call = timed("uas", Allow="INVITE, ACK, BYE")
    ((_, reinvite),) = requests(call.advance(900.1))
    assert (reinvite.method, reinvite.body) == ("INVITE", ANSWER)
    (ack,) = call.receive(response(reinvite.to_bytes(), 200, Session_Expires="1800;refresher=uac"))
    assert ack.cseq.method == "ACK"
    assert call.take_events() == [SessionRefreshed(call.dialog, 1800)]


def test_TMR_07_without_a_refresh_the_dialog_is_hung_up_before_it_expires() -> None:
    call = timed("uac")
    log = requests(call.advance(1769))
    assert (log[0][0], log[0][1].method) == (1768.0, "BYE")
    assert call.take_events() == [
        SessionExpired(call.dialog),
        DialogEnded(call.dialog, DialogEnd.EXPIRED),
    ]


@pytest.mark.parametrize("method", ["INVITE", "UPDATE"])
def test_TMR_08_a_refresh_of_the_peer_starts_the_timer_anew(method: str) -> None:
    call = timed("uac")
    call.advance(1000)
    call.ask(call.inside(method, Supported="timer", Session_Expires="1800;refresher=uac"))
    call.acknowledge(2)
    call.advance(1700)
    assert call.no_event(DialogEnded)
    call.advance(100)
    assert call.event(DialogEnded).cause is DialogEnd.EXPIRED


def test_TMR_08_a_refresh_without_session_expires_turns_the_timer_off() -> None:
    call = timed("uac")
    call.ask(call.inside("UPDATE", Supported="timer"))
    call.advance(10_000)
    assert call.no_event(DialogEnded)


def test_TMR_08_a_refused_re_invite_leaves_the_timer() -> None:
    call = timed("uac")
    call.advance(1000)
    call.ask(call.inside("INVITE", Supported="timer", Session_Expires="7200"), Answer(488))
    call.advance(800)
    assert call.event(DialogEnded).cause is DialogEnd.EXPIRED


@pytest.mark.parametrize("status", [408, 481, None])
def test_TMR_09_a_refresh_that_meets_nobody_ends_the_dialog_with_a_bye(status: int | None) -> None:
    call = timed("uas")
    ((_, update),) = requests(call.advance(900.1))
    if status is None:
        sent = [each.method for _, each in requests(call.advance(33))]
    else:
        sent = [
            each.method
            for each in call.receive(response(update.to_bytes(), status))
            if isinstance(each, Request)
        ]
    assert "BYE" in sent
    assert call.event(DialogEnded).cause is DialogEnd.GONE


def test_TMR_09_a_refresh_that_is_refused_is_not_hammered() -> None:
    call = timed("uas")
    ((_, update),) = requests(call.advance(900.1))
    call.receive(response(update.to_bytes(), 500))
    assert call.take_events() == []
    assert requests(call.advance(901))[0][0] == pytest.approx(1800.1)


def test_a_refresh_waits_while_another_offer_is_open() -> None:
    call = timed("uas")
    call.advance(899)
    call.receive(call.inside("INVITE"))
    call.event(RequestReceived)
    call.endpoint.request(call.dialog, OutgoingRequest("UPDATE"), call.now)
    call.take()
    assert [sent.method for at, sent in requests(call.advance(1.4)) if at == 900.0] == []


def test_our_own_call_follows_the_timer_of_the_2xx() -> None:
    caller = Caller()
    caller.hears(200, Contact="<sip:rec@203.0.113.5>", Session_Expires="600;refresher=uac", Allow="UPDATE")
    dialog = caller.event(SessionRefreshed).dialog
    ((at, update),) = requests(caller.advance(300))
    assert (at, update.method) == (300.0, "UPDATE")
    caller.receive(response(update.to_bytes(), 200))
    caller.advance(10_000)
    assert caller.no_event(DialogEnded)
    assert caller.endpoint.snapshot(dialog) is not None


def test_an_endpoint_may_ask_for_a_timer() -> None:
    settings = EndpointSettings(session_timer=SessionTimerSettings(interval=1200))
    call = Call(settings, Supported="timer")
    assert call.ok.headers.get("Session-Expires") == "1200;refresher=uac"
    assert call.ok.headers.get("Require") == "timer"


def test_TMR_11_a_refresh_is_told_to_the_user_as_such_only() -> None:
    call = timed("uas")
    ((_, update),) = requests(call.advance(900))
    call.receive(response(update.to_bytes(), 200, Session_Expires="1800;refresher=uac"))
    assert call.no_event(ResponseReceived)


def test_a_dialog_restored_on_this_machine_refreshes_when_it_would_have() -> None:
    """Many recording clients refuse requests of a recorder, so a restart must not cause any."""
    call = timed("uas")
    snapshot = call.endpoint.snapshot(call.dialog)
    assert snapshot is not None
    standby = Peer(prefix="standby")
    standby.endpoint.restore(snapshot, 300.0)
    assert standby.endpoint.deadline() == 900.0


def test_a_dialog_restored_elsewhere_refreshes_at_once() -> None:
    call = timed("uas")
    snapshot = call.endpoint.snapshot(call.dialog)
    assert snapshot is not None
    standby = Peer(prefix="standby")
    standby.endpoint.restore(replace(snapshot, due=None), 0.0)
    ((at, update),) = requests(standby.advance(0.1))
    assert (at, update.method) == (0.0, "UPDATE")
    assert OK.status == 200
