"""`parse_message` and the typed values of a message.

Invariants, for any octets:

- `parse_message` gives a message, or raises `MessageError` with a status from 400 to 699, whose partial
  request, if there is one, obeys all below too.
- What is written from a message parses to the same message, save that Content-Length is there and right.
- Every typed accessor and `validate_request` / `validate_response` raise `ParseError` or nothing, the same
  each time they are asked.
- A typed value written as text parses to the same value.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, Self

from fuzz.outcome import Outcome, bucket, held, refusal, same
from siprecord.errors import ParseError
from siprecord.syntax.sip import (
    CSeq,
    MediaType,
    Message,
    MessageError,
    NameAddr,
    Request,
    SipUri,
    Via,
    has_option,
    parse_message,
    parse_seconds,
    validate_request,
    validate_response,
)
from siprecord.syntax.sip.digest import parse_authorization, verify

_ACCESSORS: tuple[Callable[[Message], object], ...] = (
    lambda message: message.call_id,
    lambda message: message.cseq,
    lambda message: message.from_,
    lambda message: message.to,
    lambda message: message.vias,
    lambda message: message.top_via,
    lambda message: message.contact,
    lambda message: message.content_type,
)
_LISTS = ("Route", "Record-Route", "Require", "Supported", "Allow", "Accept", "Warning")


class _Value(Protocol):
    """A typed header value: it is read from text and written as text."""

    @classmethod
    def parse(cls, text: str) -> Self: ...


def check(data: bytes) -> Outcome:
    """Parse, look at everything, write, parse again."""
    try:
        message = parse_message(data)
    except MessageError as error:
        held(400 <= error.status <= 699, f"status {error.status} is one of an error")
        if error.partial is not None:
            _check_message(error.partial)
        return refusal(error)
    problems = _check_message(message)
    names = frozenset(name if len(name) < 24 else "long" for name, _ in message.headers.items())
    kind = message.method if isinstance(message, Request) else message.status // 100
    return Outcome(False, (kind, len(names), bucket(len(message.headers)), problems))


def _check_message(message: Message) -> tuple[object, ...]:
    _check_written(message)
    problems: list[object] = []
    for place, accessor in enumerate(_ACCESSORS):
        value = _asked(accessor, message)
        same(_asked(accessor, message), value, "an accessor says the same twice")
        for each in value if isinstance(value, list) else [value]:
            if isinstance(each, CSeq | MediaType | NameAddr | Via):
                _check_value(each)
        if isinstance(value, str) and place:
            problems.append((place, value))
    _check_lists(message)
    return (*problems, _validated(message))


def _check_written(message: Message) -> None:
    again = parse_message(message.to_bytes())
    same(type(again), type(message), "written and parsed it is the same kind of message")
    same(_parts(again), _parts(message), "written and parsed it is the same message")
    same(again.headers.get_all("Content-Length")[0], str(len(message.body)), "Content-Length is right")


def _parts(message: Message) -> tuple[object, ...]:
    start = (
        (message.method, message.uri) if isinstance(message, Request) else (message.status, message.reason)
    )
    rows = [row for row in message.headers.items() if row[0] != "Content-Length"]
    return start, rows, message.body


def _asked(accessor: Callable[[Message], object], message: Message) -> object:
    try:
        return accessor(message)
    except ParseError as error:
        return refusal(error).shape


def _check_value(value: _Value) -> None:
    written = str(value)
    held("\r" not in written and "\n" not in written, "a value has no line break")
    same(type(value).parse(written), value, f"{type(value).__name__} written and parsed is the same")
    if isinstance(value, NameAddr | Via):
        _ = (
            value.tag
            if isinstance(value, NameAddr)
            else (value.branch, value.rport, value.received, value.maddr)
        )
    if isinstance(value, NameAddr):
        _check_uri(value.uri)


def _check_uri(text: str) -> None:
    try:
        uri = SipUri.parse(text)
    except ParseError:
        return
    _ = uri.transport
    held(uri.matches(uri), "a URI matches itself")
    same(SipUri.parse(str(uri)), uri, "SipUri written and parsed is the same")


def _check_lists(message: Message) -> None:
    if isinstance(message, Request):
        _check_uri(message.uri)
    for name in _LISTS:
        for element in message.headers.get_list(name):
            held(element == element.strip(" \t") and element, "list elements are stripped and not empty")
    has_option(message.headers, "Require", "siprec")
    for row in message.headers.get_all("Session-Expires"):
        parse_seconds(row)
    for row in message.headers.get_all("Authorization"):
        _check_credentials(row, "INVITE")


def _check_credentials(row: str, method: str) -> None:
    try:
        credentials = parse_authorization(row)
    except ParseError:
        return
    if credentials is not None:
        held(not verify(credentials, method, "no such password"), "nobody guesses a password")
        _ = credentials.nonce_count


def _validated(message: Message) -> object:
    try:
        validate_request(message) if isinstance(message, Request) else validate_response(message)
    except ParseError as error:
        held(400 <= error.status <= 699, "the status is one of an error")
        return refusal(error).shape
    return None
