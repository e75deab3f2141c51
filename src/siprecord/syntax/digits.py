"""Blanking of keys that were pressed, as SIP messages tell of them (INFO, KPML of RFC 4730).

Works on the bytes of a whole message and keeps every length, so that the stored message stays readable: when
a key came and how long it was held stays. What can't be read is blanked as a whole.
"""

from __future__ import annotations

import re
from functools import partial

from siprecord.errors import ParseError
from siprecord.syntax.multipart import Part, body_parts
from siprecord.syntax.sip import parse_message
from siprecord.syntax.sip.head import find_body

_MARKS = (b"dtmf", b"kpml", b"digits", b"telephone-event")
_LINE = re.compile(rb"[^\r\n]+")
_FIELD = re.compile(rb"([ \t]*+([A-Za-z][A-Za-z-]*+)[ \t]*+[=:])([^\r\n]*+)")
_TELLS_NOTHING = frozenset({b"duration", b"p"})
"""Fields of such bodies that are no keys: how long, and which package."""
_ATTRIBUTE = re.compile(rb"(?i)(digits\s*+=\s*+)(\"[^\"]*+|'[^']*+)")
_VISIBLE = re.compile(rb"[^\s\"'=]")
_NOT_BREAK = re.compile(rb"[^\r\n]")


def blank_digits(sip_message: bytes) -> bytes:
    """The same message, as long as before, with every key in its bodies overwritten by `x`.

    Covers application/dtmf-relay, application/dtmf and their like, and the `digits` of KPML, alone or within
    multipart. Takes time linear in the length and never raises.
    """
    # Every message that is logged comes through here, and few tell of keys.
    lowered = sip_message.lower()
    if not any(mark in lowered for mark in _MARKS):
        return sip_message
    start = find_body(sip_message, len(sip_message) - len(sip_message.lstrip(b"\r\n")), len(sip_message))
    if start < 0:
        return sip_message
    head, body = sip_message[:start], sip_message[start:]
    try:
        message = parse_message(sip_message)
        parts, _ = body_parts(message.headers.get("Content-Type"), message.body)
    except ParseError:
        return head + _NOT_BREAK.sub(b"x", body)
    return head + _blank_parts(body, [part for part in parts if _tells(part)])


def _tells(part: Part) -> bool:
    return any(mark.decode() in part.essence for mark in _MARKS)


def _blank_parts(body: bytes, parts: list[Part]) -> bytes:
    for part in parts:
        told = _blank(part)
        if part.body == body:
            return told
        # Wherever such a text follows an empty line, since a part does not tell where it stood.
        place = re.compile(rb"(\n\r?\n)" + re.escape(part.body))
        body, count = place.subn(partial(_put, told), body)
        if not count:
            # It was encoded, so nobody can say where in it the keys are.
            return _NOT_BREAK.sub(b"x", body)
    return body


def _put(told: bytes, found: re.Match[bytes]) -> bytes:
    return found[1] + told


def _blank(part: Part) -> bytes:
    if "kpml" in part.essence:
        return _ATTRIBUTE.sub(_blank_attribute, part.body)
    if "telephone-event" in part.essence:
        return b"x" * len(part.body)
    return _LINE.sub(_blank_line, part.body)


def _blank_attribute(found: re.Match[bytes]) -> bytes:
    return found[1] + found[2][:1] + b"x" * (len(found[2]) - 1)


def _blank_line(line: re.Match[bytes]) -> bytes:
    field = _FIELD.match(line[0])
    if field is None:
        return _VISIBLE.sub(b"x", line[0])
    if field[2].lower() in _TELLS_NOTHING:
        return line[0]
    return field[1] + _VISIBLE.sub(b"x", field[3])
