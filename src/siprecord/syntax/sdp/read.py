"""Bytes to a session description. Odd lines are noted and passed over; m-lines are never lost.

An answer must have one m-line for each offered (RFC 3264 section 6), so an `m=` that can't be read at all is
the one line that spoils the whole description.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from string import ascii_letters

from siprecord.errors import ParseError
from siprecord.syntax.limits import DEFAULT_LIMITS, Limits
from siprecord.syntax.sdp.model import (
    Attribute,
    Connection,
    Direction,
    MediaDescription,
    Origin,
    SessionDescription,
    find_direction,
    read_port,
)

_BLANKS = " \t"
_LONG_WORD = re.compile(r"\S{16,}")
"""May be a key that was broken off its line: notes show none of it."""
_BREAK = re.compile(r"\r\n|\n|\r")
_LINE = re.compile(r"([A-Za-z])[ \t]*=[ \t]*(.*)", re.DOTALL)
_LETTERS = frozenset(ascii_letters)
_SESSION_LINES = "iuepkrz"
_MAX_DEVIATIONS = 32


def parse_sdp(data: bytes, limits: Limits = DEFAULT_LIMITS) -> SessionDescription:
    """Read a session description.

    Takes any line break, blanks around, missing lines and unknown ones; `deviations` says what was odd.
    Raises `ParseError` when it is over the limits, has an unreadable `m=`, or is no description at all.
    """
    if len(data) > limits.max_sdp:
        raise ParseError(f"the SDP has {len(data)} octets; {limits.max_sdp} are allowed", status=413)
    lines = _BREAK.split(_decode(data), limits.max_sdp_lines)
    if len(lines) > limits.max_sdp_lines:
        raise ParseError(f"the SDP has more than {limits.max_sdp_lines} lines", status=413)
    reader = _Reader(limits.max_sdp_media)
    for line in lines:
        stripped = line.strip(_BLANKS)
        if stripped and not reader.take(stripped):
            break
    return reader.finish()


def _decode(data: bytes) -> str:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    # Not left out: what stood on both sides would become one word, which nobody else reads in the message.
    return text.replace("\0", " ")


@dataclass(slots=True)
class _Section:
    """What both levels have: the session's lines before the first m=, or those of one m-line."""

    connection: Connection | None = None
    bandwidth: list[str] = field(default_factory=list)
    attributes: list[Attribute] = field(default_factory=list)
    other_lines: list[str] = field(default_factory=list)


@dataclass(slots=True)
class _Media(_Section):
    kind: str = ""
    port: int = 0
    port_count: int = 1
    protocol: str = ""
    formats: tuple[str, ...] = ()


