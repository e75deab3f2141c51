"""Cuts a TCP or TLS stream into messages (RFC 3261 sections 7.5 and 18.3, RFC 5626 section 4.4.1).

On a stream Content-Length alone tells where a message ends. When it is missing or wrong the rest of the
stream has no meaning any more, so the framer is dead after its first error.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field

from siprecord.errors import ParseError
from siprecord.syntax.limits import DEFAULT_LIMITS, Limits
from siprecord.syntax.sip.head import content_length, find_body, read_head
from siprecord.syntax.sip.message import Request
from siprecord.syntax.sip.parse import MessageError, parse_message

_PING = b"\r\n\r\n"
_LINE_ENDS = b"\r\n"


class Keepalive(enum.Enum):
    """What a peer sends between messages to keep a connection open."""

    PING = "ping"
    """A double CRLF, to be answered with a single one (RFC 5626 section 3.5.1)."""


@dataclass(frozen=True, slots=True)
class FramingError:
    """The stream can't be cut any further: answer the request, if there is one, and close the connection."""

    status: int
    text: str
    partial: bytes = field(repr=False)
    """The head of the message: those of its lines that are complete."""

    def request(self, limits: Limits = DEFAULT_LIMITS) -> Request | None:
        """The request to answer, without its body; None when the head has none."""
        try:
            message = parse_message(self.partial, limits)
        except MessageError as error:
            return error.partial
        return message if isinstance(message, Request) else None


Frame = bytes | Keepalive | FramingError


class StreamFramer:
    """Takes what a connection delivers and gives whole messages, keep-alives, and at most one FramingError,
    the last.

    Costs linear time however the octets are cut, and holds at most one unfinished message.
    """

    __slots__ = ("_buffer", "_dead", "_end", "_limits", "_searched")

    def __init__(self, limits: Limits = DEFAULT_LIMITS) -> None:
        self._limits = limits
        self._buffer = bytearray()
        self._searched = 0
        self._end = 0
        self._dead = False

    @property
    def dead(self) -> bool:
        """Whether a FramingError was given; everything fed after that is dropped."""
        return self._dead

    @property
    def pending(self) -> int:
        """Bytes of an unfinished message. Line ends between messages do not count."""
        return 0 if _PING.startswith(self._buffer) else len(self._buffer)

    def feed(self, data: bytes) -> list[Frame]:
        """What these octets complete, in order. Never raises for what a peer may send."""
        frames: list[Frame] = []
        if self._dead:
            return frames
        self._buffer += data
        while (frame := self._next_frame()) is not None:
            frames.append(frame)
        return frames

    def refuse(self, status: int, text: str) -> FramingError:
        """Give the unfinished message up; like any FramingError this is the last frame."""
        limits = self._limits
        body = find_body(self._buffer, 0, limits.max_head)
        head = body if body >= 0 else self._buffer.rfind(b"\n", 0, limits.max_head) + 1
        return self._fail(status, text, head)

    def _next_frame(self) -> Frame | None:
        if not self._end:
            if self._skip_line_ends():
                return Keepalive.PING
            if error := self._find_end():
                return error
        if not self._end or len(self._buffer) < self._end:
            return None
        message = bytes(self._buffer[: self._end])
        del self._buffer[: self._end]
        self._searched = self._end = 0
        return message

    def _skip_line_ends(self) -> bool:
        """Drops the line ends between messages; True when they are a ping."""
        buffer = self._buffer
        while buffer and buffer[0] in _LINE_ENDS:
            if buffer.startswith(_PING):
                del buffer[:4]
                return True
            if _PING.startswith(buffer):
                return False
            del buffer[:1]
        return False

    def _find_end(self) -> FramingError | None:
        buffer, limits = self._buffer, self._limits
        # The last two octets seen may be the beginning of an empty line.
        body = find_body(buffer, max(self._searched - 2, 0), limits.max_head)
        self._searched = len(buffer)
        if body < 0:
            if len(buffer) < limits.max_head:
                return None
            complete = buffer.rfind(b"\n", 0, limits.max_head) + 1
            return self._fail(513, f"head larger than {limits.max_head} bytes", complete)
        try:
            length = content_length(read_head(buffer[:body], limits)[1])
        except ParseError as error:
            return self._fail(error.status, str(error), body)
        if length is None:
            return self._fail(400, "Content-Length missing", body)
        if body + length > limits.max_message:
            return self._fail(413, f"message larger than {limits.max_message} bytes", body)
        self._end = body + length
        return None

    def _fail(self, status: int, text: str, head: int) -> FramingError:
        partial = bytes(self._buffer[:head])
        self._buffer.clear()
        self._dead = True
        return FramingError(status, text, partial)
