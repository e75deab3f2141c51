"""RTP payloads that are cut and measured: AMR and AMR-WB in both packings, Opus, G.722, telephone events.

Invariants, for any octets:

- A payload is cut into frames or refused; nothing panics.
- Frames have a type that exists and the size of that type, and together no more bits than the payload.
- An Opus packet lasts 2.5 to 120 ms, or is none.
- G.722 gives two samples for each octet, whatever was decoded before.
- No more digits than event blocks, none with a negative length.
"""

from __future__ import annotations

from fuzz.outcome import Outcome, bucket, held
from siprecord.media.audio import EventPacket
from siprecord.media.codecs import G722Decoder, amr_frames, opus_ticks
from siprecord.render.digits import read_digits

_NARROW = {**dict(enumerate((95, 103, 118, 134, 148, 159, 204, 244, 39))), 15: 0}
_WIDE = {**dict(enumerate((132, 177, 253, 285, 317, 365, 397, 461, 477, 40))), 14: 0, 15: 0}


def check(data: bytes) -> Outcome:
    """The first octet chooses the packing and the codec of the AMR frames."""
    if not data:
        return Outcome(True, "empty")
    wideband, aligned, payload = bool(data[0] & 1), bool(data[0] & 2), data[1:]
    frames = amr_frames(payload, wideband=wideband, octet_aligned=aligned)
    if frames is not None:
        _check_frames(frames, _WIDE if wideband else _NARROW, len(payload))
    ticks = opus_ticks(payload)
    held(ticks is None or 120 <= ticks <= 5760, "an Opus packet lasts 2.5 to 120 ms")
    held(len(G722Decoder().decode(payload)) == 4 * len(payload), "two samples for each octet")
    digits = read_digits([EventPacket(0, 1, 2, 101, payload)], {101: 8000})
    held(len(digits) <= len(payload) // 4, "no more digits than blocks")
    held(all(digit.ticks >= 0 for digit in digits), "no digit has a negative length")
    shape = (
        wideband,
        aligned,
        bucket(len(frames or ())),
        frames and frames[0][0],
        ticks,
        bucket(len(digits)),
    )
    return Outcome(frames is None and ticks is None, shape)


def _check_frames(frames: list[bytes], sizes: dict[int, int], octets: int) -> None:
    bits = 0
    for frame in frames:
        size = sizes.get(frame[0] >> 3)
        held(size is not None, "the frame type exists")
        held(len(frame) == 1 + -(-(size or 0) // 8), "a frame has the size of its type")
        bits += size or 0
    held(bits <= octets * 8, "frames have no more bits than the payload")
