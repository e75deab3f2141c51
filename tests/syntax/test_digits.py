"""No key that was pressed is left in a stored SIP message (CONFORMANCE PAY-14, EXT-06)."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from siprecord.syntax.digits import blank_digits


def info(kind: str, body: bytes, *more: str) -> bytes:
    rows = [
        "INFO sip:a@b SIP/2.0",
        "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1",
        "From: <sip:a@b>;tag=1",
        "To: <sip:c@d>;tag=2",
        "Call-ID: 48151623@4",
        "CSeq: 2 INFO",
        f"Content-Type: {kind}",
        *more,
        f"Content-Length: {len(body)}",
    ]
    return "\r\n".join([*rows, "", ""]).encode() + body


KPML = (
    b'<?xml version="1.0"?>\r\n<kpml-response xmlns="urn:ietf:params:xml:ns:kpml-response" version="1.0" '
    b'code="200" text="OK" suppressed="false" forced_flush="false" digits="%s" tag="dtmf"/>\r\n'
)
QUOTED = KPML.replace(b'"%s"', b"'%s'")
MULTIPART = (
    b"--b\r\nContent-Type: application/dtmf-relay\r\n\r\nSignal=%s\r\nDuration=160\r\n--b\r\n"
    b"Content-Type: text/plain\r\n\r\nSignal=stays\r\n--b--\r\n"
)


@pytest.mark.parametrize(
    ("kind", "body", "shown"),
    [
        ("application/dtmf-relay", b"Signal=7\r\nDuration=160\r\n", b"Signal=x\r\nDuration=160\r\n"),
        ("Application/DTMF-Relay", b"signal = #\r\nduration = 160", b"signal = x\r\nduration = 160"),
        ("application/dtmf", b"7\r\n", b"x\r\n"),
        ("application/dtmf", b"D=7\n", b"D=x\n"),
        ("application/vnd.nortelnetworks.digits", b"p=Digit-Collection\ny=Digits\nd=4711\n",
         b"p=Digit-Collection\ny=xxxxxx\nd=xxxx\n"),
        ("audio/telephone-event", b"\x07\x0a\x00\xa0", b"xxxx"),
        ("application/kpml-response+xml", KPML % b"4711#", KPML % b"xxxxx"),
        ("application/kpml-response+xml", QUOTED % b"47", QUOTED % b"xx"),
        ("multipart/mixed;boundary=b", MULTIPART % b"9", MULTIPART % b"x"),
    ],
)  # fmt: skip
def test_PAY_14_the_key_is_blanked_and_the_rest_stays(kind: str, body: bytes, shown: bytes) -> None:
    assert blank_digits(info(kind, body)) == info(kind, shown)


def test_a_key_alone_in_a_part_is_found_where_it_stands() -> None:
    body = b"--b5\r\nContent-Type: application/dtmf\r\nContent-Length: 1\r\n\r\n5\r\n--b5--\r\n"
    shown = blank_digits(info("multipart/mixed;boundary=b5", body))
    assert shown == info("multipart/mixed;boundary=b5", body.replace(b"\n5\r", b"\nx\r"))


def test_an_encoded_body_is_blanked_as_a_whole() -> None:
    hidden = base64.b64encode(b"Signal=7\r\nDuration=160\r\n")
    message = info(
        "multipart/mixed;boundary=b",
        b"--b\r\nContent-Type: application/dtmf-relay\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        + hidden
        + b"\r\n--b--\r\n",
    )
    assert hidden not in blank_digits(message)
    assert len(blank_digits(message)) == len(message)


def test_what_is_no_sip_message_is_blanked_as_a_whole() -> None:
    broken = b"INFO\r\nContent-Type: application/dtmf\r\n\r\n4711"
    assert blank_digits(broken) == broken.replace(b"4711", b"xxxx")


def test_a_message_that_only_speaks_of_digits_stays_as_it_is() -> None:
    offer = info("application/sdp", b"v=0\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\n")
    assert blank_digits(offer) == offer


@given(
    st.text("0123456789*#ABCD", min_size=1, max_size=20), st.sampled_from(["Signal=", "", "d=", "Signal: "])
)
def test_no_key_is_left(keys: str, name: str) -> None:
    shown = blank_digits(info("application/dtmf-relay", f"{name}{keys}\r\nDuration=250\r\n".encode()))
    body = shown.partition(b"\r\n\r\n")[2].replace(b"Duration=250", b"")
    assert not set(body) & set(b"0123456789*#ABC")


@given(st.binary(max_size=200))
def test_no_input_raises_and_all_lengths_stay(data: bytes) -> None:
    for message in (
        data,
        b"dtmf\r\n\r\n" + data,
        info("application/dtmf", data),
        info("multipart/mixed;boundary=b", data),
    ):
        assert len(blank_digits(message)) == len(message)
