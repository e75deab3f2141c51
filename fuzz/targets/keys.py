"""`blank_keys`, which keeps key material out of capture logs.

Invariants, for any octets:

- The length stays, and to blank twice is to blank once.
- No line that says `crypto:` holds an `inline:` key afterwards.
- Whatever our own parsers can take out of the message, in any part of the body, in base64 and
  quoted-printable parts too, holds no key either. Two readings of one message must not leave a gap.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from fuzz.outcome import Outcome, bucket, held, same
from siprecord.errors import ParseError
from siprecord.syntax.multipart import body_parts
from siprecord.syntax.sdp import blank_keys, parse_sdp
from siprecord.syntax.sip import parse_message

_BLANKS = " \t\f\v"
_END_OF_KEY = re.compile(r"[\s;|]", re.ASCII)


def check(data: bytes) -> Outcome:
    """Blank a whole message and look for keys in what is left, as text and by way of our parsers."""
    blanked = blank_keys(data)
    check_blanked(data, blanked)
    bodies = list(_bodies(blanked))
    for body in bodies:
        for key in _keys_of_sdp(body):
            bare = key.removesuffix("=").removesuffix("=")
            held(set(bare) <= {"x"}, "our own parsers find no key")
    return Outcome(blanked == data, (bucket(len(bodies)), bucket(data.lower().count(b"inline"))))


def check_blanked(data: bytes, blanked: bytes) -> None:
    """What holds for the text alone."""
    same(len(blanked), len(data), "the length stays")
    same(blank_keys(blanked), blanked, "twice is once")
    lowered = blanked.lower()
    if b"crypto" not in lowered:
        return
    lines = lowered.replace(b"\r", b"\n").replace(b"\0", b" ").split(b"\n")
    for value in [line.partition(b"crypto")[2] for line in lines if b"crypto" in line]:
        if value.lstrip(b" \t").startswith(b":"):
            held(all(map(_is_blank, value.split(b"inline")[1:])), "no key stays in a line")


def _is_blank(text: bytes) -> bool:
    """Whether what follows `inline` is no key: no colon, or one with only x up to the next separator.

    Two characters may stay that fill base64 up.
    """
    after = text.lstrip(b" \t")
    if not after.startswith(b":"):
        return True
    key = after[1:].lstrip(b" \t").replace(b";", b"|").replace(b"\t", b" ").partition(b"|")[0]
    return not key.strip() or set(key.split()[0].removesuffix(b"=").removesuffix(b"=")) <= set(b"x")


def _bodies(message: bytes) -> Iterator[bytes]:
    try:
        parsed = parse_message(message)
        parts, _ = body_parts(parsed.headers.get("Content-Type"), parsed.body)
    except ParseError:
        return
    yield from (part.body for part in parts)


def _keys_of_sdp(body: bytes) -> Iterator[str]:
    try:
        description = parse_sdp(body)
    except ParseError:
        return
    for attributes in (description.attributes, *(media.attributes for media in description.media)):
        for attribute in attributes:
            if attribute.name.lower() == "crypto":
                for text in (attribute.value or "").lower().split("inline:")[1:]:
                    yield _END_OF_KEY.split(text.lstrip(_BLANKS), maxsplit=1)[0]
