from __future__ import annotations

import pytest

from siprecord.syntax.limits import DEFAULT_LIMITS
from siprecord.syntax.sip import FramingError, Response, StreamFramer, parse_message
from siprecord.transport.refusal import refusal
from tests.transport.fakes import options


def framing_error(data: bytes) -> FramingError:
    (frame,) = StreamFramer(DEFAULT_LIMITS).feed(data)
    assert isinstance(frame, FramingError)
    return frame


@pytest.mark.parametrize("length", [b"-1", b"abc", b"99999999999"])
def test_TP_08_a_bad_content_length_is_answered(length: bytes) -> None:
    error = framing_error(options(via="TCP").replace(b"Content-Length: 0", b"Content-Length: " + length))
    data = refusal(error, DEFAULT_LIMITS)
    assert data is not None
    answer = parse_message(data)
    assert isinstance(answer, Response)
    assert answer.status == error.status
    assert answer.call_id == "c1"
    assert answer.cseq.method == "OPTIONS"
    assert answer.top_via.branch == "z9hG4bK1c1"


def test_BODY_22_a_message_too_large_gets_413() -> None:
    too_large = str(DEFAULT_LIMITS.max_message + 1).encode()
    error = framing_error(options(via="TCP").replace(b"Content-Length: 0", b"Content-Length: " + too_large))
    data = refusal(error, DEFAULT_LIMITS)
    assert data is not None
    assert data.startswith(b"SIP/2.0 413 ")


@pytest.mark.parametrize(
    "data",
    [
        options(via="TCP").replace(b"OPTIONS", b"ACK"),
        b"SIP/2.0 200 OK\r\nVia: SIP/2.0/TCP x;branch=z9hG4bK1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"OPTIONS sip:x SIP/2.0\r\nCall-ID: no-via\r\n\r\n",
    ],
)
def test_what_must_not_or_can_not_be_answered_is_not(data: bytes) -> None:
    assert refusal(framing_error(data.replace(b"Content-Length: 0\r\n", b"")), DEFAULT_LIMITS) is None
