from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from siprecord.errors import ParseError
from siprecord.syntax.sip import CSeq, RAck, Replaces, parse_rseq


def test_REL_03_rack_names_a_response_by_rseq_and_cseq() -> None:
    assert RAck.parse(" 776656\t1 INVITE ") == RAck(776656, CSeq(1, "INVITE"))
    assert str(RAck(7, CSeq(1, "INVITE"))) == "7 1 INVITE"


@pytest.mark.parametrize(
    "text", ["", "1", "1 INVITE", "0 1 INVITE", "4294967296 1 INVITE", "x 1 INVITE", "1 2 3 A"]
)
def test_REL_03_a_broken_rack_is_refused(text: str) -> None:
    with pytest.raises(ParseError):
        RAck.parse(text)


@pytest.mark.parametrize(
    ("text", "number"), [("1", 1), (" 42 ", 42), ("0", None), ("-1", None), ("4294967296", None)]
)
def test_REL_02_an_rseq_is_a_number_above_zero(text: str, number: int | None) -> None:
    assert parse_rseq(text) == number


def test_EXT_03_replaces_in_any_order_of_parameters() -> None:
    value = Replaces.parse("98asjd8@test.com ;from-tag=r33th4x0r; early-only ;to-tag=12345;x=y")
    assert value == Replaces("98asjd8@test.com", "12345", "r33th4x0r", early_only=True)
    assert str(value) == "98asjd8@test.com;to-tag=12345;from-tag=r33th4x0r;early-only"


@pytest.mark.parametrize(
    "text", ["", "a", "a;to-tag=b", "a;from-tag=b", ";to-tag=a;from-tag=b", "a b;to-tag=a;from-tag=b"]
)
def test_EXT_03_a_broken_replaces_is_refused(text: str) -> None:
    with pytest.raises(ParseError):
        Replaces.parse(text)


@given(st.text(max_size=60))
def test_both_parse_or_refuse_and_what_they_write_they_read(text: str) -> None:
    for kind in (RAck, Replaces):
        try:
            value = kind.parse(text)
        except ParseError:
            continue
        assert kind.parse(str(value)) == value
