"""`parse_sdp` and what a description says of itself.

Invariants, for any octets:

- `parse_sdp` gives a description or raises `ParseError`; every property of it can be asked for.
- What is written from a description parses to the same m-lines, attributes, connections, origin and timing
  (lines of unknown types are not written), and is written the same again.
- `blank_keys` keeps the length and leaves no key, see `fuzz.targets.keys`.
"""

from __future__ import annotations

from fuzz.outcome import Outcome, bucket, held, plain, refusal, same
from fuzz.targets.keys import check_blanked
from siprecord.errors import ParseError
from siprecord.syntax.limits import DEFAULT_LIMITS, Limits
from siprecord.syntax.sdp import MediaDescription, SessionDescription, blank_keys, parse_sdp

ROOMY = Limits(max_sdp=DEFAULT_LIMITS.max_sdp * 4, max_sdp_lines=DEFAULT_LIMITS.max_sdp_lines * 2)
"""For what we wrote: octets that are no UTF-8 grow, and lines that were missing are there."""


def check(data: bytes) -> Outcome:
    """Parse, ask everything, write, parse again."""
    check_blanked(data, blank_keys(data))
    try:
        description = parse_sdp(data)
    except ParseError as error:
        held(400 <= error.status <= 699, "the status is one of an error")
        return refusal(error)
    for media in description.media:
        _ask(description, media)
    check_written(description)
    odd = tuple(plain(text) for text in description.deviations[:4])
    return Outcome(False, (bucket(len(description.media)), bucket(len(description.attributes)), odd))


def check_written(description: SessionDescription) -> None:
    """What is written parses to the same values and is written the same again."""
    written = description.to_bytes()
    again = parse_sdp(written, ROOMY)
    for name in ("origin", "name", "connection", "bandwidth", "timing", "attributes"):
        same(getattr(again, name), getattr(description, name), f"{name} is the same")
    same(len(again.media), len(description.media), "as many m-lines")
    for left, right in zip(again.media, description.media, strict=True):
        same(_essence(left), _essence(right), "an m-line is the same")
    same(again.to_bytes(), written, "it is written the same again")


def _essence(media: MediaDescription) -> tuple[object, ...]:
    formats = media.formats or ("0",)  # the grammar wants at least one
    counted = (media.kind, media.port, media.port_count, media.protocol, formats, media.direction)
    return (*counted, media.connection, media.bandwidth, media.attributes)


def _ask(description: SessionDescription, media: MediaDescription) -> None:
    _ = (
        media.label,
        media.fmtp,
        media.rtcp_address,
        media.rtcp_mux,
        media.ptime,
        media.content,
        media.crypto,
    )
    held(all(0 <= number <= 127 for number in media.rtpmap), "payload types are from 0 to 127")
    held(
        all(each.clock_rate > 0 and each.channels > 0 for each in media.rtpmap.values()), "rates are positive"
    )
    held(media.rtcp_port is None or 0 <= media.rtcp_port <= 65535, "a port is one")
    for mux in (False, True):
        destination = description.rtcp_destination(media, mux=mux)
        held(destination is None or 0 < destination[1] <= 65535, "RTCP goes to a port")
