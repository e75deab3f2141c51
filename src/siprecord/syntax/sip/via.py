"""Via: where a request came through and where its response goes (RFC 3261 section 20.42, RFC 3581)."""

from __future__ import annotations

import re

import msgspec
from msgspec.structs import replace

from siprecord.errors import ParseError
from siprecord.syntax.sip.grammar import (
    WHITESPACE,
    format_host_port,
    format_params,
    is_token,
    parse_host_port,
    parse_number,
    parse_params,
    shown,
)

_USUAL_START = "SIP/2.0/"
_START = re.compile(r"[ \t]*SIP[ \t]*/[ \t]*2\.0[ \t]*/[ \t]*", re.IGNORECASE)


class Via(msgspec.Struct, frozen=True):
    """One Via value. `transport` is upper case and may be any token; `host` has no brackets around IPv6.

    Parameter names are lower case, values as written. Do not change `params`: values are shared; see
    `with_params`.
    """

    transport: str
    host: str
    port: int | None = None
    params: dict[str, str | None] = msgspec.field(default_factory=dict)

    @classmethod
    def parse(cls, text: str) -> Via:
        """Reads one value, not a comma list; raises ParseError."""
        if text.startswith(_USUAL_START):
            rest = text[len(_USUAL_START) :]
        else:
            match = _START.match(text)
            if match is None:
                raise ParseError(f"Via {shown(text)}: SIP/2.0 expected")
            rest = text[match.end() :]
        sent, _, params = rest.partition(";")
        words = sent.replace("\t", " ").strip(" ").split(" ", 1)
        if len(words) < 2 or not is_token(words[0]):
            raise ParseError(f"Via {shown(text)}: transport and host expected")
        try:
            host, port = parse_host_port(words[1])
            return cls(words[0].upper(), host, port, parse_params(params))
        except ParseError as error:
            raise ParseError(f"Via {shown(text)}: {error}") from None

    def __str__(self) -> str:
        return f"{_USUAL_START}{self.transport} {self.sent_by}{format_params(self.params)}"

    @property
    def sent_by(self) -> str:
        """`host` or `host:port`, with brackets around IPv6."""
        return format_host_port(self.host, self.port)

    @property
    def branch(self) -> str | None:
        """The branch, or None for an RFC 2543 peer that sends none and for an empty one."""
        return self.params.get("branch") or None

    @property
    def received(self) -> str | None:
        """The address in `received`, without the brackets some put around IPv6 (RFC 5118 section 4.5)."""
        value = self.params.get("received")
        return value.strip("[]") if value else None

    @property
    def wants_rport(self) -> bool:
        """Whether `rport` is there, with or without a value (RFC 3581 section 4)."""
        return "rport" in self.params

    @property
    def rport(self) -> int | None:
        """The port in `rport`; None when it is absent, empty or no port."""
        return parse_number(self.params.get("rport") or "", 0xFFFF)

    @property
    def maddr(self) -> str | None:
        """The address in `maddr`, without brackets."""
        value = self.params.get("maddr")
        return value.strip(WHITESPACE + "[]") if value else None

    def with_params(self, **params: str | None) -> Via:
        """The same value with these parameters set, for example `received` and `rport`."""
        return replace(self, params={**self.params, **params})
