"""SIP and SIPS URIs (RFC 3261 section 19.1)."""

from __future__ import annotations

import re
from functools import lru_cache
from urllib.parse import unquote_to_bytes

import msgspec

from siprecord.errors import ParseError
from siprecord.syntax.sip.grammar import format_host_port, format_params, parse_host_port, parse_params, shown

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]*):")
_NEVER_IN_A_URI = re.compile(r'[\x00-\x20\x7f<>"]')
_END_OF_HOST = re.compile(r"[;?]")

_MAX_REMEMBERED = 256
"""Characters of a URI that may be remembered; ours, so that the memory has a bound."""

# Two URIs differ when one has such a parameter and the other has not (RFC 3261 section 19.1.4).
_PARAMS_THAT_COUNT = ("user", "ttl", "method", "maddr", "transport")


def uri_scheme(text: str) -> str:
    """The scheme of any URI in lower case; ParseError when the text does not begin with one."""
    match = _SCHEME.match(text)
    if match is None:
        raise ParseError(f"URI {shown(text)}: scheme expected")
    return match[1].lower()


class SipUri(msgspec.Struct, frozen=True):
    """A `sip:` or `sips:` URI. All parts stay as written (escapes included), save the scheme and parameter
    names.

    `host` has no brackets around an IPv6 address. Do not change the dictionaries: values are shared.
    """

    scheme: str
    user: str | None
    password: str | None
    host: str
    port: int | None = None
    params: dict[str, str | None] = msgspec.field(default_factory=dict)
    headers: dict[str, str] = msgspec.field(default_factory=dict)

    @classmethod
    def parse(cls, text: str) -> SipUri:
        """Raises ParseError; its status is 416 when the scheme is another one (RFC 3261 section 21.4.14)."""
        return _known_uri(text) if len(text) <= _MAX_REMEMBERED else _parse_uri(text)

    def __str__(self) -> str:
        userinfo = ""
        if self.user is not None:
            userinfo = self.user + ("" if self.password is None else f":{self.password}") + "@"
        headers = "&".join(f"{name}={value}" for name, value in self.headers.items())
        host_port = format_host_port(self.host, self.port)
        return (
            f"{self.scheme}:{userinfo}{host_port}{format_params(self.params)}"
            f"{'?' if headers else ''}{headers}"
        )

    @property
    def transport(self) -> str | None:
        """The transport parameter in lower case, if there is one."""
        value = self.params.get("transport")
        return value.lower() if value else None

    def matches(self, other: SipUri) -> bool:
        """Whether both are equal by the rules of RFC 3261 section 19.1.4."""
        return (
            self._identity() == other._identity()
            and _params_match(self.params, other.params)
            and _headers_for_match(self.headers) == _headers_for_match(other.headers)
        )

    def _identity(self) -> tuple[str, bytes | None, bytes | None, str, int | None]:
        return self.scheme, _unescaped(self.user), _unescaped(self.password), self.host.lower(), self.port


def _parse_uri(text: str) -> SipUri:
    scheme = uri_scheme(text)
    if scheme not in ("sip", "sips"):
        raise ParseError(f"URI {shown(text)}: scheme {scheme!r} is not supported", status=416)
    if _NEVER_IN_A_URI.search(text):
        raise ParseError(f"URI {shown(text)}: blank, control character, quote or bracket in it")
    userinfo, rest = _split_userinfo(text[len(scheme) + 1 :])
    rest, _, headers = rest.partition("?")
    host_port, _, params = rest.partition(";")
    try:
        host, port = parse_host_port(host_port)
    except ParseError as error:
        raise ParseError(f"URI {shown(text)}: {error}") from None
    user, password = _split_password(userinfo)
    return SipUri(scheme, user, password, host, port, parse_params(params), _parse_headers(headers))


# A client names itself and us by the same URIs in all its calls.
_known_uri = lru_cache(maxsize=512)(_parse_uri)


def _split_userinfo(text: str) -> tuple[str | None, str]:
    first = text.find("@")
    if first < 0:
        return None, text
    # Some peers leave an @ of the user part unescaped; one in a parameter value is not ours to care about.
    end = _END_OF_HOST.search(text, first)
    at = text.rfind("@", first, end.start() if end else len(text))
    return text[:at], text[at + 1 :]


def _split_password(userinfo: str | None) -> tuple[str | None, str | None]:
    if userinfo is None:
        return None, None
    user, colon, password = userinfo.partition(":")
    return user, password if colon else None


def _parse_headers(text: str) -> dict[str, str]:
    headers: dict[str, str] = {}
    for pair in text.split("&") if text else ():
        name, _, value = pair.partition("=")
        headers.setdefault(name, value)
    return headers


def _params_match(ours: dict[str, str | None], theirs: dict[str, str | None]) -> bool:
    left = {_unescaped(name): _folded(value) for name, value in ours.items()}
    right = {_unescaped(name): _folded(value) for name, value in theirs.items()}
    if any((name.encode() in left) != (name.encode() in right) for name in _PARAMS_THAT_COUNT):
        return False
    return all(right[name] == value for name, value in left.items() if name in right)


def _headers_for_match(headers: dict[str, str]) -> dict[bytes | None, bytes | None]:
    return {_folded(name): _unescaped(value) for name, value in headers.items()}


def _unescaped(text: str | None) -> bytes | None:
    return None if text is None else unquote_to_bytes(text.encode("utf-8", "surrogateescape"))


def _folded(text: str | None) -> bytes | None:
    unescaped = _unescaped(text)
    return None if unescaped is None else unescaped.lower()
