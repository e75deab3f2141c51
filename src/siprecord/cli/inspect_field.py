"""Explains a capture from the field: its recording calls, and what a recorder would make of them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from siprecord.cli.field import FieldMessage, sip_messages
from siprecord.cli.inspect_sip import print_message, read_message
from siprecord.cli.output import console, print_table
from siprecord.errors import SiprecordError
from siprecord.render.moments import rfc3339
from siprecord.syntax.sip import MessageError, Request, parse_message

Json = dict[str, Any]
EXPLAINED = 10
"""Messages that are explained in full; the others are listed."""
CARRIERS = ("INVITE", "UPDATE", "INFO")


def read_field(path: Path) -> Json:
    """The SIP messages of a capture, and an account of those that open or change a recording."""
    messages = sip_messages(path)
    if not messages:
        raise SiprecordError(
            f"{path} holds no SIP message that can be read; is it TLS, or another port range?"
        )
    seen: set[bytes] = set()
    explained: list[Json] = []
    for message in messages:
        if message.data in seen or len(explained) >= EXPLAINED or not _worth_it(message.data):
            continue
        seen.add(message.data)
        explained.append({"time": rfc3339(message.time_ns), **read_message(message.data, str(path))})
    return {"messages": [_row(each) for each in messages], "explained": explained}


def print_field(found: Json) -> None:
    """Show it to people."""
    rows = [(row["time"], row["start_line"], row["call_id"], row["way"]) for row in found["messages"]]
    print_table(("time", "message", "Call-ID", "from and to"), rows, title="SIP messages")
    for message in found["explained"]:
        console().print(f"\n{message['time'] or ''}", style="dim", markup=False)
        print_message(message)


def first_worth_keeping(path: Path) -> bytes:
    """The first message that opens a recording; raises SiprecordError when there is none."""
    found = next((each.data for each in sip_messages(path) if _worth_it(each.data)), None)
    if found is None:
        raise SiprecordError(f"{path} holds no INVITE, UPDATE or INFO with a body")
    return found


def invites(messages: Iterable[FieldMessage]) -> list[Request]:
    """The INVITEs among them that open a call."""
    found = []
    for message in messages:
        request = _request(message.data)
        if (
            request is not None
            and request.method == "INVITE"
            and ";tag=" not in (request.headers.get("To") or "")
        ):
            found.append(request)
    return found


def _worth_it(data: bytes) -> bool:
    request = _request(data)
    return request is not None and request.method in CARRIERS and bool(request.body)


def _request(data: bytes) -> Request | None:
    try:
        message = parse_message(data)
    except MessageError:
        return None
    return message if isinstance(message, Request) else None


def _row(message: FieldMessage) -> Json:
    first = message.data.lstrip().partition(b"\n")[0].strip().decode("utf-8", "replace")
    call_id = ""
    try:
        call_id = parse_message(message.data).headers.get("Call-ID") or ""
    except MessageError as error:
        first = f"{first} (can't be read: {error})"
    ends = (f"{host}:{port}" for host, port in (message.source, message.destination))
    way = " to ".join(ends)
    return {
        "time": rfc3339(message.time_ns),
        "start_line": first,
        "call_id": call_id,
        "way": f"{message.transport} {way}",
        "octets": len(message.data),
    }
