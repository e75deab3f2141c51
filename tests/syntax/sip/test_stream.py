from __future__ import annotations

import pytest

from siprecord.syntax.limits import Limits
from siprecord.syntax.sip import Frame, FramingError, Keepalive, StreamFramer

HEAD = b"MESSAGE sip:a@b SIP/2.0\r\nCall-ID: 1\r\n"
MESSAGE = HEAD + b"Content-Length: 5\r\n\r\nhello"
EMPTY = b"BYE sip:a@b SIP/2.0\nl : 0\n\n"


def frames_of(data: bytes, size: int = 0, limits: Limits | None = None) -> list[Frame]:
    framer = StreamFramer(limits or Limits())
    size = size or max(len(data), 1)
    return [frame for at in range(0, len(data), size) for frame in framer.feed(data[at : at + size])]


def failure_of(data: bytes, limits: Limits | None = None) -> FramingError:
    (frame,) = frames_of(data, limits=limits)
    assert isinstance(frame, FramingError)
    assert frames_of(data, 1, limits) == [frame]
    return frame


@pytest.mark.parametrize("size", [0, 1, 2, 3, 7])
def test_TP_05_messages_are_cut_by_content_length_however_they_arrive(size: int) -> None:
    assert frames_of(MESSAGE + EMPTY + MESSAGE, size) == [MESSAGE, EMPTY, MESSAGE]


def test_TP_05_a_partial_message_is_waited_for() -> None:
    framer = StreamFramer()
    assert framer.feed(MESSAGE[:-1]) == []
    assert framer.pending == len(MESSAGE) - 1
    assert framer.feed(b"") == []
    assert framer.feed(MESSAGE[-1:] + EMPTY[:10]) == [MESSAGE]
    assert framer.pending == 10


@pytest.mark.parametrize("size", [0, 1])
@pytest.mark.parametrize("lead", [b"\r\n", b"\n", b"\r", b"\n\n", b"\r\n\n"])
def test_TP_06_line_ends_before_a_start_line_are_ignored(lead: bytes, size: int) -> None:
    assert frames_of(lead + MESSAGE + lead + EMPTY, size) == [MESSAGE, EMPTY]


@pytest.mark.parametrize("size", [0, 1])
def test_KA_01_a_double_crlf_is_a_ping(size: int) -> None:
    assert frames_of(b"\r\n\r\n" + MESSAGE + b"\r\n\r\n\r\n\r\n" + EMPTY, size) == [
        Keepalive.PING,
        MESSAGE,
        Keepalive.PING,
        Keepalive.PING,
        EMPTY,
    ]


def test_KA_02_a_single_crlf_is_swallowed() -> None:
    framer = StreamFramer()
    assert framer.feed(b"\r\n") == []
    assert framer.pending == 0
    assert framer.feed(MESSAGE) == [MESSAGE]


def test_KA_03_a_ping_within_a_message_is_part_of_it() -> None:
    message = HEAD + b"l: 8\r\n\r\nhi\r\n\r\nho"
    assert frames_of(message, 1) == [message]


def test_PRS_02_a_folded_content_length_counts() -> None:
    message = HEAD + b"Content-Length  :\r\n  2\r\n\r\nhi"
    assert frames_of(message + EMPTY) == [message, EMPTY]


def test_Q01_the_framer_and_the_parser_agree_on_rows_that_are_none() -> None:
    message = HEAD + b"Content-Length x: 9\r\nX: y\rl: 9\r\nl: 2\r\n\r\nhi"
    assert frames_of(message + EMPTY) == [message, EMPTY]


@pytest.mark.parametrize(
    ("rows", "text"),
    [
        (b"", "Content-Length missing"),
        (b"l: -999\r\n", "Content-Length '-999': number expected"),
        (b"l: 5\r\nContent-Length: 13\r\n", "Content-Length: values that differ"),
        (b"l: five\r\n", "Content-Length 'five': number expected"),
    ],
)
def test_TP_08_a_bad_content_length_ends_the_stream(rows: bytes, text: str) -> None:
    failure = failure_of(HEAD + rows + b"\r\n")
    assert (failure.status, failure.text) == (400, text)
    assert failure.partial == HEAD + rows + b"\r\n"
    request = failure.request()
    assert request is not None
    assert request.call_id == "1"


def test_TP_08_nothing_comes_after_an_error() -> None:
    framer = StreamFramer()
    assert len(framer.feed(MESSAGE + HEAD + b"\r\n" + MESSAGE)) == 2
    assert framer.dead
    assert framer.feed(MESSAGE) == []
    assert framer.pending == 0


@pytest.mark.parametrize("length", [b"500", b"99999999999999", b"9" * 17])
def test_TP_19_a_message_over_the_limit_is_413(length: bytes) -> None:
    failure = failure_of(HEAD + b"l: " + length + b"\r\n\r\n", Limits(max_message=500))
    assert (failure.status, failure.text) == (413, "message larger than 500 bytes")
    assert failure.request() is not None


def test_TP_19_a_head_over_the_limit_is_513() -> None:
    limits = Limits(max_head=100)
    failure = failure_of(HEAD + b"X: " + b"y" * 200, limits)
    assert failure.status == 513
    assert failure.partial == HEAD
    request = failure.request(limits)
    assert request is not None
    assert request.call_id == "1"
    assert failure_of(HEAD + b"X: " + b"y" * 200 + b"\r\n\r\n", limits) == failure
    assert failure_of(b"\x16\x03" + b"x" * 200, limits).request() is None


def test_a_head_of_exactly_the_limit_is_taken() -> None:
    limits = Limits(max_head=len(EMPTY))
    assert frames_of(EMPTY, limits=limits) == frames_of(EMPTY, 1, limits) == [EMPTY]
    assert isinstance(frames_of(EMPTY, 1, Limits(max_head=len(EMPTY) - 1))[0], FramingError)


def test_TP_19_too_many_rows_end_the_stream() -> None:
    failure = failure_of(HEAD + b"A: b\r\n" * 10 + b"\r\n", Limits(max_headers=3))
    assert failure.text == "more than 3 header fields"
    assert failure.request() is not None


def test_a_response_that_fails_has_no_request() -> None:
    assert failure_of(b"SIP/2.0 200 OK\r\nTo: x\r\n\r\n").request() is None


def test_a_slow_peer_costs_linear_time() -> None:
    """One octet at a time; a framer that always searched from the start would run into the time-out."""
    message = HEAD + b"X: " + b"y" * 60_000 + b"\r\nl: 100000\r\n\r\n" + bytes(100_000)
    assert frames_of(message, 1) == [message]
