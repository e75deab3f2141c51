"""Blanking of key material, so that a stored SIP message can't decrypt anything (RFC 4568, RFC 4567).

Works on the bytes of a whole message, since what our parser would refuse is stored too. It blanks more than
it must rather than less, and keeps every length, so that the stored message stays readable. Encoded parts are
looked for twice: as text, and then by way of our own parsers, which forgive more than a pattern can.
"""

from __future__ import annotations

import binascii
import quopri
import re

from siprecord.errors import ParseError
from siprecord.syntax.multipart import body_parts
from siprecord.syntax.sip import parse_message
from siprecord.syntax.sip.head import find_body

# A zero octet is a blank to our SDP reader, and so it is here.
# A line may be folded: nothing reads it then, but it is stored.
_SECRET_LINE = re.compile(
    rb"(?i)((?<![^\r\n])a[ \t\0]*=[ \t\0]*)?(?:crypto|key-mgmt)[ \t\0]*:[^\r\n]*(?:\r?\n[ \t][^\r\n]*)*+"
)
_INLINE = re.compile(rb"(?i)(inline[ \t\0]*:[\s\0]*)([^\s;|]+)")
_KEY_MGMT = re.compile(rb"(?i)key-mgmt[ \t\0]*:[\s\0]*")
_PROTOCOL = re.compile(rb"\S++\s*+")
# A word of a crypto attribute that may be a key, or half of one, where it should not stand.
_LONG_WORD = re.compile(rb"[^\s\0;|:=]{9,}")
_HARMLESS = re.compile(rb"[0-9]+|x+|[A-Z0-9]{1,12}(?:_[A-Z0-9]{1,12}){1,5}")
_OLD_KEY = re.compile(rb"([kK][ \t\0]*=[ \t\0]*(?:base64|clear|uri)[ \t\0]*:)([^\r\n]+)", re.IGNORECASE)
_OLD_LINE = re.compile(
    rb"(?i)(?<![^\r\n])(k[ \t\0]*=[ \t\0]*(?:(?:base64|clear|uri)[ \t\0]*:|prompt)?)([^\r\n]*)"
)
_ENCODED = re.compile(rb"(?i)content-transfer-encoding[ \t]*:[ \t]*(base64|quoted-printable)")
_BLANK_LINE = re.compile(rb"\n\r?\n")
_NOT_BREAK = re.compile(rb"[^\r\n]")


def blank_keys(sip_message: bytes) -> bytes:
    """The same message, as long as before, with every SDP key overwritten by `x`.

    Covers the keys of `a=crypto`, the data of `a=key-mgmt` and of the obsolete `k=`, in any body part, in
    base64 and quoted-printable ones too. Takes time linear in the length and never raises.
    """
    lower = sip_message.lower()
    message = _blank_lines(sip_message, lower)
    return _blank_encoded(message) if b"content-transfer-encoding" in lower else message


def _blank_lines(text: bytes, lower: bytes) -> bytes:
    # Every message that is logged comes through here, and few hold keys: look before searching.
    if b"crypto" in lower or b"key-mgmt" in lower:
        text = _SECRET_LINE.sub(_blank_line, text)
    if b"base64" in lower or b"clear" in lower or b"uri" in lower:
        text = _OLD_KEY.sub(_blank_value, text)
    if b"\nk" in lower or b"\rk" in lower:
        text = _OLD_LINE.sub(_blank_value, text)
    return text


def _blank_line(line: re.Match[bytes]) -> bytes:
    text = _INLINE.sub(_blank_inline, line[0])
    if line[1]:
        text = line[1] + _LONG_WORD.sub(_blank_word, text.removeprefix(line[1]))
    name = _KEY_MGMT.search(text)
    protocol = _PROTOCOL.match(text, name.end()) if name else None
    # The data run to the end of the line, so the first name decides; to try each would cost their square.
    return text if protocol is None else text[: protocol.end()] + _NOT_BREAK.sub(b"x", text[protocol.end() :])


def _blank_word(word: re.Match[bytes]) -> bytes:
    return word[0] if _HARMLESS.fullmatch(word[0]) else b"x" * len(word[0])


def _blank_inline(match: re.Match[bytes]) -> bytes:
    """What fills base64 up stays, so that the length of the key can still be judged."""
    key = match[2].removesuffix(b"=").removesuffix(b"=")
    return match[1] + b"x" * len(key) + match[2][len(key) :]


def _blank_value(match: re.Match[bytes]) -> bytes:
    return match[1] + b"x" * len(match[2])


def _blank_encoded(message: bytes) -> bytes:
    """Blank whole encoded parts that hide a key; their readable lines were blanked before."""
    chunks: list[bytes] = []
    position = 0
    for header in _ENCODED.finditer(message):
        if header.start() < position:
            continue
        # The header may be the last one: its own line break then begins the empty line.
        blank = _BLANK_LINE.search(message, header.end())
        if blank is None:
            break
        end = message.find(b"\n--", blank.end())
        end = len(message) if end < 0 else end
        content = message[blank.end() : end]
        if _hides_key(header[1].lower(), content):
            content = _NOT_BREAK.sub(b"x", content)
        chunks += [message[position : blank.end()], content]
        position = end
    return _blank_unseen(b"".join([*chunks, message[position:]]))


def _blank_unseen(message: bytes) -> bytes:
    """Blank the whole body if our own parsers can take a key out of it all the same."""
    try:
        parsed = parse_message(message)
        parts, _ = body_parts(parsed.headers.get("Content-Type"), parsed.body)
    except ParseError:
        return message
    if all(_blank_lines(part.body, part.body.lower()) == part.body for part in parts):
        return message
    body = find_body(message, len(message) - len(message.lstrip(b"\r\n")), len(message))
    return message[:body] + _NOT_BREAK.sub(b"x", message[body:])


def _hides_key(encoding: bytes, content: bytes) -> bool:
    try:
        decoded = binascii.a2b_base64(content) if encoding == b"base64" else quopri.decodestring(content)
    except binascii.Error:
        # Nobody can say what is in it.
        return True
    return any(secret.search(decoded) for secret in (_SECRET_LINE, _OLD_KEY, _OLD_LINE))
