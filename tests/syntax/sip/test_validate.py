from __future__ import annotations

import pytest

from siprecord.errors import ParseError
from siprecord.syntax.sip import Request, Response, parse_message, validate_request, validate_response

ROWS = {
    "Via": "SIP/2.0/UDP h;branch=z9hG4bK1",
    "From": "<sip:a@b>;tag=1",
    "To": "<sip:c@d>",
    "Call-ID": "1@h",
    "CSeq": "1 INVITE",
    "Max-Forwards": "70",
    "Contact": "<sip:a@h>",
}


def invite(*more: str, line: str = "INVITE sip:srs@example.com SIP/2.0", **changed: str) -> Request:
    """An INVITE that is right, save for the changed rows and those added."""
    return received(line, ROWS | changed, *more)


def received(line: str, rows: dict[str, str], *more: str) -> Request:
    lines = [line, *(f"{name}: {value}" for name, value in rows.items()), *more]
    message = parse_message("\r\n".join([*lines, "", ""]).encode())
    assert isinstance(message, Request)
    return message


def invite_without(*names: str) -> Request:
    kept = {name: value for name, value in ROWS.items() if name not in names}
    return received("INVITE sip:srs@example.com SIP/2.0", kept)


def refusal(request: Request) -> tuple[int, str]:
    with pytest.raises(ParseError) as caught:
        validate_request(request)
    return caught.value.status, str(caught.value)


def test_a_good_request() -> None:
    validate_request(invite())


@pytest.mark.parametrize("name", ["Via", "From", "To", "Call-ID", "CSeq"])
def test_PRS_10_mandatory_headers(name: str) -> None:
    assert refusal(invite_without(name)) == (400, f"{name} header missing")


def test_PRS_10_max_forwards_and_contact_may_be_missing() -> None:
    validate_request(invite_without("Max-Forwards", "Contact"))


@pytest.mark.parametrize("value", ["0", "0068", "256", "99999999999999999999", "many", ""])
def test_PRS_13_any_max_forwards_is_accepted(value: str) -> None:
    validate_request(invite(**{"Max-Forwards": value}))


@pytest.mark.parametrize(
    "row", ["From: <sip:x@y>", "t: <sip:c@d>", "i: 1@h", "CSeq: 2 INVITE", "max-forwards: 5"]
)
def test_PRS_11_single_headers_twice(row: str) -> None:
    status, text = refusal(invite(row))
    assert status == 400
    assert text.endswith("header more than once")


def test_PRS_11_content_type_twice() -> None:
    assert refusal(invite("c: application/sdp", "Content-Type: text/plain"))[0] == 400


def test_PRS_06_the_method_of_cseq_must_match() -> None:
    status, text = refusal(invite(CSeq="8 OPTIONS"))
    assert (status, text) == (400, "CSeq '8 OPTIONS': method of the request (INVITE) expected")


@pytest.mark.parametrize("method", ["NEWMETHOD", "invite"])
def test_PRS_06_an_unknown_method_with_another_cseq_is_501(method: str) -> None:
    assert refusal(invite(line=f"{method} sip:a@b SIP/2.0"))[0] == 501


def test_an_unknown_method_that_is_consistent_passes() -> None:
    validate_request(invite(line="RE%47IST%45R sip:a@b SIP/2.0", CSeq="1 RE%47IST%45R"))


@pytest.mark.parametrize("number", ["4294967296", "abc", "-1"])
def test_PRS_12_cseq_numbers(number: str) -> None:
    assert refusal(invite(CSeq=f"{number} INVITE"))[0] == 400


def test_PRS_12_the_largest_cseq() -> None:
    validate_request(invite(CSeq="4294967295 INVITE"))


@pytest.mark.parametrize(
    ("uri", "status"),
    [
        ("<sip:a@b>", 400),
        ("sip:2001:db8::10", 400),
        ("sip:", 400),
        ("a@b", 400),
        ("http://b/", 416),
        ("soap.beep://192.0.2.103:3002", 416),
    ],
)
def test_TORT_05_request_uris(uri: str, status: int) -> None:
    assert refusal(invite(line=f"INVITE {uri} SIP/2.0"))[0] == status


@pytest.mark.parametrize(
    "uri", ["sips:[::1]:5061", "tel:+15551234;phone-context=x", "SIP:a@B", "sip:b;lr?x=y"]
)
def test_request_uris_that_are_fine(uri: str) -> None:
    validate_request(invite(line=f"INVITE {uri} SIP/2.0"))


@pytest.mark.parametrize("name", ["To", "From", "Contact"])
def test_TORT_02_unterminated_quotes(name: str) -> None:
    status, text = refusal(invite(**{name: '"Mr. J. User <sip:j.user@example.com>'}))
    assert status == 400
    assert text.startswith(f"{name}: address ")


def test_contact_matters_only_where_requests_will_go_there() -> None:
    request = invite(line="OPTIONS sip:a@b SIP/2.0", CSeq="1 OPTIONS", Contact='"x <sip:a@b>')
    validate_request(request)
    assert refusal(invite(Contact="<sip:a@2001:db8::1>"))[0] == 400
    assert refusal(invite(Contact="junk"))[0] == 400
    validate_request(invite(Contact="<tel:+1>"))


def test_Q09_odd_contacts_of_real_clients() -> None:
    for contact in ("<sip:a@10.0.0.1;src", "<sip:a@10.0.0.1>;src;;", "<sip:a@10.0.0.1;transport=udp", ""):
        validate_request(invite(Contact=contact))


def test_PRS_18_no_from_tag() -> None:
    request = invite(From="<sip:a@b>")
    validate_request(request)
    assert request.from_.tag is None


def test_a_malformed_lower_via() -> None:
    assert refusal(invite("Via: SIP/2.0/UDP 192.0.2.15;;,;,,"))[0] == 400


def test_PRS_09_malformed_headers_nobody_needs() -> None:
    validate_request(
        invite("Date: Fri, 01 Jan 2010 16:00:00 EST", 'X-Foo: ;;,"', "Route: <sip:a:99999>", "Supported:")
    )


def test_PRS_17_responses() -> None:
    good = (
        b"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP h\r\nFrom: a:b\r\nTo: a:b\r\nCall-ID: 1\r\nCSeq: 1 BYE\r\n\r\n"
    )
    message = parse_message(good)
    assert isinstance(message, Response)
    validate_response(message)
    for broken in (good.replace(b"CSeq: 1", b"CSeq: 9292394834772304023312"), good.replace(b"Via", b"X")):
        bad = parse_message(broken)
        assert isinstance(bad, Response)
        with pytest.raises(ParseError):
            validate_response(bad)
