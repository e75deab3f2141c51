"""Blanking of digest credentials, so that a stored SIP message proves nothing and helps no guesser.

Whoever has a digest response can try guessed passwords against it, unseen (RFC 7616 section 5.2).
"""

from __future__ import annotations

import re

_ROW = re.compile(
    rb"(?im)^((?:proxy-)?authorization|authentication-info)[ \t]*:[^\r\n]*(?:\r?\n[ \t][^\r\n]*)*"
)
_PROOF = re.compile(rb"(?i)\b(response|rspauth)([ \t]*=[ \t]*\"?)([0-9a-z+/=_-]+)")
_OTHER_SCHEME = re.compile(rb"(?i)(:[ \t]*(?!digest\b)[a-z-]+[ \t]+)([^\r\n]+)")


def blank_credentials(sip_message: bytes) -> bytes:
    """The same message, as long as before; digest responses and other schemes' credentials overwritten."""
    if b"auth" not in sip_message.lower():  # nearly every message: nothing to look for
        return sip_message
    return _ROW.sub(_blank_row, sip_message)


def _blank_row(row: re.Match[bytes]) -> bytes:
    text = _PROOF.sub(lambda found: found[1] + found[2] + b"x" * len(found[3]), row[0])
    return _OTHER_SCHEME.sub(lambda found: found[1] + b"x" * len(found[2]), text, count=1)
