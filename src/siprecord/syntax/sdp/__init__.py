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
from siprecord.syntax.sdp.payload import STATIC_PAYLOADS, RtpMap
from siprecord.syntax.sdp.read import parse_sdp

__all__ = [
    "STATIC_PAYLOADS",
    "Attribute",
    "Connection",
    "Direction",
    "MediaDescription",
    "Origin",
    "RtpMap",
    "SessionDescription",
    "blank_keys",
    "parse_sdp",
]
