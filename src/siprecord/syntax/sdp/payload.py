"""RTP payload types: the static ones (RFC 3551 section 6) and `a=rtpmap`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType

import msgspec

MAX_REMEMBERED = 40
"""Formats, maps and parameters of an m-line that may be remembered; ours, so that the memory has a bound."""
KINDS_REMEMBERED = 64
"""Of m-lines; ours."""

_RTPMAP = re.compile(r"(\d{1,3})\s+([^\s/]+)\s*(?:/\s*(\d{1,9})\s*(?:/\s*(\d{1,3}))?)?")


class RtpMap(msgspec.Struct, frozen=True, gc=False):
    """What a payload type means. `encoding` is spelled as offered; compare `name`.

    `clock_rate` is that of RTP timestamps, which for G722 is 8000 although it samples at 16000 Hz.
    """

    encoding: str
    clock_rate: int
    channels: int = 1

    @property
    def name(self) -> str:
        """The encoding in upper case (RFC 8866 section 6.6: names compare without regard to case)."""
        return self.encoding.upper()

    def __str__(self) -> str:
        channels = f"/{self.channels}" if self.channels != 1 else ""
        return f"{self.encoding}/{self.clock_rate}{channels}"


STATIC_PAYLOADS: dict[int, RtpMap] = {
    0: RtpMap("PCMU", 8000),
    3: RtpMap("GSM", 8000),
    4: RtpMap("G723", 8000),
    5: RtpMap("DVI4", 8000),
    6: RtpMap("DVI4", 16000),
    7: RtpMap("LPC", 8000),
    8: RtpMap("PCMA", 8000),
    9: RtpMap("G722", 8000),
    10: RtpMap("L16", 44100, 2),
    11: RtpMap("L16", 44100),
    12: RtpMap("QCELP", 8000),
    13: RtpMap("CN", 8000),
    14: RtpMap("MPA", 90000),
    15: RtpMap("G728", 8000),
    16: RtpMap("DVI4", 11025),
    17: RtpMap("DVI4", 22050),
    18: RtpMap("G729", 8000),
    19: RtpMap("CN", 8000),  # reserved by RFC 3551; older gateways send comfort noise with it
    25: RtpMap("CelB", 90000),
    26: RtpMap("JPEG", 90000),
    28: RtpMap("nv", 90000),
    31: RtpMap("H261", 90000),
    32: RtpMap("MPV", 90000),
    33: RtpMap("MP2T", 90000),
    34: RtpMap("H263", 90000),
}


def payload_number(text: str) -> int | None:
    """The payload type a format names, or None when it is none (0 to 127)."""
    if not text.isascii() or not text.isdigit() or len(text) > 3:
        return None
    number = int(text)
    return number if number <= 127 else None


def read_rtpmap(value: str) -> tuple[int, RtpMap] | None:
    """Read `0 PCMU/8000/1`. Without a clock rate, that of the static type, else 8000; None if unreadable."""
    match = _RTPMAP.match(value.strip())
    number = payload_number(match[1]) if match else None
    if match is None or number is None:
        return None
    known = STATIC_PAYLOADS.get(number)
    rate = int(match[3]) if match[3] else (known.clock_rate if known else 8000)
    if rate == 0:
        return None
    return number, RtpMap(match[2], rate, max(1, int(match[4] or 1)))


class Coding(msgspec.Struct, frozen=True):
    """What an m-line says of its formats: the list of them, and the values of `a=rtpmap` and `a=fmtp`.

    A kind of client says the same in all its calls, so what it means is remembered for some of the last ones.
    """

    formats: tuple[str, ...]
    rtpmaps: tuple[str, ...]
    fmtps: tuple[str, ...]

    @property
    def short(self) -> bool:
        """Whether it may be remembered: the memory has a bound."""
        return len(self.formats) + len(self.rtpmaps) + len(self.fmtps) <= MAX_REMEMBERED

    def maps(self) -> Mapping[int, RtpMap]:
        """Payload type to meaning: every `a=rtpmap`, and the static types listed without one."""
        return _known_maps(self) if self.short else _read_maps(self)

    def parameters(self) -> Mapping[int, str]:
        """Payload type to its format parameters, as received."""
        found: dict[int, str] = {}
        for value in self.fmtps:
            name, _, text = value.strip().partition(" ")
            number = payload_number(name)
            if number is not None:
                found.setdefault(number, text.strip())
        return found

    def codecs(self) -> Mapping[str, RtpMap]:
        """The formats that have a meaning, in order, and what it is."""
        return _known_codecs(self) if self.short else _read_codecs(self)


def _read_maps(coding: Coding) -> Mapping[int, RtpMap]:
    maps: dict[int, RtpMap] = {}
    for value in coding.rtpmaps:
        read = read_rtpmap(value)
        if read is not None:
            maps.setdefault(*read)
    for name in coding.formats:
        number = payload_number(name)
        if number is not None and number in STATIC_PAYLOADS:
            maps.setdefault(number, STATIC_PAYLOADS[number])
    return MappingProxyType(maps)


def _read_codecs(coding: Coding) -> Mapping[str, RtpMap]:
    maps = coding.maps()
    numbers = ((name, payload_number(name)) for name in coding.formats)
    found = {name: maps[number] for name, number in numbers if number is not None and number in maps}
    return MappingProxyType(found)


_known_maps = lru_cache(maxsize=KINDS_REMEMBERED)(_read_maps)
_known_codecs = lru_cache(maxsize=KINDS_REMEMBERED)(_read_codecs)
