"""A session description as values (RFC 8866).

What a line says is kept as it was received, so that it can be echoed; the properties interpret it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum

import msgspec

from siprecord.syntax.quiet import Quiet
from siprecord.syntax.sdp.payload import Coding, RtpMap


class Direction(StrEnum):
    """Which way media flows, seen from whoever wrote the description (RFC 8866 section 6.7)."""

    SENDRECV = "sendrecv"
    SENDONLY = "sendonly"
    RECVONLY = "recvonly"
    INACTIVE = "inactive"


_DIRECTIONS = {direction.value: direction for direction in Direction}


class Attribute(msgspec.Struct, frozen=True, gc=False):
    """An `a=` line: a bare property, or a name with a value."""

    name: str
    value: str | None = None

    def __str__(self) -> str:
        return self.name if self.value is None else f"{self.name}:{self.value}"

    def __repr__(self) -> str:
        """For logs and tracebacks: without the value where that may be a key."""
        secret = "crypto" in self.name.lower() or "key" in self.name.lower()
        return f"Attribute({self.name!r}, {'(hidden)' if secret and self.value else repr(self.value)})"


class Origin(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The `o=` line. Ids are text, since clients send more than numbers."""

    username: str = "-"
    session_id: str = "0"
    version: str = "0"
    net_type: str = "IN"
    address_type: str = "IP4"
    address: str = "0.0.0.0"

    def __str__(self) -> str:
        return " ".join(
            (self.username, self.session_id, self.version, self.net_type, self.address_type, self.address)
        )


