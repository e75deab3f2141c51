from __future__ import annotations

import pytest

from siprecord.errors import ParseError
from siprecord.syntax.sip import Via


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("SIP/2.0/UDP 192.0.2.2;branch=390skdjuw", Via("UDP", "192.0.2.2", None, {"branch": "390skdjuw"})),
        ("SIP  /   2.0 /UDP 192.0.2.2 ;branch = a", Via("UDP", "192.0.2.2", None, {"branch": "a"})),
        ("sip / 2.0  / tcp     a.example   ; branch  =   z", Via("TCP", "a.example", None, {"branch": "z"})),
        ("SIP/2.0/UDP first.example.com: 4000;ttl=16", Via("UDP", "first.example.com", 4000, {"ttl": "16"})),
        ("SIP/2.0/UNKNOWN t4.example.com;x", Via("UNKNOWN", "t4.example.com", None, {"x": None})),
        ("SIP/2.0/TLS [2001:db8::9:1]:6050;rport", Via("TLS", "2001:db8::9:1", 6050, {"rport": None})),
        ("SIP/2.0/UDP\t192.0.2.15;;", Via("UDP", "192.0.2.15")),
    ],
)  # fmt: skip
def test_via_values(text: str, expected: Via) -> None:
    via = Via.parse(text)
    assert via == expected
    assert Via.parse(str(via)) == via


def test_OVL_06_unknown_parameters_survive() -> None:
    text = 'SIP/2.0/UDP h;branch=z9hG4bKa;oc;oc-algo="loss,A";x=1'
    assert str(Via.parse(text)) == text


@pytest.mark.parametrize(
    "text",
    ["", ";", "SIP/2.0/UDP", "SIP/2.0/UDP ", "SIP/2.0 host", "SIP/3.0/UDP h", "HTTP/2.0/UDP h",
     "SIP/2.0/U@P h", "SIP/2.0/UDP h:99999", "SIP/2.0/UDP h x", "SIP/2.0/UDP 2001:db8::1",
     'SIP/2.0/UDP h;x="', "SIP/2.0/ h"],
)  # fmt: skip
def test_malformed_via(text: str) -> None:
    with pytest.raises(ParseError, match=r"^Via "):
        Via.parse(text)


def test_sent_by_has_brackets_and_host_has_none() -> None:
    via = Via.parse("SIP/2.0/UDP [2001:db8::9:1]:6050")
    assert via.host == "2001:db8::9:1"
    assert via.sent_by == "[2001:db8::9:1]:6050"
    assert Via.parse("SIP/2.0/UDP h").sent_by == "h"


@pytest.mark.parametrize("written", ["[2001:db8::9:255]", "2001:db8::9:255"])
def test_TP_16_received_with_or_without_brackets(written: str) -> None:
    via = Via.parse(f"SIP/2.0/UDP [2001:db8::9:1];received={written};branch=z9hG4bKas3-111")
    assert via.received == "2001:db8::9:255"
    assert via.branch == "z9hG4bKas3-111"


def test_TP_10_rport_is_asked_for_and_filled() -> None:
    asked = Via.parse("SIP/2.0/UDP h;rport;branch=b")
    assert asked.wants_rport
    assert asked.rport is None
    filled = asked.with_params(received="192.0.2.1", rport="9988")
    assert filled.rport == 9988
    assert str(filled) == "SIP/2.0/UDP h;rport=9988;branch=b;received=192.0.2.1"
    assert asked.rport is None
    assert not Via.parse("SIP/2.0/UDP h").wants_rport
    assert Via.parse("SIP/2.0/UDP h;rport=70000").rport is None


def test_absent_parameters_are_none() -> None:
    via = Via.parse("SIP/2.0/UDP h;branch=;maddr")
    assert (via.branch, via.received, via.maddr) == (None, None, None)
    assert Via.parse("SIP/2.0/UDP h;maddr=[ff02::1]").maddr == "ff02::1"


def test_TP_15_any_transport_token_is_accepted() -> None:
    assert Via.parse("SIP/2.0/unknown-1 t4.example.com").transport == "UNKNOWN-1"


def test_TORT_04_a_bare_magic_cookie_is_a_branch() -> None:
    assert Via.parse("SIP/2.0/UDP h;branch=z9hG4bK").branch == "z9hG4bK"
