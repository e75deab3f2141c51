"""`StreamFramer`, the cutter of TCP and TLS streams.

Invariants, for any octets:

- The frames are the same whether the stream comes whole, octet by octet or in pieces. Each stream is cut at
  random or around its line ends; into single octets too, if it is short, and one long stream of sixteen.
- What waits in the framer is never more than the largest message or head allowed.
- No octet is given twice: the frames together are no longer than the stream.
- An error is the last frame, the framer is dead after it, and its request can be asked for.
- `parse_message` sees the same end of a frame as the framer: body and head fill it exactly. Two readers that
  disagree here would let one message be smuggled inside another.
"""

from __future__ import annotations

import random
import re
import zlib
from collections.abc import Iterable
from itertools import islice

from fuzz.outcome import Broken, Outcome, bucket, held, plain, same
from siprecord.syntax.limits import Limits
from siprecord.syntax.sip import Frame, FramingError, Keepalive, MessageError, StreamFramer, parse_message

SMALL = Limits(max_message=1024, max_head=512, max_headers=16)
LARGE = Limits()
_SHORT = 96
_OCTET_BY_OCTET = 1500
"""Longer streams are only cut into pieces, since one call for each octet would take most of the time."""
_SEAMS = 8
_SEAM = re.compile(rb"[\r\n]+")


def check(data: bytes) -> Outcome:
    """Cut one stream several ways, under small limits or the usual ones by a checksum of the stream."""
    chance = random.Random(zlib.crc32(data))
    limits = chance.choice((SMALL, LARGE))
    whole = _frames([data], limits)
    pieces = chance.choice((_pieces, _seams))(data, chance)
    same(_frames(pieces, limits), whole, "pieces give the same frames as the whole")
    if len(data) <= _SHORT or (len(data) <= _OCTET_BY_OCTET and chance.random() < 1 / 16):
        octets = (data[place : place + 1] for place in range(len(data)))
        same(_frames(octets, limits), whole, "single octets give the same frames as the whole")
    for frame in whole:
        if isinstance(frame, bytes):
            _check_one_truth(frame, limits)
    held(sum(_size(frame) for frame in whole) <= len(data), "no octet is given twice")
    return _outcome(whole)


def _pieces(data: bytes, chance: random.Random) -> Iterable[bytes]:
    start = 0
    while start < len(data):
        end = start + chance.choice((1, 2, 3, 7, 64, 1000, 65536))
        yield data[start:end]
        start = end


def _seams(data: bytes, chance: random.Random) -> Iterable[bytes]:
    """Cut before, within and behind a few line ends, which is where a framer can lose its way."""
    start, place = 0, chance.randrange(len(data) + 1) if chance.random() < 0.5 else 0
    for seam in islice(_SEAM.finditer(data, place), _SEAMS):
        for end in range(seam.start(), min(seam.end(), seam.start() + 4) + 1):
            yield data[start:end]
            start = end
    yield data[start:]


def _frames(pieces: Iterable[bytes], limits: Limits) -> list[Frame]:
    framer = StreamFramer(limits)
    frames: list[Frame] = []
    most = max(limits.max_message, limits.max_head)
    was_dead = False
    for piece in pieces:
        new = framer.feed(piece)
        if (was_dead and new) or framer.pending > most:
            raise Broken("a dead framer gives nothing, and what waits is bounded")
        was_dead = framer.dead
        frames += new
    errors = [place for place, frame in enumerate(frames) if isinstance(frame, FramingError)]
    same(errors, [len(frames) - 1] if framer.dead else [], "an error is the last frame, and only then dead")
    return frames


def _check_one_truth(frame: bytes, limits: Limits) -> None:
    try:
        message = parse_message(frame, limits)
    except MessageError:
        return
    head = frame[: len(frame) - len(message.body)]
    held(frame.endswith(message.body), "the body ends where the frame ends")
    held(head.endswith((b"\n\r\n", b"\n\n")), "head and body fill the frame")


def _size(frame: Frame) -> int:
    if isinstance(frame, FramingError):
        frame.request()
        return len(frame.partial)
    return 4 if isinstance(frame, Keepalive) else len(frame)


def _outcome(frames: list[Frame]) -> Outcome:
    last = frames[-1] if frames else None
    error = (last.status, plain(last.text)) if isinstance(last, FramingError) else None
    pings = sum(isinstance(frame, Keepalive) for frame in frames)
    return Outcome(not any(isinstance(f, bytes) for f in frames), (bucket(len(frames)), bucket(pings), error))
