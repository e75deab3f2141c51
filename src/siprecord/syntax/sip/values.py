"""Small header values: CSeq, media types, option tags, seconds (RFC 3261 section 20)."""

from __future__ import annotations

from functools import lru_cache

import msgspec

from siprecord.errors import ParseError
from siprecord.syntax.sip.grammar import (
    WHITESPACE,
    is_token,
    parse_number,
    parse_params,
    quote,
    shown,
    unquote,
)
from siprecord.syntax.sip.headers import Headers

_MAX_REMEMBERED = 64
"""Characters of a media type that may be remembered; ours, so that the memory has a bound."""
MAX_CSEQ = 2**32 - 1
"""RFC 3261 section 20.16: the number must be expressible as a 32-bit unsigned integer."""


class CSeq(msgspec.Struct, frozen=True, gc=False):
    """Sequence number (0 to 2**32 - 1) and method of a request (RFC 3261 section 20.16)."""

    number: int
    method: str

    @classmethod
    def parse(cls, text: str) -> CSeq:
        """Raises ParseError."""
        words = text.replace("\t", " ").split(" ")
        if len(words) != 2:
            words = [word for word in words if word]
        number = parse_number(words[0], MAX_CSEQ) if words else None
        if number is None:
            raise ParseError(f"CSeq {shown(text)}: number below 2**32 expected")
        if len(words) != 2 or not is_token(words[1]):
            raise ParseError(f"CSeq {shown(text)}: one method expected")
        return cls(number, words[1])

    def __str__(self) -> str:
        return f"{self.number} {self.method}"


class MediaType(msgspec.Struct, frozen=True):
    """A Content-Type: type and subtype in lower case, parameter names too; the values are unquoted."""

    type: str
    subtype: str
    params: dict[str, str | None] = msgspec.field(default_factory=dict)

    @classmethod
    def parse(cls, text: str) -> MediaType:
        """Raises ParseError. Do not change `params`: values are shared."""
        return _known_type(text) if len(text) <= _MAX_REMEMBERED else _parse_type(text)

    @property
    def essence(self) -> str:
        """`type/subtype`, to be compared."""
        return f"{self.type}/{self.subtype}"

    def __str__(self) -> str:
        return self.essence + "".join(
            f";{name}" if value is None else f";{name}={value if is_token(value) else quote(value)}"
            for name, value in self.params.items()
        )


def _parse_type(text: str) -> MediaType:
    essence, _, params = text.partition(";")
    kind, _, subtype = essence.partition("/")
    kind, subtype = kind.strip(WHITESPACE), subtype.strip(WHITESPACE)
    if not is_token(kind) or not is_token(subtype):
        raise ParseError(f"media type {shown(text)}: type/subtype expected")
    written = parse_params(params) if params else {}
    unquoted = {name: None if value is None else unquote(value) for name, value in written.items()}
    return MediaType(kind.lower(), subtype.lower(), unquoted)


# The types of the parts are the same in all calls.
_known_type = lru_cache(maxsize=64)(_parse_type)


def option_tags(headers: Headers, name: str) -> list[str]:
    """The option tags (or other tokens) of Require, Supported, Allow and such, as written and in order."""
    return headers.get_list(name)


def has_option(headers: Headers, name: str, tag: str) -> bool:
    """Whether that list header holds the tag; case does not matter (RFC 3261 section 7.3.1)."""
    wanted = tag.lower()
    return any(element.lower() == wanted for element in headers.get_list(name))


def parse_seconds(text: str) -> int | None:
    """The seconds of Expires, Session-Expires, Min-SE and such, parameters ignored.

    None, which means "as if absent", when it is no number below 2**32 (RFC 4475 section 3.1.2.4).
    """
    return parse_number(text.partition(";")[0].strip(WHITESPACE), 2**32 - 1)
