"""What the rules of a configuration would have done to calls of the past."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from siprecord.cli.inspect import file_kind
from siprecord.cli.output import print_table
from siprecord.syntax.sip import MessageError, Request, parse_message

if TYPE_CHECKING:
    from siprecord.server.config import Config

Json = dict[str, Any]


def judge_capture(config: Config, capture: Path) -> list[Json]:
    """A row for each INVITE that opens a call: what would become of it, and by which rule.

    The trunk is that of the log; in a capture of others it is unknown, so rules of one trunk don't fit.
    """
    from siprecord.recording.contents import read_contents
    from siprecord.server.translation import policy_settings, ruling

    policy = policy_settings(config)
    rows = []
    for request, trunk in _invites(capture):
        verdict = ruling(request, read_contents(request), policy, trunk=trunk)
        rows.append(
            {
                "call_id": request.headers.get("Call-ID"),
                "from": request.headers.get("From"),
                "trunk": trunk or None,
                "action": verdict.action,
                "rule": verdict.rule,
                "swap_sides": verdict.swap_sides,
                "status": verdict.refusal.status if verdict.refusal else None,
            }
        )
    return rows


def print_hindsight(rows: list[Json]) -> None:
    """Show them to people."""
    shown = [
        (
            row["call_id"],
            row["from"],
            row["trunk"],
            f"{row['action']} {row['status'] or ''}".strip(),
            row["rule"] or "no rule fits",
        )
        for row in rows
    ]
    columns = ("Call-ID", "from", "trunk", "would be", "by rule")
    print_table(columns, shown, title="What would have become of these calls")


def _invites(capture: Path) -> Iterator[tuple[Request, str]]:
    kind = file_kind(capture)
    messages: Iterator[tuple[bytes, str]]
    if kind == "log":
        messages = _of_log(capture)
    elif kind == "field":
        from siprecord.cli.field import sip_messages

        messages = ((each.data, "") for each in sip_messages(capture).messages)
    else:
        messages = iter([(capture.read_bytes(), "")])
    for data, trunk in messages:
        try:
            message = parse_message(data)
        except MessageError:
            continue
        opens = isinstance(message, Request) and message.method == "INVITE"
        if opens and isinstance(message, Request) and ";tag=" not in (message.headers.get("To") or ""):
            yield message, trunk


def _of_log(capture: Path) -> Iterator[tuple[bytes, str]]:
    """The first INVITE stands before the event that names the trunk."""
    from siprecord.media.reader import CaptureReader, SipMessage
    from siprecord.render.facts import read_facts

    trunk = str(read_facts(capture).started.get("trunk") or "")
    for item in CaptureReader(capture):
        if isinstance(item, SipMessage):
            yield bytes(item.data), trunk
