"""The codecs that a client can send, each in packets of 20 ms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from siprecord.syntax.sdp import RtpMap

Codec = Literal["pcmu", "pcma", "g722", "gsm", "g729", "ilbc", "l16", "opus", "amr", "amr-wb"]
Law = Literal["pcmu", "pcma"]
"""The two laws of G.711: what we can make of sound. All others carry noise, in load tests."""

FRAME_SECONDS = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """How a codec looks in SDP and in packets.

    `ticks` is what a packet adds to the timestamp, `octets` is its payload, `head` what each payload begins
    with, so that a depacketiser finds the frame it expects.
    """

    payload_type: int
    encoding: RtpMap
    octets: int
    head: bytes = b""
    fmtp: str = ""

    @property
    def ticks(self) -> int:
        """What a packet adds to the timestamp."""
        return round(self.encoding.clock_rate * FRAME_SECONDS)


CODECS: dict[Codec, Format] = {
    "pcmu": Format(payload_type=0, encoding=RtpMap("PCMU", 8000), octets=160),
    "pcma": Format(payload_type=8, encoding=RtpMap("PCMA", 8000), octets=160),
    "g722": Format(payload_type=9, encoding=RtpMap("G722", 8000), octets=160),
    "gsm": Format(payload_type=3, encoding=RtpMap("GSM", 8000), octets=33, head=b"\xd0"),
    "g729": Format(payload_type=18, encoding=RtpMap("G729", 8000), octets=20, fmtp="annexb=no"),
    "ilbc": Format(payload_type=97, encoding=RtpMap("iLBC", 8000), octets=38, fmtp="mode=20"),
    "l16": Format(payload_type=98, encoding=RtpMap("L16", 8000), octets=320),
    # One frame of 20 ms, full band, mono (RFC 6716 section 3.1).
    "opus": Format(payload_type=111, encoding=RtpMap("opus", 48000, 2), octets=80, head=b"\xf8"),
    # No mode request, then one whole frame of 12.2 and of 23.85 kbit/s (RFC 4867 section 4.4).
    "amr": Format(
        payload_type=99, encoding=RtpMap("AMR", 8000), octets=33, head=b"\xf0\x3c", fmtp="octet-align=1"
    ),
    "amr-wb": Format(
        payload_type=100, encoding=RtpMap("AMR-WB", 16000), octets=62, head=b"\xf0\x44", fmtp="octet-align=1"
    ),
}
