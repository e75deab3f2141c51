"""The answer to a stream that can't be cut into messages any more."""

from __future__ import annotations

from siprecord.syntax.limits import Limits
from siprecord.syntax.sip import FramingError, Headers, Response

COPIED = ("Via", "From", "To", "Call-ID", "CSeq")
"""What a response repeats of its request (RFC 3261 section 8.2.6.2)."""


def refusal(error: FramingError, limits: Limits) -> bytes | None:
    """The response to a request whose length could not be told; None when too little of it can be read."""
    request = error.request(limits)
    if request is None or request.method == "ACK":
        return None
    headers = Headers()
    for name in COPIED:
        rows = request.headers.get_all(name)
        if not rows:
            return None
        for value in rows:
            headers.add(name, value)
    return Response(error.status, error.text, headers).to_bytes()
