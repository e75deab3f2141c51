"""Pieces of codecs and containers out of the compiled core."""

from __future__ import annotations

from collections.abc import Sequence

from siprecord.media import _core


class G722Decoder:
    """One stream of G.722 at 64 kbit/s to 16 kHz PCM, bit-exact with the Recommendation."""

    def __init__(self) -> None:
        self._core = _core.G722Decoder()

    def decode(self, octets: bytes) -> bytes:
        """Two 16-bit little-endian samples for each octet."""
        return self._core.decode(octets)


def amr_frames(payload: bytes, *, wideband: bool, octet_aligned: bool) -> list[bytes] | None:
    """The frames of an RTP payload in the storage format (RFC 4867 section 5.3); None for what is none."""
    return _core.amr_frames(payload, wideband, octet_aligned)


def opus_ticks(packet: bytes) -> int | None:
    """Samples at 48 kHz of an Opus packet (RFC 6716 section 3.1); None for what is none."""
    return _core.opus_ticks(packet)


def ogg_page(head: tuple[int, int, int, int], packets: Sequence[bytes]) -> bytes:
    """One Ogg page; `head` is flags, granule position, serial number and page number.

    Raises ValueError when the packets need more than one page.
    """
    return _core.ogg_page(head, packets)