class _Reader:
    def __init__(self, max_media: int) -> None:
        self._max_media = max_media
        self._session = _Section()
        self._section = self._session
        self._media: list[_Media] = []
        self._origin: Origin | None = None
        self._name: str | None = None
        self._timing: list[str] = []
        self._versions = 0
        self._deviations: list[str] = []

    def take(self, line: str) -> bool:
        """Read one line that is not empty; False when nothing after it belongs to this description."""
        if line.startswith("a="):
            self._take_attribute(line[2:].lstrip(_BLANKS))
            return True
        if line[1:2] == "=" and line[0] in _LETTERS:
            letter, value = line[0], line[2:].lstrip(_BLANKS)
        elif match := _LINE.fullmatch(line):
            letter, value = match[1], match[2]
        else:
            shown = _LONG_WORD.sub("...", line)[:60]
            self._note(f"a line is not of the form x=value: {shown!r} (RFC 8866 section 5)")
            return True
        if letter == "v":
            return self._take_version(value)
        self._take(letter, value)
        return True

    def _take_version(self, value: str) -> bool:
        self._versions += 1
        if self._versions > 1 or self._origin or self._media:
            self._note("a second description follows the first; it was not read (RFC 3264 section 5)")
            return False
        if value != "0":
            self._note(f"v={value[:20]} instead of v=0 (RFC 8866 section 5.1)")
        return True

    def _take_attribute(self, value: str) -> None:
        name, colon, text = value.partition(":")
        self._section.attributes.append(Attribute(name.strip(_BLANKS), text if colon else None))

    def _take(self, letter: str, value: str) -> None:
        section = self._section
        match letter:
            case "m":
                self._start_media(value)
            case "a":
                self._take_attribute(value)
            case "c":
                section.connection = self._connection(value) or section.connection
            case "b":
                section.bandwidth.append(value)
            case "o" | "s" | "t":
                self._take_session_line(letter, value)
            case _:
                section.other_lines.append(f"{letter}={value}")
                if letter not in _SESSION_LINES:
                    self._note(f"unknown line type {letter}= (RFC 8866 section 5)")

    def _take_session_line(self, letter: str, value: str) -> None:
        if self._media:
            self._note(f"{letter}= stands below an m= line (RFC 8866 section 5)")
        if letter == "o" and self._origin is None:
            self._origin = self._read_origin(value)
        elif letter == "s" and self._name is None:
            self._name = value
        elif letter == "t":
            self._timing.append(value)

    def _start_media(self, value: str) -> None:
        if len(self._media) >= self._max_media:
            raise ParseError(f"the SDP has more than {self._max_media} m-lines", status=413)
        fields = value.split()
        if len(fields) < 3:
            raise ParseError(f"m={value[:60]} can't be read (RFC 8866 section 5.14)")
        port_text, _, count_text = fields[1].partition("/")
        port = read_port(port_text)
        if port is None:
            self._note(
                f"m= has the port {fields[1][:20]!r}, which is none; taken as 0 (RFC 8866 section 5.14)"
            )
        if len(fields) == 3:
            self._note("m= lists no formats (RFC 8866 section 5.14)")
        media = _Media(
            kind=fields[0],
            port=port or 0,
            port_count=max(1, read_port(count_text) or 1),
            protocol=fields[2],
            formats=tuple(fields[3:]),
        )
        self._media.append(media)
        self._section = media

    def _connection(self, value: str) -> Connection | None:
        fields = value.split()
        if len(fields) == 3:
            return Connection(net_type=fields[0], address_type=fields[1].upper(), address=fields[2])
        self._note(f"c={value[:60]} can't be read (RFC 8866 section 5.7)")
        return None

    def _read_origin(self, value: str) -> Origin:
        fields = value.split()
        if len(fields) > 6:  # a user name with blanks
            fields = ["_".join(fields[:-5]), *fields[-5:]]
        elif len(fields) < 6:
            self._note(f"o={value[:60]} is not complete (RFC 8866 section 5.2)")
            fields += ["-", "0", "0", "IN", "IP4", "0.0.0.0"][len(fields) :]
        user, session_id, version, net_type, address_type, address = fields
        return Origin(
            username=user,
            session_id=session_id,
            version=version,
            net_type=net_type,
            address_type=address_type,
            address=address,
        )

    def finish(self) -> SessionDescription:
        if self._origin is None and not self._media and not self._versions:
            raise ParseError("this is no session description: it has no v=, o= or m= line")
        self._note_missing()
        session = self._session
        direction = find_direction(session.attributes) or Direction.SENDRECV
        return SessionDescription(
            origin=self._origin or Origin(),
            name=self._name or "-",
            connection=session.connection,
            bandwidth=tuple(session.bandwidth),
            timing=tuple(self._timing) or ("0 0",),
            attributes=tuple(session.attributes),
            media=tuple(_freeze(media, direction) for media in self._media),
            other_lines=tuple(session.other_lines),
            deviations=tuple(self._deviations),
        )

    def _note_missing(self) -> None:
        present = {"v": self._versions, "o": self._origin, "s": self._name, "t": self._timing}
        for letter, value in present.items():
            if not value:
                self._note(f"{letter}= is missing or empty (RFC 8866 section 5)")
        if self._session.connection is None and any(m.port and m.connection is None for m in self._media):
            self._note("an m-line has no c= at either level (RFC 8866 section 5.7)")
        labels = [
            attribute.value for m in self._media for attribute in m.attributes if attribute.name == "label"
        ]
        if len(labels) != len(set(labels)):
            self._note("two m-lines have the same label (RFC 4574 section 4)")
        if any(m.port and all(a.name != "label" for a in m.attributes) for m in self._media):
            self._note("an m-line has no label (RFC 7866 section 7.1.1)")

    def _note(self, text: str) -> None:
        if len(self._deviations) < _MAX_DEVIATIONS and text not in self._deviations:
            self._deviations.append(text)


def _freeze(media: _Media, direction: Direction) -> MediaDescription:
    return MediaDescription(
        kind=media.kind,
        port=media.port,
        port_count=media.port_count,
        protocol=media.protocol,
        formats=media.formats,
        connection=media.connection,
        bandwidth=tuple(media.bandwidth),
        attributes=tuple(media.attributes),
        other_lines=tuple(media.other_lines),
        default_direction=direction,
    )
