"""`body_parts` and `parse_multipart`. The first line of the input is the Content-Type, the rest the body.

Invariants, for any octets:

- `body_parts` gives parts and sentences, or raises `ParseError`; there are never more parts than the limit.
- Parts hold no more octets than the body had, since no encoding we read makes content longer.
- Parts put together again by `build_multipart` are the same parts when read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from fuzz.outcome import Outcome, bucket, held, plain, refusal, same
from siprecord.errors import ParseError
from siprecord.syntax.limits import DEFAULT_LIMITS, Limits
from siprecord.syntax.multipart import (
    Part,
    body_parts,
    build_multipart,
    find_metadata,
    find_sdp,
    parse_multipart,
)

_ODD = re.compile(r"^\s|\s$|[\ud800-\udfff]")
"""What the header of a SIP message may hold, and we never write."""
BOUNDARY = "a-boundary-that-no-input-has"
ROOMY = Limits(max_headers=DEFAULT_LIMITS.max_headers + 2, max_head=DEFAULT_LIMITS.max_head * 4)
"""For what we wrote: a part may get the two fields it had not, and fields that are no UTF-8 grow."""


def check(data: bytes) -> Outcome:
    """Take a body apart, look at its parts, put them together, take them apart again."""
    line, _, body = data.partition(b"\n")
    content_type = line.rstrip(b"\r").decode("utf-8", "surrogateescape") or None
    try:
        parts, deviations = body_parts(content_type, body)
    except ParseError as error:
        return refusal(error)
    held(len(parts) <= DEFAULT_LIMITS.max_parts, "parts are bounded")
    held(sum(len(part.body) for part in parts) <= len(body), "parts are not larger than the body")
    _ = (find_sdp(parts), find_metadata(parts), [part.handling for part in parts])
    _check_built(parts)
    kinds = tuple(part.essence[:32] for part in parts[:6])
    return Outcome(False, (bucket(len(parts)), kinds, tuple(plain(text) for text in deviations)))


def _check_built(parts: Iterable[Part]) -> None:
    kept = [part for part in parts if _can_be_written(part)]
    if not kept:
        return
    _, built = build_multipart(kept, BOUNDARY)
    again = parse_multipart(built, BOUNDARY, ROOMY)
    same(
        [_essence(part) for part in again], [_essence(part) for part in kept], "built and read it is the same"
    )


def _can_be_written(part: Part) -> bool:
    """Whether we might have made it: parts that are multipart themselves would be flattened."""
    fields = [*part.headers.values(), str(part.content_type)]
    plain_fields = all(_ODD.search(text) is None for text in fields)
    nested = part.content_type is not None and part.content_type.type == "multipart"
    return bool(part.body.strip()) and plain_fields and not nested and BOUNDARY.encode() not in part.body


def _essence(part: Part) -> tuple[object, ...]:
    return part.content_type, part.disposition, part.body
