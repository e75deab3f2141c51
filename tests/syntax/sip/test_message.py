from __future__ import annotations

import pytest

from siprecord.errors import ParseError
from siprecord.syntax.sip import CSeq, Headers, MediaType, NameAddr, Request, Response, parse_message


def request(*rows: tuple[str, str], body: bytes = b"") -> Request:
    return Request("INVITE", "sip:srs@example.com", Headers(rows), body)


def test_PRS_15_output_has_crlf_only_and_keeps_the_order() -> None:
    message = request(("v", "SIP/2.0/UDP h"), ("X-Odd", "é"), ("To", "<sip:a@b>"), body=b"v=0\n")
    assert message.to_bytes() == (
        b"INVITE sip:srs@example.com SIP/2.0\r\nVia: SIP/2.0/UDP h\r\nX-Odd: \xc3\xa9\r\n"
        b"To: <sip:a@b>\r\nContent-Length: 4\r\n\r\nv=0\n"
    )


def test_content_length_is_always_right_and_single() -> None:
    message = request(("l", "99"), ("To", "x"), ("Content-Length", "7"), body=b"12345")
    assert message.to_bytes().endswith(b"\r\nContent-Length: 5\r\nTo: x\r\n\r\n12345")
    assert message.headers.get_all("l") == ["99", "7"]


def test_PRS_16_responses_are_written_in_upper_case() -> None:
    assert Response(200, "OK", Headers()).to_bytes() == b"SIP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n"


@pytest.mark.parametrize(
    ("method", "uri"),
    [("IN VITE", "sip:a"), ("", "sip:a"), ("BYE", ""), ("BYE", "sip:a\r\nX: y"), ("BYE", "sip:a b")],
)
def test_a_start_line_cannot_be_injected(method: str, uri: str) -> None:
    with pytest.raises(ValueError, match="no start line"):
        Request(method, uri, Headers()).to_bytes()


@pytest.mark.parametrize("reason", ["a\r\nX: y", "a\nb", "\r"])
def test_a_reason_cannot_inject_lines(reason: str) -> None:
    with pytest.raises(ValueError, match="line break"):
        Response(400, reason, Headers()).to_bytes()


def test_typed_headers() -> None:
    message = request(
        ("Via", "SIP/2.0/UDP a;branch=1, SIP/2.0/TCP b"),
        ("v", "SIP/2.0/TLS c"),
        ("i", "x@y"),
        ("CSeq", "7 INVITE"),
        ("f", '"A, B" <sip:a@b>;tag=1'),
        ("t", "sip:c@d;tag=2"),
        ("m", "<sip:e@f>, <sip:g@h>"),
        ("c", "Application/SDP"),
    )
    assert [via.host for via in message.vias] == ["a", "b", "c"]
    assert message.top_via == message.vias[0]
    assert message.call_id == "x@y"
    assert message.cseq == CSeq(7, "INVITE")
    assert message.from_ == NameAddr("A, B", "sip:a@b", {"tag": "1"})
    assert message.to.tag == "2"
    assert message.contact == NameAddr(None, "sip:e@f")
    assert message.content_type == MediaType("application", "sdp")


def test_typed_headers_are_parsed_once_and_follow_changes() -> None:
    message = request(("To", "<sip:a@b>"), ("Via", "SIP/2.0/UDP a"))
    assert message.to is message.to
    assert message.vias is message.vias
    message.headers.set("To", "<sip:a@b>;tag=9")
    assert message.to.tag == "9"


def test_missing_headers() -> None:
    message = request(("Contact", ""), ("Content-Type", ""), ("Call-ID", ""))
    assert message.contact is None
    assert message.content_type is None
    for read in (lambda: message.to, lambda: message.cseq, lambda: message.vias, lambda: message.top_via):
        with pytest.raises(ParseError, match="header missing"):
            read()
    with pytest.raises(ParseError, match="Call-ID is empty"):
        _ = message.call_id


def test_PRS_09_a_malformed_header_harms_only_those_who_read_it() -> None:
    message = request(("Via", "SIP/2.0/UDP a, ;"), ("To", '"x'), ("From", "<sip:a@b>"), ("Contact", ""))
    assert message.from_.uri == "sip:a@b"
    assert message.top_via.host == "a"
    with pytest.raises(ParseError, match=r"^Via ';': "):
        _ = message.vias
    with pytest.raises(ParseError, match=r"^To: address '\"x': unterminated quote$"):
        _ = message.to


def test_what_was_received_does_not_matter_for_equality() -> None:
    data = b"BYE sip:a SIP/2.0\nTo: x\n\n"
    message = parse_message(data)
    assert message.raw == data
    assert message == Request("BYE", "sip:a", Headers([("To", "x")]))
