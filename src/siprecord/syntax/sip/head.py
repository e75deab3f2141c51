"""The head of a message: where it ends, its rows, its Content-Length. One truth for datagrams and streams.

Two readers that disagree on where a message ends open a smuggling hole, so both `parse_message` and
`StreamFramer` come here. The rules:

- Lines end in LF, a CR before it belongs to the line end (RFC 3261 section 7 wants CRLF; peers send bare LF).
- The head ends with the first line that is empty.
- A line that begins with a blank continues the one before; both join with a single space (section 7.3.1).
- A CR elsewhere counts as a blank. A row without colon or with a name that is no token is passed over.
"""

from __future__ import annotations

from siprecord.errors import ParseError
from siprecord.syntax.limits import Limits
from siprecord.syntax.sip.grammar import WHITESPACE, parse_number, shown
from siprecord.syntax.sip.names import CANONICAL, canonical_name

Rows = list[tuple[str, str]]

_FIRST_WINDOW = 2048
_NO_MESSAGE_IS_LONGER = 2**63 - 1


def find_body(data: bytes | bytearray, start: int, stop: int) -> int:
    """The index after the empty line that ends the head, or -1; looks at `data[start:stop]` only."""
    stop = min(stop, len(data))
    window = _FIRST_WINDOW
    while True:
        end = min(stop, start + window)
        usual = data.find(b"\n\r\n", start, end)
        bare = data.find(b"\n\n", start, end if usual < 0 else usual + 1)
        if bare >= 0:
            return bare + 2
        if usual >= 0:
            return usual + 3
        if end == stop:
            return -1
        # Twice as far each time: one kind of end is not searched for in all the messages behind the other.
        window *= 2


def read_head(head: bytes | bytearray, limits: Limits) -> tuple[str, Rows]:
    """Start line and rows of a head, names canonical, values stripped and without CR and LF.

    Octets that are no UTF-8 become surrogates (`surrogateescape`), so that they survive a round trip. Raises
    ParseError when there are more than `limits.max_headers` rows.
    """
    text = head.decode("utf-8", "surrogateescape").replace("\r\n", "\n")
    if "\r" in text:
        text = text.replace("\r", " ")
    lines = text.rstrip("\n").split("\n")
    if len(lines) > limits.max_headers + 1 or "\n " in text or "\n\t" in text:
        lines = _unfold(lines)
        if len(lines) > limits.max_headers + 1:
            raise ParseError(f"more than {limits.max_headers} header fields")
    rows: Rows = []
    for line in lines[1:]:
        name, colon, value = line.partition(":")
        canonical = CANONICAL.get(name) or canonical_name(name)
        if colon and canonical:
            rows.append((canonical, value.strip(WHITESPACE)))
    return lines[0], rows


def _unfold(lines: list[str]) -> list[str]:
    unfolded: list[list[str]] = [[lines[0]]]
    for line in lines[1:]:
        if line[:1] in (" ", "\t"):
            unfolded[-1].append(line.strip(WHITESPACE))
        else:
            unfolded.append([line])
    return [" ".join(pieces) for pieces in unfolded]


def content_length(rows: Rows) -> int | None:
    """The Content-Length, or None when there is none; ParseError when it is malformed or two differ."""
    values = {value for name, value in rows if name == "Content-Length"}
    if not values:
        return None
    if len(values) > 1:
        raise ParseError("Content-Length: values that differ")
    (value,) = values
    length = parse_number(value, _NO_MESSAGE_IS_LONGER)
    if length is None:
        raise ParseError(f"Content-Length {shown(value)}: number expected")
    return length
