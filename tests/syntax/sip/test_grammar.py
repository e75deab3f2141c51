from __future__ import annotations

import pytest

from siprecord.errors import ParseError
from siprecord.syntax.sip.grammar import (
    format_host_port,
    format_params,
    is_token,
    parse_host_port,
    parse_number,
    parse_params,
    quote,
    shown,
    split_list,
    take_quoted,
    unquote,
)


def test_tokens() -> None:
    assert is_token("z9hG4bK-.!%*_+`'~")
    assert not is_token("")
    assert not is_token("a b")
    assert not is_token("a\n")
    assert not is_token("é")


def test_shown_text_is_short_plain_and_on_one_line() -> None:
    assert shown("a\r\nb") == r"'a\r\nb'"
    assert len(shown("x" * 5000)) < 70
    assert shown("\udcff").isascii()


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0", 0),
        ("0009", 9),
        ("4294967295", 4294967295),
        ("0" * 10_000 + "7", 7),
        ("4294967296", None),
        ("9" * 10_000, None),
        ("", None),
        ("-1", None),
        ("+1", None),
        ("1 ", None),
        ("1_0", None),
        ("\u0661", None),
    ],
)
def test_PRS_12_numbers_are_plain_decimal_and_bounded(text: str, number: int | None) -> None:
    assert parse_number(text, 2**32 - 1) == number


def test_PRS_04_commas_in_quotes_and_brackets_do_not_split() -> None:
    text = '"Doe, Jane" <sip:a;b=1,2@h>;q=1, "a\\",b" <sip:c@d> , sip:e@f'
    assert split_list(text) == ['"Doe, Jane" <sip:a;b=1,2@h>;q=1', '"a\\",b" <sip:c@d>', "sip:e@f"]


def test_PRS_03_empty_elements_of_a_list_are_left_out() -> None:
    assert split_list("") == []
    assert split_list(" , a ,,b,") == ["a", "b"]
    assert split_list('"a", ,') == ['"a"']


def test_an_unclosed_quote_or_bracket_takes_the_rest() -> None:
    assert split_list('a, "b, c') == ["a", '"b, c']
    assert split_list("a, <b, c") == ["a", "<b, c"]
    assert split_list('a, "b\\') == ["a", '"b\\']


@pytest.mark.parametrize("piece", ['"', '\\"', "<", '"\\', '"<', ",", '";', "<>"])
def test_hostile_repetition_costs_linear_time(piece: str) -> None:
    """A quadratic pattern would need minutes here, and the time-out of the suite would tell."""
    text = piece * 100_000
    assert len(split_list(text)) <= len(text)
    try:
        params = parse_params(text)
    except ParseError:
        return
    assert len(params) <= len(text)


def test_parameters() -> None:
    assert parse_params(' Tag = 98 ; lr;X="a;\\"b" ;; q=0.5 ') == {
        "tag": "98",
        "lr": None,
        "x": '"a;\\"b"',
        "q": "0.5",
    }
    assert parse_params("") == {}
    assert parse_params("empty=") == {"empty": ""}


def test_the_first_of_two_parameters_counts() -> None:
    assert parse_params("tag=1;TAG=2") == {"tag": "1"}


def test_an_unterminated_quote_in_a_parameter_is_an_error() -> None:
    with pytest.raises(ParseError, match="unterminated quote"):
        parse_params('a=1;b="c')


def test_parameters_are_written_as_they_were_read() -> None:
    written = ';tag=98;lr;x="a;b"'
    assert format_params(parse_params(written[1:])) == written


@pytest.mark.parametrize(
    "text", ["plain", 'say "hi"', "back\\slash", "NUL \x00 BEL \x07 DEL \x7f", "Ünï", ""]
)
def test_PRS_14_quoting_can_be_undone(text: str) -> None:
    assert unquote(quote(text)) == text
    assert take_quoted(quote(text) + "rest") == (text, "rest")


def test_unquote_leaves_other_text_alone() -> None:
    assert unquote("token") == "token"
    assert unquote('"') == '"'


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("example.com", "example.com", None),
        ("host_1.example.com.:5070", "host_1.example.com.", 5070),
        ("192.0.2.1 : 4000", "192.0.2.1", 4000),
        ("[2001:db8::9:1]", "2001:db8::9:1", None),
        ("[2001:db8::9:1]:65535", "2001:db8::9:1", 65535),
        ("[::ffff:192.0.2.10]:19823", "::ffff:192.0.2.10", 19823),
        ("[fe80::1%eth0]:5060", "fe80::1%eth0", 5060),
        ("[fe81%25eth0]:5060", "fe81%25eth0", 5060),
    ],
)
def test_TP_16_hosts_and_ports(text: str, host: str, port: int | None) -> None:
    assert parse_host_port(text) == (host, port)
    assert parse_host_port(format_host_port(host, port)) == (host, port)


@pytest.mark.parametrize(
    "text",
    [
        "",
        ":5060",
        "2001:db8::10",
        "[::1",
        "::1]",
        "a b",
        "host:",
        "host:x",
        "host:0",
        "host:65536",
        "h\n",
        "[g::]",
    ],
)
def test_malformed_hosts_and_ports(text: str) -> None:
    with pytest.raises(ParseError):
        parse_host_port(text)


def test_a_quote_in_a_parameter_name_spoils_that_parameter_alone() -> None:
    assert parse_params('a=1;x"y;z"=2;b') == {"a": "1", "b": None}
    with pytest.raises(ParseError, match="unterminated quote"):
        parse_params('a=1;"=2;b')
