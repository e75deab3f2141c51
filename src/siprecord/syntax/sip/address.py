"""Addresses as To, From, Contact, Route and their kin carry them (RFC 3261 section 20.10)."""

from __future__ import annotations

import re

import msgspec
from msgspec.structs import replace

from siprecord.errors import ParseError
from siprecord.syntax.sip.grammar import WHITESPACE, format_params, parse_params, quote, shown, take_quoted

_ILLEGAL = re.compile(r"[\x00-\x20\x7f<>]")
_AFTER_UNCLOSED = re.compile(r"[ \t<]")


class NameAddr(msgspec.Struct, frozen=True):
    """An optional display name, a URI, and the header's own parameters.

    `display` is what the name says, without quotes and escapes. `uri` is the text between the angle brackets
    and may be of any scheme; it never holds blanks, control characters or brackets (a peer's are
    percent-encoded), so it can be sent as a Request-URI. Parameter names are lower case, values as written.
    Do not change `params`: values are shared; see `with_param`.
    """

    display: str | None
    uri: str
    params: dict[str, str | None] = msgspec.field(default_factory=dict)

    @classmethod
    def parse(cls, text: str) -> NameAddr:
        """Reads `"Name" <uri>;params`, `Name <uri>;params` or `uri;params`; parameters without brackets are
        the header's.

        Tolerated, because peers do it: names that should be quoted, blanks around the URI, a missing `>`,
        empty parameters. Raises ParseError for anything else.
        """
        display, rest = _split_display(text.strip(WHITESPACE))
        if rest[:1] == "<":
            uri, params = _split_brackets(rest[1:])
        else:
            uri, _, params = rest.partition(";")
        uri = uri.strip(WHITESPACE)
        if not uri:
            raise ParseError(f"address {shown(text)}: URI expected")
        if _ILLEGAL.search(uri):
            uri = _ILLEGAL.sub(lambda match: f"%{ord(match[0]):02X}", uri)
        try:
            return cls(display, uri, parse_params(params) if params else {})
        except ParseError as error:
            raise ParseError(f"address {shown(text)}: {error}") from None

    def __str__(self) -> str:
        display = "" if self.display is None else quote(self.display) + " "
        return f"{display}<{self.uri}>{format_params(self.params)}"

    @property
    def tag(self) -> str | None:
        """The tag, or None for an RFC 2543 peer that sends none and for an empty one."""
        return self.params.get("tag") or None

    def with_param(self, name: str, value: str | None) -> NameAddr:
        """The same address with this parameter set."""
        return replace(self, params={**self.params, name: value})


def _split_display(text: str) -> tuple[str | None, str]:
    if text[:1] == '"':
        try:
            display, rest = take_quoted(text)
        except ParseError as error:
            raise ParseError(f"address {error}") from None
        rest = rest.lstrip(WHITESPACE)
        if rest[:1] != "<":
            raise ParseError(f"address {shown(text)}: '<' expected after the name")
        return display, rest
    before, bracket, after = text.partition("<")
    # A bracket inside quotes belongs to a parameter of the form without brackets.
    if not bracket or before.count('"') % 2:
        return None, text
    return before.strip(WHITESPACE) or None, "<" + after


def _split_brackets(text: str) -> tuple[str, str]:
    uri, closed, tail = text.partition(">")
    if not closed:
        # Some recorders' peers forget the '>' of a Contact: the URI then runs to the first blank.
        return _AFTER_UNCLOSED.split(text.strip(WHITESPACE), maxsplit=1)[0], ""
    tail = tail.strip(WHITESPACE)
    if tail and tail[0] != ";":
        raise ParseError(f"address {shown('<' + text)}: ';' expected after '>'")
    return uri, tail[1:]