class Connection(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A `c=` line. `address` may be a name, and may end in `/ttl` where it is multicast."""

    net_type: str = "IN"
    address_type: str = "IP4"
    address: str

    @property
    def host(self) -> str:
        """The address alone, without time to live and count."""
        return self.address.partition("/")[0]

    @property
    def unspecified(self) -> bool:
        """0.0.0.0 or ::, which says: send nothing here (RFC 3264 section 8.4)."""
        return self.host in {"0.0.0.0", "::", "0:0:0:0:0:0:0:0"}

    def __str__(self) -> str:
        return f"{self.net_type} {self.address_type} {self.address}"


class MediaDescription(Quiet, frozen=True, kw_only=True):
    """One `m=` line and what belongs to it.

    `other_lines` are lines of other types, whole ("i=..."). `default_direction` is what the session level
    said when this was parsed; it is not written.
    """

    HIDDEN = ("other_lines",)

    kind: str
    port: int
    port_count: int = 1
    protocol: str = "RTP/AVP"
    formats: tuple[str, ...] = ()
    connection: Connection | None = None
    bandwidth: tuple[str, ...] = ()
    attributes: tuple[Attribute, ...] = ()
    other_lines: tuple[str, ...] = ()
    default_direction: Direction = Direction.SENDRECV

    def value(self, name: str) -> str | None:
        """The value of the first attribute of that name ("" for a bare one), or None."""
        for each in self.attributes:
            if each.name == name:
                return each.value or ""
        return None

    def values(self, name: str) -> tuple[str, ...]:
        """The values of all attributes of that name, in order."""
        return tuple([each.value or "" for each in self.attributes if each.name == name])

    def has(self, name: str) -> bool:
        """Whether there is such an attribute."""
        return any(each.name == name for each in self.attributes)

    @property
    def label(self) -> str | None:
        """`a=label` (RFC 4574): an opaque text, compared exactly."""
        return (self.value("label") or "").strip() or None

    @property
    def direction(self) -> Direction:
        """The direction of this m-line, else of the session, else sendrecv."""
        return find_direction(self.attributes) or self.default_direction

    @property
    def coding(self) -> Coding:
        """All that says what the formats mean, as one value: m-lines of one kind of client have the same."""
        return Coding(self.formats, self.values("rtpmap"), self.values("fmtp"))

    @property
    def rtpmap(self) -> Mapping[int, RtpMap]:
        """Payload type to meaning: every `a=rtpmap`, and the static types listed without one."""
        return self.coding.maps()

    @property
    def fmtp(self) -> Mapping[int, str]:
        """Payload type to its format parameters, as received."""
        return self.coding.parameters()

    @property
    def rtcp_port(self) -> int | None:
        """The port `a=rtcp` names (RFC 3605), if it does."""
        first = (self.value("rtcp") or "").split(" ")[0]
        return read_port(first)

    @property
    def rtcp_address(self) -> str | None:
        """The address `a=rtcp` names (RFC 3605), if it does."""
        fields = (self.value("rtcp") or "").split()
        return fields[3] if len(fields) >= 4 else None

    @property
    def rtcp_mux(self) -> bool:
        """Whether RTP and RTCP may share the port (RFC 5761)."""
        return self.has("rtcp-mux")

    @property
    def ptime(self) -> int | None:
        """Milliseconds of media per packet, if said. Packets may hold another amount all the same."""
        whole = (self.value("ptime") or "").strip().partition(".")[0]
        return int(whole) if whole.isascii() and whole.isdigit() and len(whole) <= 6 else None

    @property
    def content(self) -> str | None:
        """`a=content` (RFC 4796), the content type of a stream in the recording model."""
        return self.value("content")

    @property
    def crypto(self) -> tuple[str, ...]:
        """The values of `a=crypto` lines (RFC 4568), raw and in order. They hold keys."""
        return self.values("crypto")

    def lines(self) -> list[str]:
        """The lines of this m-line in the order RFC 8866 section 5 demands."""
        port = str(self.port) if self.port_count == 1 else f"{self.port}/{self.port_count}"
        others = self.other_lines
        rows = [f"m={self.kind} {port} {self.protocol} {' '.join(self.formats) or '0'}"]
        rows += _rows(others, "i") if others else ()
        rows += [f"c={self.connection}"] if self.connection else ()
        rows += [f"b={value}" for value in self.bandwidth]
        rows += _rows(others, "k") if others else ()
        rows += [
            f"a={each.name}" if each.value is None else f"a={each.name}:{each.value}"
            for each in self.attributes
        ]
        return rows


class SessionDescription(Quiet, frozen=True, kw_only=True):
    """A whole description. `deviations` says in plain words what was odd about one that was parsed."""

    HIDDEN = ("other_lines",)

    origin: Origin
    name: str = "-"
    connection: Connection | None = None
    bandwidth: tuple[str, ...] = ()
    timing: tuple[str, ...] = ("0 0",)
    attributes: tuple[Attribute, ...] = ()
    media: tuple[MediaDescription, ...] = ()
    other_lines: tuple[str, ...] = ()
    deviations: tuple[str, ...] = ()

    def connection_of(self, media: MediaDescription) -> Connection | None:
        """The `c=` that holds for an m-line: its own, else the session's (RFC 8866 section 5.7)."""
        return media.connection or self.connection

    def rtcp_destination(self, media: MediaDescription, *, mux: bool = False) -> tuple[str, int] | None:
        """Host (maybe a name) and port where the writer wants RTCP; None when it wants none.

        `mux` says that rtcp-mux is agreed. RFC 3264 section 6.1, RFC 3605 section 2.1, RFC 5761 section 5.1.
        """
        connection = self.connection_of(media)
        if media.port == 0 or connection is None or connection.unspecified:
            return None
        if mux:
            return connection.host, media.port
        port = media.rtcp_port or media.port + 1
        return (media.rtcp_address or connection.host, port) if port <= 65535 else None

    def to_bytes(self) -> bytes:
        """The description as it goes out: the order of RFC 8866 section 5, CRLF, UTF-8."""
        others = self.other_lines
        rows = ["v=0", f"o={self.origin}", f"s={self.name or '-'}"]
        for letter in "iuep" if others else "":
            rows += _rows(others, letter)
        rows += [f"c={self.connection}"] if self.connection else []
        rows += [f"b={value}" for value in self.bandwidth]
        rows += [f"t={value}" for value in self.timing or ("0 0",)]
        for letter in "rzk" if others else "":
            rows += _rows(others, letter)
        rows += [f"a={attribute}" for attribute in self.attributes]
        for media in self.media:
            rows += media.lines()
        rows.append("")
        return "\r\n".join(rows).encode()


def find_direction(attributes: Iterable[Attribute]) -> Direction | None:
    """The first direction attribute there is."""
    for attribute in attributes:
        direction = _DIRECTIONS.get(attribute.name.lower())
        if direction is not None:
            return direction
    return None


def read_port(text: str) -> int | None:
    """A port number from 0 to 65535, or None."""
    if not text.isascii() or not text.isdigit() or len(text) > 5:
        return None
    number = int(text)
    return number if number <= 65535 else None


def _rows(lines: Iterable[str], letter: str) -> list[str]:
    return [line for line in lines if line.startswith(letter + "=")]
