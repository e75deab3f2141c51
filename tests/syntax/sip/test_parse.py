from __future__ import annotations

import pytest

from siprecord.syntax.limits import Limits
from siprecord.syntax.sip import MessageError, Request, Response, is_keepalive, parse_message

HEAD = b"MESSAGE sip:a@b SIP/2.0\r\nCall-ID: 1\r\n"


def parsed_request(data: bytes) -> Request:
    message = parse_message(data)
    assert isinstance(message, Request)
    return message


def error_of(data: bytes, limits: Limits | None = None) -> MessageError:
    with pytest.raises(MessageError) as caught:
        parse_message(data, limits or Limits())
    return caught.value


def test_a_request() -> None:
    data = HEAD + b"l: 2\r\n\r\nhi"
    message = parsed_request(data)
    assert (message.method, message.uri, message.body, message.raw) == ("MESSAGE", "sip:a@b", b"hi", data)
    assert list(message.headers.items()) == [("Call-ID", "1"), ("Content-Length", "2")]


def test_a_response() -> None:
    message = parse_message("SIP/2.0 200 = 2**3 но сто\r\nCSeq: 1 BYE\r\n\r\n".encode())
    assert isinstance(message, Response)
    assert (message.status, message.reason, message.cseq.method) == (200, "= 2**3 но сто", "BYE")


@pytest.mark.parametrize("line", ["SIP/2.0 100 ", "SIP/2.0 100", "sip/2.0  100  "])
def test_TORT_01_a_reason_may_be_empty(line: str) -> None:
    message = parse_message(line.encode() + b"\r\n\r\n")
    assert isinstance(message, Response)
    assert (message.status, message.reason) == (100, "")


@pytest.mark.parametrize(
    "code", ["700", "999", "099", "4294967301", "20", "", "2x0", "-20", "\u0662\u0660\u0660"]
)
def test_PRS_17_malformed_responses_are_dropped(code: str) -> None:
    error = error_of(f"SIP/2.0 {code} odd\r\nTo: x\r\n\r\n".encode())
    assert error.partial is None


def test_PRS_17_responses_of_another_version_are_dropped() -> None:
    assert error_of(b"SIP/3.0 200 OK\r\n\r\n").partial is None


def test_PRS_16_the_version_is_accepted_in_any_case() -> None:
    assert parsed_request(b"BYE sip:a sip/2.0\r\n\r\n").method == "BYE"


def test_PRS_06_methods_keep_their_case() -> None:
    assert parsed_request(b"invite sip:a SIP/2.0\r\n\r\n").method == "invite"


@pytest.mark.parametrize("version", ["SIP/7.0", "SIP/1.0", "SIP/2.1", "SIP/x"])
def test_TORT_03_another_version_is_505(version: str) -> None:
    error = error_of(f"OPTIONS sip:a@b {version}\r\nCall-ID: 1\r\n\r\n".encode())
    assert error.status == 505
    assert error.partial is not None
    assert error.partial.call_id == "1"


@pytest.mark.parametrize(
    "line",
    [
        "INVITE  sip:a@b  SIP/2.0",
        "INVITE sip:a@b SIP/2.0  ",
        "INVITE\tsip:a@b SIP/2.0\t",
        " INVITE sip:a@b SIP/2.0",
    ],
)
def test_TORT_02_extra_blanks_in_the_start_line_are_tolerated(line: str) -> None:
    message = parsed_request(line.encode() + b"\r\nTo: x\r\n\r\n")
    assert (message.method, message.uri) == ("INVITE", "sip:a@b")


def test_TORT_02_blanks_in_the_request_uri_are_400_and_can_be_answered() -> None:
    error = error_of(b"INVITE sip:a@b; lr SIP/2.0\r\nCall-ID: 1\r\n\r\n")
    assert error.status == 400
    assert error.partial is not None
    assert (error.partial.method, error.partial.call_id) == ("INVITE", "1")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\r\n\r\n",
        b"\x00\x00\x00\x00",
        b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        b"INVITE sip:a\r\n\r\n",
        b"INVITE  SIP/2.0\r\n\r\n",
        b"INV@TE sip:a SIP/2.0\r\n\r\n",
        "ИНВАЙТ sip:a SIP/2.0\r\n\r\n".encode(),
        b"\x00\x01\x00\x08\x21\x12\xa4\x42" + bytes(20),
        b"INVITE sip:a SIP/2.0\r\n continued\r\n\r\n",
        bytes(range(256)),
    ],
)
def test_TP_18_what_is_no_sip_can_not_be_answered(data: bytes) -> None:
    assert error_of(data).partial is None


