"""Content-Length against the body that is really there."""

from __future__ import annotations

import re

from siprecord.cli.diagnosis.finding import Finding
from siprecord.cli.diagnosis.text import Text
from siprecord.syntax.sip.head import find_body

_LENGTH = re.compile(rb"(?im)^(?:content-length|l)[ \t]*:[ \t]*(\d{1,9})[ \t]*\r?\n")
RULE = (
    "Content-Length counts the octets of the body, line ends as CR and LF. Over UDP a body that is shorter "
    "is an error, and what is longer is cut off; over TCP the count alone says where the next message begins."
)
CHANGE = (
    "count the body after it was changed for the last time: a header manipulation or a NAT helper that "
    "rewrites the SDP often forgets to"
)


def length_finding(message: bytes) -> Finding | None:
    """What is wrong with the length of a whole message; None when it fits or is not told."""
    start = _body(message)
    told = _LENGTH.search(message[: max(start, 0)])
    if start < 0 or told is None:
        return None
    said, there = int(told[1]), len(message) - start
    if said == there:
        return None
    if said > there:
        what = f"{said - there} octets are missing"
    else:
        what = f"the last {there - said} octets are cut off"
    return Finding(
        fault=f"Content-Length says {said}, but the body has {there} octets: {what}.",
        line=Text(message).header("content-length", "l"),
        reference="RFC 3261 section 18.3",
        rule=RULE,
        change=CHANGE,
    )


def without_length(message: bytes) -> bytes:
    """The message without its Content-Length, so that the rest can be read."""
    start = _body(message)
    return _LENGTH.sub(b"", message[:start], count=1) + message[start:] if start >= 0 else message


def _body(message: bytes) -> int:
    return find_body(message, len(message) - len(message.lstrip(b"\r\n")), len(message))
