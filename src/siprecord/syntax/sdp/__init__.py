"""Session descriptions (RFC 8866): read with tolerance, written strictly."""

from siprecord.syntax.sdp.crypto import SUITES, CryptoLine, SrtpKeys
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
    "SUITES",
    "Attribute",
    "Coding",
    "Connection",
    "CryptoLine",
    "Direction",
    "MediaDescription",
    "Origin",
    "RtpMap",
    "SessionDescription",
    "SrtpKeys",
    "blank_keys",
    "parse_sdp",
]
