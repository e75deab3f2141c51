"""Session descriptions as clients send them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from siprecord.errors import ParseError
from siprecord.syntax.limits import Limits
from siprecord.syntax.sdp import Connection, Direction, Origin, parse_sdp

OFFER = b"""v=0\r
o=sbc 1516628962 7 IN IP4 192.0.2.10\r
s=SipCall\r
c=IN IP4 192.0.2.11\r
t=0 0\r
m=audio 11584 RTP/AVP 8 108\r
a=label:0\r
a=rtpmap:8 PCMA/8000\r
a=rtpmap:108 telephone-event/8000\r
a=fmtp:108 0-15\r
a=3gOoBTC\r
a=sendonly\r
a=rtcp:11585\r
a=ptime:20\r
m=audio 15682/2 RTP/AVP 8 108\r
c=IN IP6 2001:db8::2\r
a=label:a.b-1\r
a=inactive\r
"""


def media(text: str) -> bytes:
    return f"v=0\no=- 1 1 IN IP4 192.0.2.1\ns=-\nc=IN IP4 192.0.2.1\nt=0 0\n{text}".encode()


def test_a_plain_offer_is_read_whole() -> None:
    offer = parse_sdp(OFFER)
    assert offer.origin == Origin(username="sbc", session_id="1516628962", version="7", address="192.0.2.10")
    assert offer.name == "SipCall"
    assert offer.deviations == ()
    first, second = offer.media
    assert (first.kind, first.port, first.protocol, first.formats) == (
        "audio",
        11584,
        "RTP/AVP",
        ("8", "108"),
    )
    assert (second.port, second.port_count) == (15682, 2)
    assert first.label == "0"
    assert first.fmtp == {108: "0-15"}
    assert (first.rtcp_port, first.ptime) == (11585, 20)


def test_SDP_01_Q01_any_line_break_is_taken_and_crlf_is_written() -> None:
    offer = parse_sdp(OFFER)
    assert parse_sdp(OFFER.replace(b"\r\n", b"\n")) == offer
    assert parse_sdp(OFFER.replace(b"\r\n", b"\r")) == offer
    assert offer.to_bytes() == OFFER


def test_SDP_02_FLD_19_unknown_attributes_and_bandwidths_are_kept() -> None:
    offer = parse_sdp(media("m=audio 9 RTP/AVP 0\na=label:1\nb=X-YZ:1\na=3gOoBTC\na=x:1:2\n"))
    assert offer.media[0].has("3gOoBTC")
    assert offer.media[0].value("x") == "1:2"
    assert offer.media[0].bandwidth == ("X-YZ:1",)
    assert offer.deviations == ()


def test_SDP_03_unknown_lines_are_passed_over() -> None:
    offer = parse_sdp(media("m=audio 9 RTP/AVP 0\nq=foo\nnonsense\na=label:1\n"))
    assert offer.media[0].label == "1"
    assert offer.media[0].other_lines == ("q=foo",)
    assert len(offer.deviations) == 2


def test_SDP_04_connection_of_each_level() -> None:
    offer = parse_sdp(OFFER)
    assert offer.connection_of(offer.media[0]) == Connection(address="192.0.2.11")
    assert offer.connection_of(offer.media[1]) == Connection(address_type="IP6", address="2001:db8::2")
    only_media = parse_sdp(
        b"v=0\no=- 1 1 IN IP4 h\ns=-\nt=0 0\nm=audio 9 RTP/AVP 0\nc=IN IP4 h.example\na=label:1\n"
    )
    assert only_media.connection_of(only_media.media[0]) == Connection(address="h.example")
    assert only_media.deviations == ()


@pytest.mark.parametrize(
    ("session", "line", "direction"),
    [
        ("", "", Direction.SENDRECV),
        ("a=sendonly\n", "", Direction.SENDONLY),
        ("a=sendonly\n", "a=inactive\n", Direction.INACTIVE),
        ("", "a=SendOnly\n", Direction.SENDONLY),
    ],
)
def test_SDP_05_direction_of_each_level(session: str, line: str, direction: Direction) -> None:
    offer = parse_sdp(media(f"{session}m=audio 9 RTP/AVP 0\n{line}"))
    assert offer.media[0].direction is direction


def test_Q40_missing_lines_are_noted() -> None:
    offer = parse_sdp(b"v=0\no=- 1 1 IN IP4 0.0.0.0\nm=audio 9 RTP/AVP 0\n")
    assert offer.name == "-"
    assert offer.timing == ("0 0",)
    text = " ".join(offer.deviations)
    for piece in ("s= is missing", "t= is missing", "no c=", "no label"):
        assert piece in text


def test_odd_spacing_and_empty_lines() -> None:
    offer = parse_sdp(
        b"\xef\xbb\xbf\r\n\r\nv=0\n o = -  1  1 IN ip4 h \n\nm= audio  9  RTP/AVP  0 8 \n a = label:1 \n"
    )
    assert offer.origin.address == "h"
    assert offer.media[0].formats == ("0", "8")
    assert offer.media[0].label == "1"


@pytest.mark.parametrize(
    ("line", "origin"),
    [
        ("o=- 1 1 IN IP4", Origin(session_id="1", version="1")),
        ("o=a b 1 2 IN IP4 h", Origin(username="a_b", session_id="1", version="2", address="h")),
        ("o=", Origin()),
        ("", Origin()),
    ],
)
def test_an_incomplete_origin_is_filled(line: str, origin: Origin) -> None:
    assert parse_sdp(f"v=0\n{line}\ns=-\n".encode()).origin == origin


@pytest.mark.parametrize("port", ["65536", "-1", "x", "99999999999999999999", "٣"])
def test_an_impossible_port_refuses_only_its_m_line(port: str) -> None:
    offer = parse_sdp(media(f"m=audio {port} RTP/AVP 0\na=label:1\nm=audio 9 RTP/AVP 0\na=label:2\n"))
    assert [each.port for each in offer.media] == [0, 9]
    assert len(offer.deviations) == 1


def test_an_unreadable_m_line_is_an_error() -> None:
    with pytest.raises(ParseError):
        parse_sdp(media("m=audio 9\n"))


def test_m_line_without_formats() -> None:
    offer = parse_sdp(media("m=audio 9 RTP/AVP\n"))
    assert offer.media[0].formats == ()


def test_SDP_17_a_second_description_is_not_read() -> None:
    offer = parse_sdp(OFFER + OFFER)
    assert len(offer.media) == 2
    assert any("second description" in each for each in offer.deviations)


def test_RSDP_18_Q15_labels_may_be_missing() -> None:
    offer = parse_sdp(media("m=audio 9 RTP/AVP 0\nm=audio 11 RTP/AVP 0\n"))
    assert [each.label for each in offer.media] == [None, None]
    assert any("no label" in each for each in offer.deviations)


def test_RSDP_19_equal_labels_are_noted() -> None:
    offer = parse_sdp(media("m=audio 9 RTP/AVP 0\na=label:1\nm=audio 11 RTP/AVP 0\na=label:1\n"))
    assert any("same label" in each for each in offer.deviations)


def test_latin_1_text_is_taken() -> None:
    assert parse_sdp("v=0\ns=Zürich\n".encode("latin-1")).name == "Zürich"


def test_RSDP_08_many_m_lines() -> None:
    text = "".join(f"m=audio {9 + 2 * n} RTP/AVP 0\na=label:{n}\n" for n in range(64))
    assert [each.label for each in parse_sdp(media(text)).media] == [str(n) for n in range(64)]


@pytest.mark.parametrize(
    "data",
    [
        media("m=audio 9 RTP/AVP 0\n" * 600),
        media("a=x\n" * 10_000),
        b"v=0\n" + b"a" * 300_000,
    ],
)
def test_BODY_22_limits(data: bytes) -> None:
    with pytest.raises(ParseError) as caught:
        parse_sdp(data)
    assert caught.value.status == 413


@pytest.mark.parametrize("data", [b"", b"hello", b"<recording/>", b"a=b\n"])
def test_what_is_no_description_is_an_error(data: bytes) -> None:
    with pytest.raises(ParseError):
        parse_sdp(data)


LINES = st.sampled_from(OFFER.split(b"\r\n"))
MUTATED = st.lists(st.one_of(LINES, st.binary(max_size=20)), max_size=30).map(b"\n".join)


@given(st.one_of(MUTATED, st.binary(max_size=300)))
def test_any_bytes_are_read_or_refused_and_writing_is_stable(data: bytes) -> None:
    try:
        read = parse_sdp(data, Limits(max_sdp_lines=50))
    except ParseError:
        return
    for each in read.media:
        assert each.direction in Direction
        assert all(0 <= number <= 127 for number in {**each.rtpmap, **each.fmtp})
    written = read.to_bytes()
    again = parse_sdp(written)
    assert len(again.media) == len(read.media)
    assert again.to_bytes() == written


def test_a_key_that_was_broken_off_its_line_is_not_shown() -> None:
    read = parse_sdp(
        b"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nt=0 0\r\n inline:WVNfX19zZW1jdGwgKCkgew rest\r\n"
    )
    assert [text for text in read.deviations if "x=value" in text] == [
        "a line is not of the form x=value: '... rest' (RFC 8866 section 5)"
    ]
