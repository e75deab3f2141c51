"""Frames of a pcap or pcapng file, one after the other; a file that breaks off gives what it holds."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from siprecord.errors import SiprecordError

PCAPNG = b"\x0a\x0d\x0d\x0a"
PCAP = {
    b"\xd4\xc3\xb2\xa1": ("<", 1000), b"\xa1\xb2\xc3\xd4": (">", 1000),
    b"\x4d\x3c\xb2\xa1": ("<", 1), b"\xa1\xb2\x3c\x4d": (">", 1),
}  # fmt: skip
"""Byte order, and nanoseconds in a unit of the fraction, by the first four octets."""
MAX_FRAME = 1 << 24
_ENHANCED, _SIMPLE, _INTERFACE = 6, 3, 1
_TSRESOL = 9


@dataclass(frozen=True, slots=True)
class Frame:
    """One captured frame; `link` is the link type of its interface."""

    time_ns: int
    link: int
    data: bytes


@dataclass(slots=True)
class Account:
    """What was met while a capture was read."""

    frames: int = 0
    cut: bool = False
    """The file breaks off, or is damaged from there on."""


def frames(file: BinaryIO, account: Account) -> Iterator[Frame]:
    """The frames of an open file. Raises SiprecordError when it is no capture."""
    magic = file.read(4)
    if magic == PCAPNG:
        found = _Pcapng(file, account).frames()
    elif magic in PCAP:
        found = _pcap(file, account, *PCAP[magic])
    else:
        raise SiprecordError("it is neither pcap nor pcapng")
    for frame in found:
        account.frames += 1
        yield frame


def _pcap(file: BinaryIO, account: Account, order: str, unit: int) -> Iterator[Frame]:
    head = file.read(20)
    account.cut = len(head) < 20
    if account.cut:
        return
    link = struct.unpack(order + "HHiIII", head)[5] & 0xFFFF
    while head := file.read(16):
        size = struct.unpack(order + "IIII", head)[2] if len(head) == 16 else MAX_FRAME + 1
        data = file.read(size) if size <= MAX_FRAME else b""
        if len(data) < size:
            account.cut = True
            return
        seconds, fraction = struct.unpack_from(order + "II", head)
        yield Frame(seconds * 10**9 + fraction * unit, link, data)


class _Pcapng:
    def __init__(self, file: BinaryIO, account: Account) -> None:
        self._file = file
        self._account = account
        self._order = "<"
        self._links: list[tuple[int, int]] = []

    def frames(self) -> Iterator[Frame]:
        kind, body = self._section()
        while body is not None:
            if kind == _INTERFACE and len(body) >= 8:
                self._links.append(
                    (struct.unpack_from(self._order + "H", body)[0], self._resolution(body[8:]))
                )
            elif kind == _ENHANCED and (frame := self._enhanced(body)) is not None:
                yield frame
            elif kind == _SIMPLE and self._links and len(body) >= 4:
                size = struct.unpack_from(self._order + "I", body)[0]
                yield Frame(0, self._links[0][0], body[4 : 4 + size])
            kind, body = self._block()

    def _section(self) -> tuple[int, bytes | None]:
        """The rest of a section header, whose type has been read; a new section begins its own numbering."""
        head = self._file.read(8)
        if len(head) < 8:
            return self._cut()
        self._order = "<" if head[4:] == b"\x4d\x3c\x2b\x1a" else ">"
        (length,) = struct.unpack(self._order + "I", head[:4])
        self._links = []
        if not 28 <= length <= MAX_FRAME or len(self._file.read(length - 12)) < length - 12:
            return self._cut()
        return 0, b""

    def _cut(self) -> tuple[int, None]:
        self._account.cut = True
        return 0, None

    def _block(self) -> tuple[int, bytes | None]:
        head = self._file.read(4)
        if head == PCAPNG:
            return self._section()
        size = self._file.read(4)
        if len(size) < 4:
            return self._cut() if head else (0, None)
        (kind,), (length,) = struct.unpack(self._order + "I", head), struct.unpack(self._order + "I", size)
        if not 12 <= length <= MAX_FRAME:
            return self._cut()
        rest = self._file.read(length - 8)
        return (kind, rest[:-4]) if len(rest) == length - 8 else self._cut()

    def _enhanced(self, body: bytes) -> Frame | None:
        if len(body) < 20:
            return None
        number, high, low, size = struct.unpack_from(self._order + "IIII", body)
        if number >= len(self._links):
            return None
        link, per_second = self._links[number]
        ticks = high << 32 | low
        return Frame(ticks * 10**9 // per_second, link, body[20 : 20 + size])

    def _resolution(self, options: bytes) -> int:
        """Ticks in a second (if_tsresol), a million unless it says otherwise."""
        at = 0
        while at + 4 <= len(options):
            code, size = struct.unpack_from(self._order + "HH", options, at)
            if code == _TSRESOL and size == 1 and at + 4 < len(options):
                value = options[at + 4]
                return int(2 ** (value & 0x3F)) if value & 0x80 else int(10 ** min(value, 18))
            if code == 0:
                break
            at += 4 + size + -size % 4
        return 10**6
