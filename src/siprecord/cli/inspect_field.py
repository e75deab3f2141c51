"""Explains a capture from the field: its recording calls, and what a recorder would make of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from siprecord.cli.diagnosis import CallSoFar, explain_calls
from siprecord.cli.field import FieldMessage, sip_messages
from siprecord.cli.inspect_sip import print_message, read_message
from siprecord.cli.output import console, print_findings, print_table
from siprecord.errors import SiprecordError
from siprecord.render.moments import rfc3339
from siprecord.syntax.sip import MessageError, Request, parse_message

Json = dict[str, Any]
EXPLAINED = 10
"""Messages that are explained in full; the others are listed."""
CARRIERS = ("INVITE", "UPDATE", "INFO")


def read_field(path: Path) -> Json:
    """The SIP messages of a capture, and an account of those that open or change a recording."""
    capture = sip_messages(path)
    messages = capture.messages
    if not messages:
        raise SiprecordError(f"{path} holds no SIP message that can be read: {capture.hint}")
    seen: set[bytes] = set()
    explained: list[Json] = []
    calls: dict[str, CallSoFar] = {}
    for message in messages:
        if message.data in seen or len(explained) >= EXPLAINED or not _worth_it(message.data):
            continue
        seen.add(message.data)
        call_id = parse_message(message.data).headers.get("Call-ID") or ""
        call = calls.setdefault(call_id, CallSoFar(call_id))
        explained.append({"time": rfc3339(message.time_ns), **read_message(message.data, str(path), call)})
    told = explain_calls(each.data for each in messages)
    return {
        "cut": capture.cut,
        "messages": [_row(each) for each in messages],
        "explained": explained,
        "calls": [
            {"call_id": call_id, "findings": [asdict(each) for each in findings]}
            for call_id, findings in told.items()
        ],
    }


def print_field(found: Json) -> None:
    """Show it to people."""
    rows = [(row["time"], row["start_line"], row["call_id"], row["way"]) for row in found["messages"]]
    print_table(("time", "message", "Call-ID", "from and to"), rows, title="SIP messages")
    for message in found["explained"]:
        console().print(f"\n{message['time'] or ''}", style="dim", markup=False)
        print_message(message)
    for call in found["calls"]:
        print_findings(f"Findings on the call {call['call_id']}", call["findings"])
    if found["cut"]:
        console().print("\nThe file breaks off in the middle of a packet; what came after is missing here.")


def first_worth_keeping(path: Path) -> bytes:
    """The first message that opens a recording; raises SiprecordError when there is none."""
    found = next((each.data for each in sip_messages(path).messages if _worth_it(each.data)), None)
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
