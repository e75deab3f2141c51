from __future__ import annotations

import pytest

from siprecord.errors import ParseError
from siprecord.syntax.sip import NameAddr


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<sip:a@b>", NameAddr(None, "sip:a@b")),
        ('"J Rosenberg \\\\\\"" <sip:j@x> ; tag = 98', NameAddr('J Rosenberg \\"', "sip:j@x", {"tag": "98"})),
        ('"" <sip:a@b>', NameAddr("", "sip:a@b")),
        ("caller<sip:c@x>;tag=323", NameAddr("caller", "sip:c@x", {"tag": "323"})),
        ("Two  Words <sip:c@x>", NameAddr("Two  Words", "sip:c@x")),
        ("Bell, Alexander <sip:a@b>;tag=43", NameAddr("Bell, Alexander", "sip:a@b", {"tag": "43"})),
        ("<sip:a@b;lr?x=y>;q=1", NameAddr(None, "sip:a@b;lr?x=y", {"q": "1"})),
        ('"W, T" < sip:t@x >', NameAddr("W, T", "sip:t@x")),
        ("*", NameAddr(None, "*")),
        ("isbn:2983792873", NameAddr(None, "isbn:2983792873")),
        ("<http://www.example.com>;tag=3", NameAddr(None, "http://www.example.com", {"tag": "3"})),
        ('sip:a@b;x="<y>"', NameAddr(None, "sip:a@b", {"x": '"<y>"'})),
        ('<sip:a@b>;+sip.src;+x="<urn:1>"', NameAddr(None, "sip:a@b", {"+sip.src": None, "+x": '"<urn:1>"'})),
    ],
)  # fmt: skip
def test_addresses(text: str, expected: NameAddr) -> None:
    address = NameAddr.parse(text)
    assert address == expected
    assert NameAddr.parse(str(address)) == address


def test_PRS_07_parameters_without_brackets_belong_to_the_header() -> None:
    address = NameAddr.parse("sip:a@h;tag=1;other")
    assert address == NameAddr(None, "sip:a@h", {"tag": "1", "other": None})
    assert address.tag == "1"


def test_PRS_18_no_tag_and_an_empty_tag_are_null() -> None:
    assert NameAddr.parse("sip:a@h").tag is None
    assert NameAddr.parse("sip:a@h;tag").tag is None
    assert NameAddr.parse("sip:a@h;tag=").tag is None


def test_Q09_a_missing_closing_bracket_is_tolerated() -> None:
    assert NameAddr.parse("<sip:rec@10.0.0.1:5060;transport=tcp").uri == "sip:rec@10.0.0.1:5060;transport=tcp"
    assert NameAddr.parse("Rec <sip:rec@10.0.0.1;src isFocus").uri == "sip:rec@10.0.0.1;src"


def test_Q09_the_src_parameter_may_stand_in_or_behind_the_brackets() -> None:
    assert NameAddr.parse("<sip:rec@h>;src").params == {"src": None}
    assert NameAddr.parse("<sip:rec@h;tag=1>").tag is None


def test_empty_parameters_are_passed_over() -> None:
    assert NameAddr.parse('"Joe" <sip:joe@example.org>;;;;') == NameAddr("Joe", "sip:joe@example.org")


def test_a_uri_can_always_be_sent_as_request_uri() -> None:
    assert NameAddr.parse("<sip:John Doe\t@h\x00>").uri == "sip:John%20Doe%09@h%00"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "URI expected"),
        ("<>", "URI expected"),
        (";tag=1", "URI expected"),
        ('"Mr. J. User <sip:j@example.com>', "unterminated quote"),
        ('"Mr. J. User" sip:j@example.com', "'<' expected"),
        ('<sip:a@b>;x="y', "unterminated quote"),
        ('sip:a@b;x="y', "unterminated quote"),
        ("<sip:a@b> tag=1", "';' expected"),
        ("<sip:a@b>, <sip:c@d>", "';' expected"),
    ],
)
def test_malformed_addresses(text: str, reason: str) -> None:
    with pytest.raises(ParseError, match=reason) as caught:
        NameAddr.parse(text)
    assert str(caught.value).startswith("address ")


def test_PRS_14_escapes_of_a_quoted_name_survive() -> None:
    address = NameAddr.parse('"BEL:\\\x07 NUL:\\\x00 DEL:\\\x7f" <sip:a@b>')
    assert address.display == "BEL:\x07 NUL:\x00 DEL:\x7f"
    assert str(address) == '"BEL:\\\x07 NUL:\\\x00 DEL:\\\x7f" <sip:a@b>'


def test_with_param_makes_a_new_value() -> None:
    address = NameAddr.parse("<sip:a@b>")
    assert str(address.with_param("tag", "x")) == "<sip:a@b>;tag=x"
    assert address.params == {}
