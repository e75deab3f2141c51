"""An offer of ours, for an INVITE that has none.

A recorder may add no streams of its own (RFC 7866 section 7.2), so this is for recording calls from before
SIPREC (Q19) and for who asks for it. It is built from the other side: `stand_in` is what the SRC might have
offered, and the answer to that, with our ports and `recvonly`, is what we offer.
"""

from __future__ import annotations

from siprecord.syntax.sdp import SessionDescription, parse_sdp

FORMATS = "0 8 9 18 101"
"""What phones send: G.711, G.722, G.729, and key presses as events."""
_HEAD = "v=0\r\no=- 0 0 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n"
_LINE = (
    "m=audio 9 RTP/AVP {formats}\r\nc=IN IP4 0.0.0.0\r\na=rtpmap:101 telephone-event/8000\r\n"
    "a=fmtp:101 0-15\r\na=label:{label}\r\na=sendonly\r\n"
)


def stand_in(streams: int) -> SessionDescription:
    """The offer of an SRC that would send this many audio streams, labelled from 1."""
    lines = (_LINE.format(formats=FORMATS, label=number + 1) for number in range(streams))
    return parse_sdp((_HEAD + "".join(lines)).encode())
