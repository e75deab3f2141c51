"""Explains one SIP message, by the same code that would answer it."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, TypeGuard

from msgspec.structs import asdict

from siprecord.cli.answering import answer_lines, print_answer
from siprecord.cli.diagnosis import CallSoFar, Finding, Text, findings_of, length_finding, without_length
from siprecord.cli.document import print_call, print_participants
from siprecord.cli.output import console, harmless, print_fields, print_findings, print_notes, print_table
from siprecord.errors import ParseError, SiprecordError
from siprecord.recording import deviations
from siprecord.recording.call_facts import call_fields
from siprecord.recording.contents import Contents, read_contents
from siprecord.recording.deviations import Deviation
from siprecord.recording.metadata_state import Labels
from siprecord.recording.plan import OfferPlan, PlanSettings, Slots, labels_of, plan_offer
from siprecord.recording.policy import PolicySettings, read_signs, recognise
from siprecord.recording.snapshot import model_fields
from siprecord.syntax.multipart import body_parts
from siprecord.syntax.sdp import MediaDescription, SessionDescription
from siprecord.syntax.sip import (
    Message,
    MessageError,
    Request,
    Response,
    parse_message,
    validate_request,
    validate_response,
)

HEADERS = (
    "Call-ID",
    "CSeq",
    "From",
    "To",
    "Contact",
    "Via",
    "Require",
    "Supported",
    "Allow",
    "User-Agent",
    "Server",
)

_START = re.compile(rb"^(?:SIP/2\.0 \d{3} |[A-Z]{3,20} \S+ SIP/2\.0\r?$)", re.MULTILINE)
_LENGTH = re.compile(rb"\n(?:content-length|l)[ \t]*:[^\n]*", re.IGNORECASE)

Json = dict[str, Any]


def read_message(data: bytes, name: str, call: CallSoFar | None = None) -> Json:
    """What is understood of a message, after those that `call` has seen; raises `SiprecordError` when it is
    none.
    """
    raw = _with_wire_ends(_from_start_line(data))
    length = length_finding(raw)
    message = _parsed(raw, name, length)
    known: Json = {"kind": "request" if isinstance(message, Request) else "response"}
    known["start_line"] = _start_line(message)
    known["headers"] = {name: message.headers.get_all(name) for name in HEADERS if name in message.headers}
    known["body"] = _parts(message)
    call = CallSoFar("") if call is None else call
    known |= _understood(message, call, Text(raw))
    if length is not None:
        known["findings"].insert(0, dataclasses.asdict(length))
        if length.fault.endswith("missing."):
            known["verdict"] = f"Over UDP it would be refused: 400. Else: {known['verdict']}"
    fault = _fault(message)
    known["faults"] = [] if fault is None else [str(fault)]
    if fault is not None:
        answered = isinstance(message, Request) and message.method != "ACK"
        known["verdict"] = f"It would be refused: {fault.status}" if answered else "It would be dropped."
    return known


def _parsed(raw: bytes, name: str, length: Finding | None) -> Message:
    """Where the length alone is wrong, the rest is worth an explanation."""
    try:
        return parse_message(raw)
    except MessageError as error:
        try:
            if length is not None:
                message = parse_message(without_length(raw))
                message.headers.add("Content-Length", str(len(message.body)))
                return message
        except MessageError:
            pass
        raise SiprecordError(f"{name} is no SIP message that can be read: {error}") from None


def print_message(known: Json) -> None:
    """Show it to people."""
    console().print(harmless(known["start_line"]), style="bold", markup=False)
    print_fields((name, "\n".join(values)) for name, values in known["headers"].items())
    if known["verdict"]:
        console().print(f"\n{known['verdict']}", markup=False)
    if known["body"]:
        print_table(("part", ">octets"), [(p["type"], p["octets"]) for p in known["body"]], title="Body")
    names = print_participants(known)
    _print_lines(known, names)
    print_notes("Faults", known["faults"])
    print_call(known)
    print_findings("Findings", known["findings"])
    print_answer(known["answer"])


def _print_lines(known: Json, names: Mapping[str, str]) -> None:
    if not known["media"]:
        return
    who = {stream.get("mline"): stream.get("participants") or [] for stream in known["streams"]}
    rows = [
        (
            line["label"],
            line["kind"],
            line["protocol"],
            f"{line['address']}:{line['port']}" if line["address"] else line["port"],
            line["direction"],
            ", ".join(line["codecs"]),
            ", ".join(names.get(id, id) for id in who.get(number, [])),
            line["refused"] or "",
        )
        for number, line in enumerate(known["media"])
    ]
    columns = ("label", "kind", "profile", "address", "direction", "codecs", "sent by", "would be refused")
    print_table(columns, rows, title="Streams")


def _understood(message: Request | Response, call: CallSoFar, text: Text) -> Json:
    """The bodies, and for requests of a recording client what a recorder would make of them."""
    request = message if isinstance(message, Request) else Request("", "", message.headers, message.body)
    contents = read_contents(request)
    offering = isinstance(message, Request) and message.method in ("INVITE", "UPDATE")
    plan = plan_offer(contents.sdp, Slots(), PlanSettings()) if contents.sdp and offering else OfferPlan()
    labels = labels_of(contents.sdp) if contents.sdp else Labels()
    knowledge, before = call.knowledge, call.knowledge.told
    known = knowledge.deviations
    lines = {each.mline: each for each in plan.open}
    knowledge.keep(knowledge.read(contents, "", labels, datetime.now(UTC)), lines)
    model = model_fields(knowledge.model)
    verdict, notes = _verdict(message, contents, plan)
    found: Iterable[Deviation] = dict.fromkeys(
        (*notes, *sorted(knowledge.deviations - known, key=lambda each: each.text), *plan.deviations)
    )
    offer = contents.sdp if offering else None
    findings = findings_of(found, text, vendor=knowledge.findings.vendor, request=request, offer=offer)
    if offer is not None:
        findings += call.take_offer(offer, text)
    if contents.metadata is not None:
        findings += call.take_partial(contents.metadata, before, text)
    return {
        "verdict": verdict,
        "media": _media(contents.sdp, plan) if contents.sdp else [],
        "participants": model["participants"],
        "sessions": model["sessions"],
        "streams": model["streams"],
        "deviations": [asdict(each) for each in found],
        "findings": [dataclasses.asdict(each) for each in findings],
        "answer": answer_lines(contents.sdp, plan) if offering and plan.usable and contents.sdp else [],
        **call_fields(knowledge.model, knowledge.findings),
    }


def _verdict(
    message: Request | Response, contents: Contents, plan: OfferPlan
) -> tuple[str, tuple[Deviation, ...]]:
    if contents.refusal is not None:
        return f"It would be refused: {contents.refusal.status} {contents.refusal.reason}".rstrip(), ()
    if not _opens_call(message):
        return "", ()
    has_metadata = bool(contents.documents)
    refused, notes = recognise(read_signs(message), has_metadata=has_metadata, settings=PolicySettings())
    if not has_metadata:
        notes += (deviations.no_metadata(),)
    if refused is not None:
        return f"It is no SIPREC call and would be refused: {refused.status}", notes
    if contents.sdp is None or not plan.usable:
        return "It is a SIPREC call without a stream that could be recorded; it would be refused: 488", notes
    return (
        f"It is a SIPREC call; {len(plan.open)} of {len(contents.sdp.media)} streams would be recorded.",
        notes,
    )


def _opens_call(message: Request | Response) -> TypeGuard[Request]:
    try:
        return isinstance(message, Request) and message.method == "INVITE" and message.to.tag is None
    except ParseError:
        return False


def _media(sdp: SessionDescription, plan: OfferPlan) -> list[Json]:
    refused = {each.mline: each.why for each in plan.refused}
    return [_line(sdp, media, refused.get(number)) for number, media in enumerate(sdp.media)]


def _line(sdp: SessionDescription, media: MediaDescription, refused: str | None) -> Json:
    connection = sdp.connection_of(media)
    maps = media.rtpmap
    known = {int(each): each for each in media.formats if each.isdecimal()}
    return {
        "label": media.label,
        "kind": media.kind,
        "port": media.port,
        "address": connection.host if connection else None,
        "protocol": media.protocol,
        "direction": str(media.direction),
        "codecs": [f"{name} {maps[number]}" if number in maps else name for number, name in known.items()],
        "refused": refused,
    }


def _parts(message: Request | Response) -> list[Json]:
    try:
        parts, _ = body_parts(message.headers.get("Content-Type"), message.body)
    except ParseError:
        parts = []
    return [{"type": part.essence or "unknown", "octets": len(part.body)} for part in parts]


def _fault(message: Request | Response) -> ParseError | None:
    """Why it would be answered by 400 or its like, or be dropped."""
    try:
        if isinstance(message, Request):
            validate_request(message)
        else:
            validate_response(message)
    except ParseError as error:
        return error
    return None


def _start_line(message: Request | Response) -> str:
    if isinstance(message, Request):
        return f"{message.method} {message.uri} SIP/2.0"
    return f"SIP/2.0 {message.status} {message.reason}"


def _from_start_line(data: bytes) -> bytes:
    """Traces out of a log have a line or two of the log before the message."""
    found = _START.search(data)
    return data if found is None else data[found.start() :]


def _with_wire_ends(data: bytes) -> bytes:
    """Editors drop the CR of each line end: put them back, and forget the length, which fits no more."""
    if b"\r\n" in data:
        return data
    head, empty, body = data.lstrip(b"\n").partition(b"\n\n")
    head = _LENGTH.sub(b"", head)
    return (head + empty + body).replace(b"\n", b"\r\n")
