"""What holds for every input: parse or ParseError, stable round trips, framing however it is fed."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from siprecord.errors import ParseError
from siprecord.syntax.limits import Limits
from siprecord.syntax.sip import (
    CSeq,
    FramingError,
    Headers,
    MediaType,
    MessageError,
    NameAddr,
    Request,
    Response,
    SipUri,
    StreamFramer,
    Via,
    parse_message,
    validate_request,
    validate_response,
)
from tests.support.memory import growth
from tests.syntax.sip.torture_messages import RFC_4475, RFC_5118

patient = settings(deadline=None)
"""The machine may be busy; a limit on each example would fail for that alone."""

PARSERS: list[Callable[[str], object]] = [
    NameAddr.parse,
    Via.parse,
    SipUri.parse,
    CSeq.parse,
    MediaType.parse,
]

SEEDS = [case.to_bytes() for case in RFC_4475 + RFC_5118]

# Text made of what these grammars are about finds more than random characters do.
PIECES = [
    "sip:", "sips:", "SIP/2.0/UDP ", '"', "\\", "<", ">", ";", ",", "=", ":", "@", "?", "&", "[", "]", "/",
    " ", "\t", "a", "tag", "branch", "1", "5060", "INVITE", "%00", "\x00", "\udcff", "é", "::1",
    "text/plain",
]  # fmt: skip
fragments = st.lists(st.sampled_from(PIECES), max_size=14).map("".join)
values = st.one_of(fragments, st.text(max_size=30))


@st.composite
def mutations(draw: st.DrawFn) -> bytes:
    """A torture message with a piece cut out, doubled, or overwritten."""
    data = draw(st.sampled_from(SEEDS))
    start = draw(st.integers(0, len(data)))
    end = min(len(data), start + draw(st.integers(0, 40)))
    filling = draw(st.one_of(st.binary(max_size=20), st.just(data[start:end] * 2), fragments.map(encoded)))
    return data[:start] + filling + data[end:]


def encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


messages = st.one_of(
    mutations(), st.binary(max_size=200), st.lists(mutations(), max_size=3).map(b"\r\n".join)
)


def parsed(data: bytes, limits: Limits) -> Request | Response | None:
    try:
        return parse_message(data, limits)
    except MessageError as error:
        check(error)
        return error.partial


@patient
@given(messages)
def test_a_message_parses_or_raises_parse_error(data: bytes) -> None:
    message = parsed(data, Limits(max_head=4000, max_headers=60))
    if message is None:
        return
    try:
        if isinstance(message, Request):
            validate_request(message)
            _ = message.contact, message.content_type
        else:
            validate_response(message)
    except ParseError as error:
        check(error)


def check(error: ParseError) -> None:
    assert str(error).isprintable()
    assert 400 <= error.status <= 599


@patient
@given(messages)
@example(b"BYE sip:a\xff\xc3 SIP/2.0\r\nX: \xff\r\n\xa9\r\n\xa9: b\r\n\r\n")
@example(b"BYE \xc2\xa0 SIP/2.0\n\n")
def test_writing_what_was_read_reads_the_same(data: bytes) -> None:
    try:
        message = parse_message(data)
    except ParseError:
        return
    written = message.to_bytes()
    again = parse_message(written)
    assert (type(again), again.body, again.to_bytes()) == (type(message), message.body, written)
    for headers in (message.headers, again.headers):
        headers.remove("Content-Length")
    assert again == message


@patient
@given(values)
@pytest.mark.parametrize("parse", PARSERS)
def test_a_value_parses_or_raises_parse_error_and_can_be_written(
    parse: Callable[[str], object], text: str
) -> None:
    text = text.replace("\r", " ").replace("\n", " ")
    try:
        value = parse(text)
    except ParseError as error:
        check(error)
        return
    assert parse(str(value)) == value


@patient
@given(st.lists(st.tuples(st.sampled_from(["Via", "v", "X-A", "To"]), values)), values)
def test_headers_never_raise_for_what_was_received(rows: list[tuple[str, str]], tag: str) -> None:
    headers = Headers.received(rows)
    assert headers.get_all("Via") == [value for name, value in rows if name in ("Via", "v")]
    assert all(element == element.strip(" \t") != "" for element in headers.get_list("Via"))
    assert tag not in headers or tag.lower() in ("via", "v", "x-a", "to", "t")


streams = st.lists(
    st.one_of(
        st.sampled_from(
            [b"\r\n", b"\n", b"\r", b"\r\n\r\n", b"BYE sip:a SIP/2.0\r\nl: 3\r\n\r\nabc", b"A\nl:0\n\n"]
        ),
        mutations(),
        st.binary(max_size=10),
    ),
    max_size=6,
).map(b"".join)


@patient
@given(streams, st.integers(1, 9))
def test_TP_05_framing_does_not_depend_on_how_the_octets_arrive(data: bytes, size: int) -> None:
    limits = Limits(max_head=700, max_headers=20, max_message=5000)
    whole, pieces = StreamFramer(limits), StreamFramer(limits)
    frames = whole.feed(data)
    assert [
        frame for at in range(0, len(data), size) for frame in pieces.feed(data[at : at + size])
    ] == frames
    assert whole.pending == pieces.pending
    assert whole.dead == pieces.dead == any(isinstance(frame, FramingError) for frame in frames)


@patient
@given(streams)
def test_Q01_the_parser_agrees_with_the_framer_on_where_a_message_ends(data: bytes) -> None:
    for frame in StreamFramer().feed(data):
        if not isinstance(frame, bytes):
            continue
        try:
            message = parse_message(frame)
        except ParseError:
            continue
        assert frame.endswith(message.body)
        assert parse_message(frame + b"\r\nX: more").body == message.body


def reject_everything(rounds: int) -> None:
    for _ in range(rounds):
        for seed in SEEDS:
            for data in (seed, seed[:200], seed.replace(b"SIP/2.0", b'"SIP')):
                message = parsed(data, Limits(max_head=5000))
                if isinstance(message, Request):
                    message.headers.set("To", '"x' * 300)
                    with pytest.raises(ParseError):
                        validate_request(message)
                StreamFramer().feed(data)


def test_memory_stays_flat_over_many_rejections() -> None:
    """An exception that is kept and raised again keeps frames and texts alive: this would show it."""
    reject_everything(1)
    assert growth(lambda: reject_everything(3), lambda: reject_everything(15)) < 20_000
