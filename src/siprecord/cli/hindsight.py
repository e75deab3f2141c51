"""What the rules of a configuration would have done to calls of the past."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from siprecord.cli.inspect import file_kind
from siprecord.cli.output import print_table
from siprecord.recording.contents import read_contents
from siprecord.recording.knowledge import Knowledge
from siprecord.recording.metadata_state import Labels
from siprecord.recording.plan import labels_of
from siprecord.recording.policy import PolicySettings
from siprecord.recording.rejudging import aspects_so_far, joined
from siprecord.recording.rules import Verdict, judge
from siprecord.syntax.sip import MessageError, Request, parse_message

if TYPE_CHECKING:
    from siprecord.server.config import Config

Json = dict[str, Any]


def judge_capture(config: Config, capture: Path) -> list[Json]:
    """A row for each verdict: on the INVITE that opens a call, and on each later request that changes it.

    The trunk is that of the log; in a capture of others it is unknown, so rules of one trunk don't fit.
    """
    from siprecord.server.translation import policy_settings

    policy = policy_settings(config)
    calls: dict[str, _Call] = {}
    seen: set[bytes] = set()
    rows = []
    for request, trunk in _requests(capture):
        call_id = request.headers.get("Call-ID") or ""
        opens = request.method == "INVITE" and ";tag=" not in (request.headers.get("To") or "")
        if request.raw in seen:
            continue
        seen.add(request.raw)
        if opens:
            calls[call_id] = _Call(policy, trunk)
        if call_id not in calls:
            continue
        verdict = calls[call_id].judge(request)
        if verdict is not None:
            rows.append(_row(request, trunk, verdict, late=not opens))
    return rows


class _Call:
    """What the requests of one call have told so far."""

    def __init__(self, policy: PolicySettings, trunk: str) -> None:
        self._policy = policy
        self._trunk = trunk
        self._knowledge = Knowledge()
        self._headers: Mapping[str, tuple[str, ...]] = {}
        self._last: Verdict | None = None

    def judge(self, request: Request) -> Verdict | None:
        """The verdict after this request; None when it changes nothing."""
        from siprecord.server.translation import headers_for

        contents = read_contents(request)
        labels = labels_of(contents.sdp) if contents.sdp else Labels()
        now = datetime.now(UTC)
        self._knowledge.keep(self._knowledge.read(contents, request.method, labels, now), {})
        self._headers = joined(self._headers, headers_for(request, self._policy.rules))
        verdict = judge(self._policy.rules, aspects_so_far(self._knowledge, self._trunk, self._headers))
        before, self._last = self._last, verdict
        return verdict if before is None or verdict.rule not in (None, before.rule) else None


def _row(request: Request, trunk: str, verdict: Verdict, *, late: bool) -> Json:
    return {
        "call_id": request.headers.get("Call-ID"),
        "from": request.headers.get("From"),
        "method": request.method,
        "late": late,
        "trunk": trunk or None,
        "action": verdict.action,
        "rule": verdict.rule,
        "swap_sides": verdict.swap_sides,
        "digits": verdict.digits,
        "status": verdict.refusal.status if verdict.refusal and not late else None,
    }


def print_hindsight(rows: list[Json]) -> None:
    """Show them to people."""
    shown = [
        (
            row["call_id"],
            row["from"],
            f"{row['method']} (late)" if row["late"] else row["method"],
            row["trunk"],
            f"{row['action']} {row['status'] or ''}".strip(),
            row["rule"] or "no rule fits",
        )
        for row in rows
    ]
    columns = ("Call-ID", "from", "by", "trunk", "would be", "rule")
    print_table(columns, shown, title="What would have become of these calls")


def _requests(capture: Path) -> Iterator[tuple[Request, str]]:
    """INVITEs, and what may change a call later."""
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
        if isinstance(message, Request) and message.method in ("INVITE", "UPDATE", "INFO"):
            yield message, trunk


def _of_log(capture: Path) -> Iterator[tuple[bytes, str]]:
    """The first INVITE stands before the event that names the trunk."""
    from siprecord.media.reader import CaptureReader, SipMessage
    from siprecord.render.facts import read_facts

    trunk = str(read_facts(capture).started.get("trunk") or "")
    for item in CaptureReader(capture):
        if isinstance(item, SipMessage):
            yield bytes(item.data), trunk
