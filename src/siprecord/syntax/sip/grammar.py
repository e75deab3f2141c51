"""The grammar pieces all headers share (RFC 3261 section 25.1): tokens, quoted strings, lists, parameters.

All functions are linear in their input, whatever it is: the patterns below are possessive (`*+`), so an
unclosed quote or bracket is walked over once and never again.
"""

from __future__ import annotations

import re

from siprecord.errors import ParseError

WHITESPACE = " \t"

_TOKEN = re.compile(r"[A-Za-z0-9\-.!%*_+`'~]+")
_COMMA = re.compile(r'"(?:[^"\\]|\\.)*+"?|<[^>]*+>?|,', re.DOTALL)
_SEMICOLON = re.compile(r'"(?:[^"\\]|\\.)*+"?|;', re.DOTALL)
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*+)"', re.DOTALL)
_QUOTED_PAIR = re.compile(r"\\(.)", re.DOTALL)
_TO_ESCAPE = re.compile(r'["\\\x00-\x08\x0b-\x1f\x7f]')
_HOST_PORT = re.compile(
    r"(?:\[([0-9A-Fa-f:.]+(?:%[0-9A-Za-z._~\-]+)?)\]|([A-Za-z0-9._\-]+))(?:[ \t]*:[ \t]*([0-9]{1,5}))?"
)


def is_token(text: str) -> bool:
    """Whether the text is a `token`: what methods, option tags and header names are made of."""
    return _TOKEN.fullmatch(text) is not None


def shown(text: str) -> str:
    """The text for an error message: quoted, plain ASCII, cut after 60 characters."""
    return ascii(text if len(text) <= 60 else text[:60] + "...")


def parse_number(text: str, maximum: int) -> int | None:
    """A decimal number from 0 to `maximum`, or None for anything else: a sign, a blank, too large."""
    if not (text.isascii() and text.isdigit()):
        return None
    # Python refuses to convert thousands of digits, so the length is judged first.
    digits = text.lstrip("0")
    if len(digits) > len(str(maximum)):
        return None
    number = int(digits or "0")
    return number if number <= maximum else None


def quote(text: str) -> str:
    """The text as a quoted string. Control characters become quoted pairs, so CR and LF must not be in it."""
    return '"' + _TO_ESCAPE.sub(r"\\\g<0>", text) + '"'


def unquote(text: str) -> str:
    """What a quoted string says; any other text is returned as it is."""
    if len(text) >= 2 and text[0] == '"' and text[-1] == '"':
        return _QUOTED_PAIR.sub(r"\1", text[1:-1])
    return text


def take_quoted(text: str) -> tuple[str, str]:
    """Splits text that begins with a quoted string into what the string says and the rest after it."""
    match = _QUOTED.match(text)
    if match is None:
        raise ParseError(f"{shown(text)}: unterminated quote")
    return _QUOTED_PAIR.sub(r"\1", match[1]), text[match.end() :]


def split_list(text: str) -> list[str]:
    """The elements of a comma list, stripped, empty ones left out; commas in quotes or `<>` do not split."""
    if "," not in text:
        elements = [text]
    elif '"' not in text and "<" not in text:
        elements = text.split(",")
    else:
        elements = _split_at(_COMMA, ",", text)
    return [stripped for element in elements if (stripped := element.strip(WHITESPACE))]


def parse_params(text: str) -> dict[str, str | None]:
    """The parameters of `a=1;b;c="x"` (RFC 3261 section 7.3.1), without the semicolon before the first.

    Names come in lower case, values as written (quotes included, see `unquote`), None where there is no `=`.
    The first of two parameters with one name counts. Empty ones, as in `;;`, and those with a quote in the
    name are passed over. Raises ParseError on an unterminated quote.
    """
    parts = _split_at(_SEMICOLON, ";", text) if '"' in text else text.split(";")
    params: dict[str, str | None] = {}
    for part in parts:
        name, equals, value = part.partition("=")
        key = name.strip(WHITESPACE).lower()
        if '"' in key:
            # Written again it would take what follows into the quote.
            if part.count('"') % 2:
                raise ParseError(f"{shown(part)}: unterminated quote")
        elif key:
            params.setdefault(key, _param_value(value) if equals else None)
    return params


def _param_value(text: str) -> str:
    value = text.strip(WHITESPACE)
    if value[:1] == '"':
        take_quoted(value)
    return value


def format_params(params: dict[str, str | None]) -> str:
    """The parameters as they follow a value: `;a=1;b`."""
    return "".join(f";{name}" if value is None else f";{name}={value}" for name, value in params.items())


def parse_host_port(text: str) -> tuple[str, int | None]:
    """Host and port of `host`, `host:port`, `[v6]` or `[v6]:port`; the brackets of IPv6 are removed."""
    match = _HOST_PORT.fullmatch(text.strip(WHITESPACE))
    if match is None:
        raise ParseError(f"{shown(text)}: host expected")
    reference, name, port = match.groups()
    if port is None:
        return reference or name, None
    number = int(port)
    if not 0 < number <= 0xFFFF:
        raise ParseError(f"{shown(text)}: port out of range")
    return reference or name, number


def format_host_port(host: str, port: int | None) -> str:
    """`host`, `host:port`, `[v6]` or `[v6]:port`."""
    written = f"[{host}]" if ":" in host or "%" in host else host
    return written if port is None else f"{written}:{port}"


def _split_at(pattern: re.Pattern[str], separator: str, text: str) -> list[str]:
    parts = []
    start = 0
    for match in pattern.finditer(text):
        if match[0] == separator:
            parts.append(text[start : match.start()])
            start = match.end()
    parts.append(text[start:])
    return parts
