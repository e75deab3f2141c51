from __future__ import annotations

import pytest

from siprecord.errors import ParseError
from siprecord.syntax.sip import CSeq, Headers


def test_PRS_01_rows_are_found_under_any_spelling() -> None:
    headers = Headers([("cOnTaCt", "<sip:a@b>"), ("X-Foo", "1")])
    assert headers.get("m") == headers.get("CONTACT") == headers.get("Contact") == "<sip:a@b>"
    assert "contact" in headers
    assert "x-fOO" in headers
    assert "Via" not in headers
    assert 5 not in headers
    assert headers.get("Via") is None
    assert headers.get_all("Via") == []
    assert list(headers.items()) == [("Contact", "<sip:a@b>"), ("X-Foo", "1")]


def test_PRS_03_rows_and_comma_lists_are_equivalent_and_keep_their_order() -> None:
    rows = Headers([("Require", "a"), ("Via", "v"), ("require", "b"), ("Require", "c")])
    commas = Headers([("Require", "a, b ,c"), ("Via", "v")])
    mixed = Headers([("Require", "a,b"), ("Require", "c")])
    assert (
        rows.get_list("Require") == commas.get_list("Require") == mixed.get_list("Require") == ["a", "b", "c"]
    )
    assert rows.get_all("Require") == ["a", "b", "c"]


@pytest.mark.parametrize(
    "name", ["Authorization", "WWW-Authenticate", "Proxy-Authorization", "Date", "Call-ID"]
)
def test_PRS_04_credentials_and_dates_are_never_split_or_combined(name: str) -> None:
    value = 'Digest username="a", realm="b, c", nonce=d'
    headers = Headers([(name, value), (name, "Digest second, third")])
    assert headers.get_list(name) == [value, "Digest second, third"]


def test_an_empty_list_header_has_no_elements() -> None:
    assert Headers([("Supported", "")]).get_list("k") == []


def test_add_set_and_remove() -> None:
    headers = Headers([("Via", "1"), ("To", "x"), ("v", "2")])
    headers.add("v", "3")
    assert headers.get_all("Via") == ["1", "2", "3"]
    headers.set("Via", "only")
    assert list(headers.items()) == [("Via", "only"), ("To", "x")]
    headers.set("From", "f")
    assert list(headers.items()) == [("Via", "only"), ("To", "x"), ("From", "f")]
    headers.remove("TO")
    headers.remove("Route")
    assert list(headers.items()) == [("Via", "only"), ("From", "f")]
    assert len(headers) == 2


def test_changes_are_seen_after_reading() -> None:
    headers = Headers([("CSeq", "1 BYE")])
    assert headers.parsed("CSeq", CSeq.parse).number == 1
    headers.set("CSeq", "2 BYE")
    assert headers.get("CSeq") == "2 BYE"
    assert headers.parsed("CSeq", CSeq.parse).number == 2


def test_a_value_is_parsed_once() -> None:
    headers = Headers([("CSeq", "1 BYE")])
    assert headers.parsed("CSeq", CSeq.parse) is headers.parsed("CSeq", CSeq.parse)


def test_errors_name_the_header() -> None:
    headers = Headers([("Expires", "soon")])

    def refuse(text: str) -> int:
        raise ParseError(f"'{text}': number expected", status=423)

    with pytest.raises(ParseError, match=r"^Expires: 'soon': number expected$") as caught:
        headers.parsed("Expires", refuse)
    assert caught.value.status == 423
    with pytest.raises(ParseError, match=r"^To header missing$"):
        headers.parsed("To", str)


@pytest.mark.parametrize("value", ["a\r\nX-Evil: 1", "a\n", "\r"])
def test_PRS_15_our_own_rows_cannot_inject_lines(value: str) -> None:
    headers = Headers()
    with pytest.raises(ValueError, match="line break"):
        headers.add("Subject", value)
    with pytest.raises(ValueError, match="line break"):
        headers.set("Subject", value)
    with pytest.raises(ValueError, match="line break"):
        Headers([("Subject", value)])


@pytest.mark.parametrize("name", ["", "a b", "a:b", "a\r\nb", "a\n"])
def test_our_own_names_are_tokens(name: str) -> None:
    with pytest.raises(ValueError, match="no header name"):
        Headers().add(name, "x")


def test_copies_are_independent_and_equal() -> None:
    headers = Headers([("To", "x")])
    copy = headers.copy()
    assert copy == headers
    copy.add("From", "y")
    assert copy != headers
    assert list(headers.items()) == [("To", "x")]
    assert headers != [("To", "x")]
    assert repr(headers) == "Headers([('To', 'x')])"


def test_the_names_that_occur_and_those_that_occur_again() -> None:
    headers = Headers([("v", "SIP/2.0/UDP a"), ("X-Foo", "1"), ("Via", "SIP/2.0/UDP b")])
    assert set(headers.keys()) == {"via", "x-foo"}
    assert headers.repeated() == ["via"]
    headers.remove("Via")
    assert set(headers.keys()) == {"x-foo"}
    assert headers.repeated() == []
