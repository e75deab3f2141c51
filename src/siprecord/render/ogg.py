"""Opus packets as they came, in an Ogg file (RFC 7845): nothing is encoded anew."""

from __future__ import annotations

import struct
from typing import IO, Any

from siprecord.media.codecs import ogg_page

RATE = 48_000
_FIRST, _LAST = 2, 4
_MAX_LACING = 255
_MAX_PAGE = RATE
"""Samples in one page: RFC 7845 section 5 asks for a second at most."""


class OpusFile:
    """Writes one logical stream to `file`; call `finish` at the end.

    The pre-skip is 0: what the encoder delayed is not known from RTP, and times stay those of the packets.
    """

    def __init__(self, file: IO[bytes] | Any, *, channels: int, comment: str = "") -> None:
        self._file = file
        self._number = 0
        self._granule = 0
        self._packets: list[bytes] = []
        self._lacing = self._samples = 0
        head = struct.pack("<8sBBHIhB", b"OpusHead", 1, channels, 0, RATE, 0, 0)
        self._page(_FIRST, [head])
        self._page(0, [_tags(comment)])

    def add(self, packet: bytes, ticks: int) -> None:
        """The next packet, of `ticks` samples."""
        lacing = len(packet) // 255 + 1
        if lacing > _MAX_LACING:
            return
        if self._lacing + lacing > _MAX_LACING or self._samples + ticks > _MAX_PAGE:
            self._flush(0)
        self._packets.append(packet)
        self._lacing += lacing
        self._samples += ticks

    def skip(self, ticks: int) -> None:
        """A gap: the next page's position is so much further (RFC 7845 section 4.1)."""
        if self._packets:
            self._flush(0)
        self._granule += ticks

    @property
    def position(self) -> int:
        """Where the next packet begins."""
        return self._granule + self._samples

    def finish(self) -> None:
        """Write what is left, marked as the end."""
        self._flush(_LAST)

    def _flush(self, flags: int) -> None:
        self._granule += self._samples
        self._page(flags, self._packets)
        self._packets, self._lacing, self._samples = [], 0, 0

    def _page(self, flags: int, packets: list[bytes]) -> None:
        self._file.write(ogg_page((flags, self._granule, 1, self._number), packets))
        self._number += 1


def _tags(comment: str) -> bytes:
    vendor = b"siprecord"
    entries = [comment.encode()[:1000]] if comment else []
    counted = b"".join(struct.pack("<I", len(entry)) + entry for entry in entries)
    return b"OpusTags" + struct.pack("<I", len(vendor)) + vendor + struct.pack("<I", len(entries)) + counted
