"""Blanking of credentials, so that a stored SIP message can't be used to guess or replay a password."""

from __future__ import annotations

import re

from siprecord.syntax.sip.head import find_body

_BLANK = rb"(?:[ \t\0]|\r?\n[ \t])*+"
_ROW = re.compile(
    rb"(?im)^((?:proxy-)?authorization[ \t]*:" + _BLANK + rb")([^\s,]*+)((?:[^\r\n]|\r?\n[ \t]|\r(?!\n))*+)"
)
_RESPONSE = re.compile(rb"(?i)((?:^|[\s,])response\s*=\s*)(\"[^\"]*|[^\s,]+)")
_VISIBLE = re.compile(rb"[^\s\"]")


def blank_credentials(message: bytes) -> bytes:
    """The same message, as long as before, with what proves a password overwritten by `x`.

    That is the response of digest credentials, and all that follows the scheme of any others: those of Basic
    are the password. Who signed on, and where, stays readable. Never raises.
    """
    # Every message that is logged comes through here, and few hold credentials.
    if b"authorization" not in message.lower():
        return message
    body = find_body(message, len(message) - len(message.lstrip(b"\r\n")), len(message))
    end = len(message) if body < 0 else body
    return _ROW.sub(_blank_row, message[:end]) + message[end:]


def _blank_row(row: re.Match[bytes]) -> bytes:
    scheme, rest = row[2], row[3]
    if scheme.lower() == b"digest":
        return row[1] + scheme + _RESPONSE.sub(_blank_response, rest)
    return row[1] + scheme + _VISIBLE.sub(b"x", rest)


def _blank_response(found: re.Match[bytes]) -> bytes:
    return found[1] + _VISIBLE.sub(b"x", found[2])
