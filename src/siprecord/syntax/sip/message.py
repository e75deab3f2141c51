"""Requests and responses: what was received, or what is to be sent (RFC 3261 section 7)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from siprecord.errors import ParseError
from siprecord.syntax.sip.address import NameAddr
from siprecord.syntax.sip.grammar import is_token
from siprecord.syntax.sip.headers import Headers
from siprecord.syntax.sip.values import CSeq, MediaType
from siprecord.syntax.sip.via import Via

VERSION = "SIP/2.0"

_BREAKS_A_START_LINE = re.compile(r"[ \t\r\n]")

KNOWN_METHODS = frozenset(
    {
        "ACK", "BYE", "CANCEL", "INFO", "INVITE", "MESSAGE", "NOTIFY", "OPTIONS",
        "PRACK", "PUBLISH", "REFER", "REGISTER", "SUBSCRIBE", "UPDATE",
    }
)  # fmt: skip
"""The methods of the IANA registry; any other is answered with 501 (RFC 3261 section 21.5.2)."""


class _TypedHeaders:
    """Headers as values: parsed at first use and kept; ParseError when malformed or missing."""

    __slots__ = ()
    headers: Headers

    @property
    def call_id(self) -> str:
        """The Call-ID, opaque."""
        return self.headers.parsed("Call-ID", _call_id)

    @property
    def cseq(self) -> CSeq:
        """Number and method."""
        return self.headers.parsed("CSeq", CSeq.parse)

    @property
    def from_(self) -> NameAddr:
        """The From address."""
        return self.headers.parsed("From", NameAddr.parse)

    @property
    def to(self) -> NameAddr:
        """The To address."""
        return self.headers.parsed("To", NameAddr.parse)

    @property
    def vias(self) -> list[Via]:
        """All Via values, the topmost first. Never empty; do not change the list."""
        return self.headers.remember("Via", self._parse_vias)

    @property
    def top_via(self) -> Via:
        """The topmost Via value alone, even when others are malformed."""
        return self.headers.remember("Via: top", self._parse_top_via)

    @property
    def contact(self) -> NameAddr | None:
        """The first Contact, or None when there is none."""
        first = self.headers.remember("Contact", self._parse_contact)
        return first[0] if first else None

    @property
    def content_type(self) -> MediaType | None:
        """The media type of the body, or None when no (or an empty) Content-Type is there."""
        if not self.headers.get("Content-Type"):
            return None
        return self.headers.parsed("Content-Type", MediaType.parse)

    def _parse_contact(self) -> list[NameAddr]:
        return [NameAddr.parse(value) for value in self.headers.get_list("Contact")[:1]]

    def _parse_top_via(self) -> Via:
        known: list[Via] | None = self.headers.remembered("Via")
        return known[0] if known else Via.parse(self._via_list()[0])

    def _parse_vias(self) -> list[Via]:
        return [Via.parse(value) for value in self._via_list()]

    def _via_list(self) -> list[str]:
        values = self.headers.get_list("Via")
        if not values:
            raise ParseError("Via header missing")
        return values


@dataclass(slots=True)
class Request(_TypedHeaders):
    """A request. `raw` holds the octets as received, empty for one of ours.

    A body may hold keys, so no `repr` shows it.
    """

    method: str
    uri: str
    headers: Headers
    body: bytes = field(default=b"", repr=False)
    raw: bytes = field(default=b"", repr=False, compare=False)

    def to_bytes(self) -> bytes:
        """The message for the wire: CRLF, rows in order, a Content-Length that is right.

        Raises ValueError when the method is no token, or the URI has a blank or line break in it: our
        own fault.
        """
        if not self.uri or not is_token(self.method) or _BREAKS_A_START_LINE.search(self.uri):
            raise ValueError(f"no start line: {self.method!r} {self.uri!r}")
        return _to_bytes(f"{self.method} {self.uri} {VERSION}", self)


@dataclass(slots=True)
class Response(_TypedHeaders):
    """A response. `raw` holds the octets as received, empty for one of ours."""

    status: int
    reason: str
    headers: Headers
    body: bytes = field(default=b"", repr=False)
    raw: bytes = field(default=b"", repr=False, compare=False)

    def to_bytes(self) -> bytes:
        """The message for the wire: CRLF, rows in order, a Content-Length that is right.

        Raises ValueError when the reason has a line break in it: such a value would be our own fault.
        """
        if "\r" in self.reason or "\n" in self.reason:
            raise ValueError(f"reason with a line break: {self.reason!r}")
        return _to_bytes(f"{VERSION} {self.status} {self.reason}", self)


Message = Request | Response


def _call_id(text: str) -> str:
    if not text:
        raise ParseError("Call-ID is empty")
    return text


def _to_bytes(start_line: str, message: Request | Response) -> bytes:
    lines = [start_line]
    length: str | None = f"Content-Length: {len(message.body)}"
    for name, value in message.headers.items():
        if name != "Content-Length":
            lines.append(f"{name}: {value}")
        elif length is not None:
            lines.append(length)
            length = None
    if length is not None:
        lines.append(length)
    return "\r\n".join(lines).encode("utf-8", "surrogateescape") + b"\r\n\r\n" + message.body
