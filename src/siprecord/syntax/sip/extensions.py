"""Header values of two extensions: RAck (RFC 3262 section 7.2) and Replaces (RFC 3891 section 6.1)."""

from __future__ import annotations

from dataclasses import dataclass

from siprecord.errors import ParseError
from siprecord.syntax.sip.grammar import WHITESPACE, format_params, parse_number, parse_params, shown
from siprecord.syntax.sip.values import CSeq

MAX_RSEQ = 2**32 - 1


@dataclass(frozen=True, slots=True)
class RAck:
    """Which reliable provisional response a PRACK acknowledges: its RSeq, and the CSeq of its request."""

    number: int
    cseq: CSeq

    @classmethod
    def parse(cls, text: str) -> RAck:
        """Raises ParseError."""
        first, _, rest = text.strip(WHITESPACE).replace("\t", " ").partition(" ")
        number = parse_rseq(first)
        if number is None:
            raise ParseError(f"RAck {shown(text)}: number from 1 to 2**32-1 expected")
        return cls(number, CSeq.parse(rest.strip(WHITESPACE)))

    def __str__(self) -> str:
        return f"{self.number} {self.cseq}"


@dataclass(frozen=True, slots=True)
class Replaces:
    """Which dialog a new INVITE takes over. The tags are those of a request to us in that dialog."""

    call_id: str
    to_tag: str
    from_tag: str
    early_only: bool = False

    @classmethod
    def parse(cls, text: str) -> Replaces:
        """Raises ParseError: the Call-ID and both tags are mandatory."""
        call_id, _, rest = text.partition(";")
        call_id = call_id.strip(WHITESPACE)
        params = parse_params(rest)
        to_tag, from_tag = params.get("to-tag"), params.get("from-tag")
        if not call_id or not to_tag or not from_tag or not call_id.isprintable() or " " in call_id:
            raise ParseError(f"Replaces {shown(text)}: Call-ID, to-tag and from-tag expected")
        return cls(call_id, to_tag, from_tag, "early-only" in params)

    def __str__(self) -> str:
        tags: dict[str, str | None] = {"to-tag": self.to_tag, "from-tag": self.from_tag}
        return self.call_id + format_params(tags | ({"early-only": None} if self.early_only else {}))


def parse_rseq(text: str) -> int | None:
    """The number of an RSeq header, 1 to 2**32-1; None for anything else (RFC 3262 section 7.1)."""
    return parse_number(text.strip(WHITESPACE), MAX_RSEQ) or None
