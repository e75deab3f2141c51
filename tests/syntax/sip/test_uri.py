from __future__ import annotations

import pytest

from siprecord.errors import ParseError
from siprecord.syntax.sip import SipUri, uri_scheme


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("sip:example.com", SipUri("sip", None, None, "example.com")),
        ("SIPS:alice@example.com:5061", SipUri("sips", "alice", None, "example.com", 5061)),
        ("sip:alice:secret@example.com", SipUri("sip", "alice", "secret", "example.com")),
        ("sip:@example.com", SipUri("sip", "", None, "example.com")),
        (
            "sip:user;par=u%40example.net@example.com",
            SipUri("sip", "user;par=u%40example.net", None, "example.com"),
        ),
        (
            "sip:a@[2001:db8::10]:5070;Transport=tcp;lr",
            SipUri("sip", "a", None, "2001:db8::10", 5070, {"transport": "tcp", "lr": None}),
        ),
        ("sip:[2001:db8::10:5070]", SipUri("sip", None, None, "2001:db8::10:5070")),
        ("sip:a@[2001:db8:::192.0.2.1]", SipUri("sip", "a", None, "2001:db8:::192.0.2.1")),
        (
            "sip:u@example.com?Route=%3Csip:example.com%3E&Subject=x",
            SipUri(
                "sip", "u", None, "example.com", None, {}, {"Route": "%3Csip:example.com%3E", "Subject": "x"}
            ),
        ),
        ("sip:null-%00-null@example.com", SipUri("sip", "null-%00-null", None, "example.com")),
        (
            "sip:a@corp.example@host.example;x=y",
            SipUri("sip", "a@corp.example", None, "host.example", None, {"x": "y"}),
        ),
        ("sip:a@host.example;x=b@c", SipUri("sip", "a", None, "host.example", None, {"x": "b@c"})),
        (
            "sip:+13035551111@10.0.0.1;user=phone",
            SipUri("sip", "+13035551111", None, "10.0.0.1", None, {"user": "phone"}),
        ),
    ],
)
def test_PRS_08_uri_parts(text: str, expected: SipUri) -> None:
    uri = SipUri.parse(text)
    assert uri == expected
    assert SipUri.parse(str(uri)) == uri


def test_PRS_08_the_user_part_may_hold_almost_anything() -> None:
    text = "sip:1_unusual~(to-be!sure)&isn't+it$/crazy?,/;;*:&has=1,pas$wo~d(doesn't)@example.com"
    uri = SipUri.parse(text)
    assert uri.user == "1_unusual~(to-be!sure)&isn't+it$/crazy?,/;;*"
    assert uri.password == "&has=1,pas$wo~d(doesn't)"
    assert uri.host == "example.com"
    assert str(uri) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "sip",
        "sip:",
        "sip:user@",
        "sip:2001:db8::10",
        "sip:user@host:port",
        "sip:user@host:99999",
        "sip:us er@host",
        "sip:user@host\n",
        "<sip:user@host>",
        'sip:"user"@host',
        "sip:user@ho<st",
        "sip:user@h\x00st",
        "sip:user@hö.example",
        'sip:user@host;x="',
    ],
)
def test_malformed_uris(text: str) -> None:
    with pytest.raises(ParseError) as caught:
        SipUri.parse(text)
    assert caught.value.status == 400


@pytest.mark.parametrize(
    "text", ["tel:+1234", "soap.beep://192.0.2.103:3002", "nobodyKnowsThis:opaque", "urn:x:y"]
)
def test_TORT_05_other_schemes_are_not_supported(text: str) -> None:
    with pytest.raises(ParseError) as caught:
        SipUri.parse(text)
    assert caught.value.status == 416
    assert uri_scheme(text.upper()) == text.partition(":")[0].lower()


def test_transport_parameter() -> None:
    assert SipUri.parse("sip:h;transport=TLS").transport == "tls"
    assert SipUri.parse("sip:h").transport is None


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtLanTa.CoM;Transport=tcp"),
        ("sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5"),
        ("sip:carol@chicago.com;security=on", "sip:carol@chicago.com;newparam=5"),
        ("sip:biloxi.com;transport=tcp;method=REGISTER", "sip:biloxi.com;method=register;transport=tcp"),
        ("sip:a@h?to=alice&subject=x", "sip:a@h?subject=x&To=alice"),
    ],
)
def test_PRS_08_equal_uris(left: str, right: str) -> None:
    assert SipUri.parse(left).matches(SipUri.parse(right))
    assert SipUri.parse(right).matches(SipUri.parse(left))


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("SIP:ALICE@atlanta.com", "sip:alice@atlanta.com"),
        ("sip:bob@biloxi.com", "sips:bob@biloxi.com"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com:5060"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp"),
        ("sip:bob@biloxi.com", "sip:biloxi.com"),
        ("sip:bob:x@biloxi.com", "sip:bob:X@biloxi.com"),
        ("sip:carol@chicago.com;security=on", "sip:carol@chicago.com;security=off"),
        ("sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next"),
        ("sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4"),
    ],
)
def test_PRS_08_different_uris(left: str, right: str) -> None:
    assert not SipUri.parse(left).matches(SipUri.parse(right))
    assert not SipUri.parse(right).matches(SipUri.parse(left))


def test_octets_that_are_no_utf_8_can_be_compared() -> None:
    assert SipUri.parse("sip:\udcff@h").matches(SipUri.parse("sip:%FF@h"))


def test_octets_that_are_no_utf8_compare_like_any_other() -> None:
    uri = SipUri.parse("sip:a@h;\udcfb=1?\udcfb=\udcfb")
    assert uri.matches(uri)
    assert not uri.matches(SipUri.parse("sip:a@h;\udcfb=1?\udcfc=1"))
