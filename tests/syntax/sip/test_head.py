from __future__ import annotations

import pytest

from siprecord.errors import ParseError
from siprecord.syntax.limits import DEFAULT_LIMITS, Limits
from siprecord.syntax.sip.head import content_length, find_body, read_head


@pytest.mark.parametrize("line_end", ["\r\n", "\n"])
@pytest.mark.parametrize("last", ["\r\n", "\n"])
@pytest.mark.parametrize("empty", ["\r\n", "\n"])
def test_Q01_every_mix_of_line_ends_ends_the_head_at_the_same_place(
    line_end: str, last: str, empty: str
) -> None:
    head = f"OPTIONS sip:a SIP/2.0{line_end}To: x{line_end}From: y{last}{empty}"
    data = head.encode() + b"body\r\n\r\nmore\n\n"
    assert find_body(data, 0, len(data)) == len(head)
    assert read_head(head.encode(), DEFAULT_LIMITS) == ("OPTIONS sip:a SIP/2.0", [("To", "x"), ("From", "y")])


@pytest.mark.parametrize("data", [b"", b"A\r\n", b"A\n \n", b"A\n\r", b"A\r\r", b"A\r\n \r\nB\r\n"])
def test_a_head_without_an_empty_line_has_no_end(data: bytes) -> None:
    assert find_body(data, 0, len(data)) == -1


def test_the_end_is_searched_within_bounds_only() -> None:
    data = b"\n\nA\r\n\r\n"
    assert find_body(data, 2, len(data)) == len(data)
    assert find_body(data, 2, len(data) - 1) == -1


@pytest.mark.parametrize("size", [10, 2040, 2046, 2047, 2048, 2049, 4094, 4095, 4096, 4097, 70_000])
@pytest.mark.parametrize("empty", [b"\n\r\n", b"\n\n"])
@pytest.mark.parametrize("after", [b"", b"\n\n", b"\r\n\r\n"])
def test_the_end_is_found_wherever_it_stands(size: int, empty: bytes, after: bytes) -> None:
    data = b"x" * size + empty + after
    assert find_body(data, 0, len(data)) == size + len(empty)
    assert find_body(data, 3, 1_000_000) == size + len(empty)


def test_PRS_02_folded_lines_join_with_a_single_space() -> None:
    head = (
        b"A sip:b SIP/2.0\r\nAccept: one,\r\n   two,\t\r\n\t three\r\n"
        b"To :\n sip:x\r\nE:\r\n \r\nF: a\r\n  \r\n b\r\n\r\n"
    )
    assert read_head(head, DEFAULT_LIMITS)[1] == [
        ("Accept", "one, two, three"),
        ("To", "sip:x"),
        ("Content-Encoding", ""),
        ("From", "a  b"),
    ]


def test_PRS_01_blanks_around_the_colon() -> None:
    rows = read_head(b"x\r\ncOnTaCt  :  <sip:a>  \r\nTo:b\r\nl\t:\t0\r\n\r\n", DEFAULT_LIMITS)[1]
    assert rows == [("Contact", "<sip:a>"), ("To", "b"), ("Content-Length", "0")]


def test_PRS_09_rows_that_are_none_are_passed_over() -> None:
    rows = read_head(b"x\r\nno colon\r\ntwo words: 1\r\n: 2\r\nTo: b\r\n\r\n", DEFAULT_LIMITS)[1]
    assert rows == [("To", "b")]


def test_a_carriage_return_within_a_line_is_a_blank() -> None:
    """It must never come back out as something another element takes for a line end."""
    rows = read_head(b"x\r\nSubject: a\rVia: evil\r\nTo: b\r\r\n\r\n", DEFAULT_LIMITS)[1]
    assert rows == [("Subject", "a Via: evil"), ("To", "b")]


def test_PRS_14_octets_that_are_no_utf_8_survive() -> None:
    rows = read_head(b"x\r\nSubject: \xff\xd0\xbd\x00\r\n\r\n", DEFAULT_LIMITS)[1]
    assert rows[0][1] == "\udcffн\x00"
    assert rows[0][1].encode("utf-8", "surrogateescape") == b"\xff\xd0\xbd\x00"


def test_TP_19_the_number_of_rows_is_bounded() -> None:
    limits = Limits(max_headers=3)
    assert len(read_head(b"x\r\n" + b"A: b\r\n" * 3 + b"\r\n", limits)[1]) == 3
    assert len(read_head(b"x\r\n" + b"A: b\r\n c\r\n" * 3 + b"\r\n", limits)[1]) == 3
    with pytest.raises(ParseError, match="more than 3 header fields"):
        read_head(b"x\r\n" + b"A: b\r\n" * 4 + b"\r\n", limits)


def test_content_length() -> None:
    assert content_length([("To", "5")]) is None
    assert content_length([("Content-Length", "0005")]) == 5
    assert content_length([("Content-Length", "5"), ("Content-Length", "5")]) == 5


@pytest.mark.parametrize(
    "values", [["-1"], ["+1"], [""], ["5, 5"], ["0x5"], ["9" * 30], ["5", "6"], ["5", "05"]]
)
def test_TP_08_a_malformed_content_length_is_an_error(values: list[str]) -> None:
    with pytest.raises(ParseError, match="Content-Length"):
        content_length([("Content-Length", value) for value in values])
