"""Session descriptions (RFC 8866): read with tolerance, written strictly."""

from siprecord.syntax.sdp.keys import blank_keys
from siprecord.syntax.sdp.model import (
    Attribute,
    Connection,
    Direction,
    MediaDescription,
    Origin,
    SessionDescription,
)
from siprecord.syntax.sdp.payload import KINDS_REMEMBERED, STATIC_PAYLOADS, Coding, RtpMap
from siprecord.syntax.sdp.read import parse_sdp

__all__ = [
    "KINDS_REMEMBERED",
    "STATIC_PAYLOADS",
    "Attribute",
    "Coding",
    "Connection",
    "Direction",
    "MediaDescription",
    "Origin",
    "RtpMap",
    "SessionDescription",
    "blank_keys",
    "parse_sdp",
]
