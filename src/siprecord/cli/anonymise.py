"""Makes a message fit to be shown: names, numbers and hosts become others of the same length.

Lengths stay, so that whatever is wrong with the framing of a message stays wrong. One text always becomes
the same other text within a message, so that what belongs together still does. Keys are blanked.
"""

from __future__ import annotations

import re
from hashlib import sha256

from siprecord.syntax.sdp import blank_keys
from siprecord.syntax.sip import blank_credentials

_KEPT = frozenset({b"siprec", b"anonymous", b"unknown", b"localhost", b"0.0.0.0", b"127.0.0.1", b"invalid"})
_ADDRESS = re.compile(rb"(?<![\w.])(\d{1,3}(?:\.\d{1,3}){3})(?![\w.])")
_NUMBER = re.compile(rb"(?<![0-9A-Za-z.])\+?([0-9]{5,})(?![0-9A-Za-z.])")
_USER = re.compile(rb"(?:sips?:|tel:|aor=[\"'])([^@\s<>;\"':]+)(?=@)", re.IGNORECASE)
_HOST = re.compile(rb"@([A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+)")
_DISPLAY = re.compile(rb"\"([^\"\r\n]{1,200})\"(?=\s*<sip)", re.IGNORECASE)
_NAME = re.compile(rb"<(?:\w+:)?name\b[^>]*>([^<]{1,500})<", re.IGNORECASE)
_DEVICE = re.compile(rb"SEP([0-9A-F]{12})")


def anonymised(message: bytes) -> bytes:
    """The message with other people in it. Look at it before it is shown: free text may still tell."""
    text = blank_credentials(blank_keys(message))
    for pattern in (_DISPLAY, _NAME, _USER, _HOST, _DEVICE, _ADDRESS, _NUMBER):
        text = pattern.sub(_exchange, text)
    return text


def _exchange(match: re.Match[bytes]) -> bytes:
    whole, inner = match[0], match[1]
    if inner.lower() in _KEPT:
        return whole
    start = match.start(1) - match.start()
    other = _address(inner) if _ADDRESS.fullmatch(inner) else _like(inner)
    return whole[:start] + other + whole[start + len(inner) :]


def _address(address: bytes) -> bytes:
    """Octets of the same number of digits, all of them valid."""
    noise = sha256(b"host" + address).digest()
    octets = [
        str((1, 10, 100)[len(part) - 1] + noise[index] % (9, 90, 100)[len(part) - 1]).encode()
        for index, part in enumerate(address.split(b"."))
    ]
    return b".".join(octets)


def _like(text: bytes) -> bytes:
    """Digits for digits and letters for letters; all else stays."""
    noise = sha256(b"text" + text).digest()
    made = bytearray(text)
    for at, char in enumerate(text):
        random = noise[at % len(noise)] + at
        if 0x30 <= char <= 0x39:
            made[at] = 0x30 + random % 10
        elif 0x41 <= char <= 0x5A:
            made[at] = 0x41 + random % (6 if _hex(text) else 26)
        elif 0x61 <= char <= 0x7A:
            made[at] = 0x61 + random % (6 if _hex(text) else 26)
        elif char >= 0x80:
            made[at] = 0x78
    return bytes(made)


def _hex(text: bytes) -> bool:
    return re.fullmatch(rb"[0-9A-Fa-f-]+", text) is not None
