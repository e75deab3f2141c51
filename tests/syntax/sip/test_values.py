from __future__ import annotations

import pytest

from siprecord.errors import ParseError
from siprecord.syntax.sip import CSeq, Headers, MediaType, has_option, option_tags, parse_seconds


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1 INVITE", CSeq(1, "INVITE")),
        ("0009   INVITE", CSeq(9, "INVITE")),
        ("0\tBYE", CSeq(0, "BYE")),
        ("4294967295 invite", CSeq(4294967295, "invite")),
    ],
)
def test_PRS_12_cseq_fits_32_bits(text: str, expected: CSeq) -> None:
    assert CSeq.parse(text) == expected
    assert CSeq.parse(str(expected)) == expected


@pytest.mark.parametrize(
    "text", ["4294967296 INVITE", "36893488147419103232 INVITE", "abc", "-1 INVITE", "", " INVITE"]
)
def test_PRS_12_other_numbers_are_refused(text: str) -> None:
    with pytest.raises(ParseError, match=r"^CSeq '.*': number below 2\*\*32 expected$") as caught:
        CSeq.parse(text)
    assert caught.value.status == 400


@pytest.mark.parametrize("text", ["1", "1 ", "1 A B", "1 IN@VITE"])
def test_PRS_06_cseq_has_one_method(text: str) -> None:
    with pytest.raises(ParseError, match="one method expected"):
        CSeq.parse(text)


def test_media_types() -> None:
    media = MediaType.parse('Multipart / MIXED; Boundary="a b\\"c" ;x')
    assert media == MediaType("multipart", "mixed", {"boundary": 'a b"c', "x": None})
    assert media.essence == "multipart/mixed"
    assert str(media) == 'multipart/mixed;boundary="a b\\"c";x'
    assert str(MediaType.parse("application/sdp;q=1")) == "application/sdp;q=1"


@pytest.mark.parametrize("text", ["", "text", "text/", "/plain", "a b/c", 'text/plain;x="y'])
def test_malformed_media_types(text: str) -> None:
    with pytest.raises(ParseError):
        MediaType.parse(text)


def test_option_tags_keep_their_spelling_and_match_in_any_case() -> None:
    headers = Headers([("Require", "SipRec, 100rel"), ("Require", "timer"), ("Supported", "")])
    assert option_tags(headers, "Require") == ["SipRec", "100rel", "timer"]
    assert has_option(headers, "Require", "siprec")
    assert not has_option(headers, "Require", "replaces")
    assert not has_option(headers, "Supported", "siprec")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1800;refresher=uac", 1800),
        (" 90 ", 90),
        ("0", 0),
        ("9" * 40, None),
        ("soon", None),
        ("", None),
        ("-1", None),
    ],
)
def test_PRS_13_overlarge_seconds_count_as_absent(text: str, seconds: int | None) -> None:
    assert parse_seconds(text) == seconds
