"""Octets to a message: one datagram, or what the stream framer cut out (RFC 3261 sections 7 and 18.3)."""

from __future__ import annotations

from siprecord.errors import ParseError
from siprecord.syntax.limits import DEFAULT_LIMITS, Limits
from siprecord.syntax.sip.grammar import is_token, shown
from siprecord.syntax.sip.head import Rows, content_length, find_body, read_head
from siprecord.syntax.sip.headers import Headers
from siprecord.syntax.sip.message import KNOWN_METHODS, VERSION, Message, Request, Response

_EMPTY_LINES = b"\r\n"


class MessageError(ParseError):
    """A message that can't be taken.

    `partial` is the request without its body as far as it could be read, so that it can be answered with
    `status`; None when it is a response or no SIP at all, which is to be dropped.
    """

    def __init__(self, what: str, *, status: int = 400, partial: Request | None = None) -> None:
        super().__init__(what, status=status)
        self.partial = partial


def is_keepalive(datagram: bytes) -> bool:
    """Whether a datagram holds nothing but line ends, blanks and zeros: a keep-alive, to be dropped."""
    return not datagram.strip(b"\r\n\x00 \t")


def parse_message(data: bytes, limits: Limits = DEFAULT_LIMITS) -> Message:
    """Reads one message; line ends before it are skipped, octets after its Content-Length dropped.

    Without Content-Length the body runs to the end of the data, and without the empty line after the head
    there is no body. The values of the headers are not looked at, see `validate_request`. Raises
    MessageError and nothing else.
    """
    start = len(data) - len(data.lstrip(_EMPTY_LINES))
    body = find_body(data, start, start + limits.max_head)
    if body < 0:
        body = _end_of_unfinished_head(data, start, limits)
    try:
        start_line, rows = read_head(data[start:body], limits)
    except ParseError as error:
        raise MessageError(str(error), partial=_first_rows(data[start:body], limits)) from None
    message = _parse_start_line(start_line, rows)
    message.raw = data
    try:
        message.body = _cut_body(data, body, rows, limits)
    except ParseError as error:
        raise _refusal(str(error), message, error.status) from None
    return message


def _end_of_unfinished_head(data: bytes, start: int, limits: Limits) -> int:
    if len(data) - start <= limits.max_head:
        return len(data)
    end = data.rfind(b"\n", start, start + limits.max_head) + 1
    partial = _first_rows(data[start:end], limits) if end else None
    raise MessageError(f"head larger than {limits.max_head} bytes", status=513, partial=partial)


def _first_rows(head: bytes, limits: Limits) -> Request | None:
    """The request of a head that is too large, with the rows that come first: enough to answer it."""
    lines = head.split(b"\n", limits.max_headers)[: limits.max_headers]
    start_line, rows = read_head(b"\n".join(lines), limits)
    try:
        message = _parse_start_line(start_line, rows)
    except MessageError as error:
        return error.partial
    return message if isinstance(message, Request) else None


def _parse_start_line(line: str, rows: Rows) -> Message:
    if line[:4].upper() == "SIP/":
        return _parse_status_line(line, rows)
    words = line.split(" ")
    if len(words) != 3 or not words[1] or "\t" in line:
        # More than one blank between, or some after, is harmless (RFC 4475 sections 3.1.2.9 and 3.1.2.10).
        words = [word for word in line.replace("\t", " ").split(" ") if word]
    if len(words) < 3 or words[-1][:4].upper() != "SIP/":
        raise MessageError(f"start line {shown(line)}: no SIP message")
    request = Request(words[0], words[1], Headers.received(rows))
    if request.method not in KNOWN_METHODS and not is_token(request.method):
        raise MessageError(f"method {shown(request.method)}: token expected")
    if words[-1].upper() != VERSION:
        raise MessageError(f"version {shown(words[-1])} is not supported", status=505, partial=request)
    if len(words) > 3:
        raise MessageError(f"start line {shown(line)}: blanks in the Request-URI", partial=request)
    return request


def _parse_status_line(line: str, rows: Rows) -> Response:
    version, _, rest = line.partition(" ")
    code, _, reason = rest.lstrip(" ").partition(" ")
    if version.upper() != VERSION:
        raise MessageError(f"version {shown(version)} is not supported", status=505)
    if len(code) != 3 or not (code.isascii() and code.isdigit()) or not 100 <= int(code) <= 699:
        raise MessageError(f"status {shown(code)}: number from 100 to 699 expected")
    return Response(int(code), reason.strip(" "), Headers.received(rows))


def _cut_body(data: bytes, body: int, rows: Rows, limits: Limits) -> bytes:
    if len(data) > limits.max_message:
        raise ParseError(f"message larger than {limits.max_message} bytes", status=413)
    length = content_length(rows)
    if length is None:
        return data[body:]
    if length > len(data) - body:
        raise ParseError(f"body has {len(data) - body} bytes, Content-Length says {length}")
    return data[body : body + length]


def _refusal(what: str, message: Message, status: int) -> MessageError:
    return MessageError(what, status=status, partial=message if isinstance(message, Request) else None)
