"""Cut payloads into the frames that a decoder takes. The framing has been checked before."""

from __future__ import annotations

from siprecord.media.codecs import amr_frames

_G723_SIZES = (24, 20, 4, 1)
_NARROW_SPEECH, _WIDE_SPEECH = 8, 9
"""Frame types below these are speech (RFC 4867 section 3.6)."""


def fixed(payload: bytes, size: int) -> list[bytes | None]:
    """Frames of one size."""
    return [payload[at : at + size] for at in range(0, len(payload), size)]


def g729(payload: bytes) -> list[bytes | None]:
    """Frames of 10 octets; a silence descriptor of 2 at the end is no speech (RFC 3551 section 4.5.6)."""
    return [frame if frame and len(frame) == 10 else None for frame in fixed(payload, 10)]


def g723(payload: bytes) -> list[bytes | None]:
    """Frames by their first two bits."""
    frames: list[bytes | None] = []
    while payload:
        size = _G723_SIZES[payload[0] & 3]
        frames.append(payload[:size])
        payload = payload[size:]
    return frames


def amr(payload: bytes, *, wideband: bool, octet_aligned: bool) -> list[bytes | None]:
    """Storage frames; silence descriptors, lost and empty frames are no speech."""
    speech = _WIDE_SPEECH if wideband else _NARROW_SPEECH
    frames = amr_frames(payload, wideband=wideband, octet_aligned=octet_aligned) or []
    return [frame if frame[0] >> 3 < speech else None for frame in frames]