@pytest.mark.parametrize("lead", [b"\r\n", b"\r\n\r\n", b"\n", b"\n\r\n\r"])
def test_Q02_line_ends_before_the_start_line_are_skipped(lead: bytes) -> None:
    data = lead + HEAD + b"\r\nhi"
    assert parsed_request(data).body == b"hi"
    assert parsed_request(data).raw == data


def test_TP_07_extra_octets_are_dropped() -> None:
    message = parsed_request(HEAD + b"Content-Length: 2\r\n\r\nhiINVITE sip:evil SIP/2.0\r\n\r\n")
    assert message.body == b"hi"


def test_TP_07_without_content_length_the_body_is_the_rest() -> None:
    assert parsed_request(HEAD + b"\r\nall of\r\n\r\nthis").body == b"all of\r\n\r\nthis"


def test_TP_07_a_body_that_is_too_short_is_400() -> None:
    error = error_of(HEAD + b"Content-Length: 10\r\n\r\nhi")
    assert (error.status, str(error)) == (400, "body has 2 bytes, Content-Length says 10")
    assert error.partial is not None
    assert error.partial.call_id == "1"
    assert error_of(b"SIP/2.0 200 OK\r\nContent-Length: 10\r\n\r\nhi").partial is None


@pytest.mark.parametrize("rows", ["l: -999", "l: 5\r\nContent-Length: 6", "l: five", "l:"])
def test_TP_08_a_bad_content_length_is_400_and_can_be_answered(rows: str) -> None:
    error = error_of(HEAD + rows.encode() + b"\r\n\r\nhello")
    assert error.status == 400
    assert error.partial is not None
    assert error.partial.body == b""


def test_Q01_bare_line_feeds() -> None:
    message = parsed_request(b"BYE sip:a SIP/2.0\nTo: x\nl: 2\n\nhi")
    assert (message.headers.get("To"), message.body) == ("x", b"hi")


def test_a_head_without_its_empty_line_has_no_body() -> None:
    assert parsed_request(HEAD + b"l: 0\r\n").body == b""
    assert parsed_request(HEAD + b"l: 0").headers.get("l") == "0"
    assert error_of(HEAD + b"l: 4\r\n").status == 400


def test_TP_19_a_head_that_is_too_large_is_refused_with_what_was_read() -> None:
    limits = Limits(max_head=100)
    for tail in (b"X: " + b"y" * 200 + b"\r\n\r\nbody", b"X: " + b"y" * 200):
        error = error_of(b"\r\n" + HEAD + tail, limits)
        assert error.status == 513
        assert error.partial is not None
        assert list(error.partial.headers.items()) == [("Call-ID", "1")]
    assert error_of(b"x" * 200, limits).partial is None
    assert error_of(b"SIP/2.0 200 OK\r\n" + b"y" * 200, limits).partial is None


def test_TP_19_too_many_rows_are_refused_with_the_first_of_them() -> None:
    error = error_of(HEAD + b"A: b\r\n" * 10 + b"\r\n", Limits(max_headers=3))
    assert (error.status, str(error)) == (400, "more than 3 header fields")
    assert error.partial is not None
    assert error.partial.call_id == "1"
    assert error_of(b"NO\r\n" + b"A: b\r\n" * 10 + b"\r\n", Limits(max_headers=3)).partial is None


def test_TP_19_a_message_that_is_too_large_is_413() -> None:
    error = error_of(HEAD + b"\r\n" + bytes(1000), Limits(max_message=500))
    assert error.status == 413
    assert error.partial is not None


@pytest.mark.parametrize("data", [b"", b"\r\n", b"\r\n\r\n", b"\x00\x00\x00\x00", b" \r\n"])
def test_TP_18_keepalive_datagrams(data: bytes) -> None:
    assert is_keepalive(data)


def test_TP_18_a_message_is_no_keepalive() -> None:
    assert not is_keepalive(b"\r\n\r\n" + HEAD)
    assert not is_keepalive(b"\x00\x01\x00\x00\x21\x12\xa4\x42")
