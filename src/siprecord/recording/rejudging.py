"""The operator's rules, asked again when a running call tells more: who joined, what a later header says.

A later verdict may only take away: store nothing from now on, mask the keys, end the recording. What it would
give back stays as it is, since somebody may have relied on it. A call that runs can't be sent to another
recorder, so a rule that routes is noted and the recording goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from siprecord.recording import ending, outcome
from siprecord.recording.addresses import address_key
from siprecord.recording.commands import AppendEvent, Command
from siprecord.recording.keypresses import KeyPolicy
from siprecord.recording.knowledge import Knowledge
from siprecord.recording.model import Moment
from siprecord.recording.rules import Aspects, Verdict, judge
from siprecord.recording.session_data import SessionData
from siprecord.recording.session_parts import State

Headers = Mapping[str, tuple[str, ...]]
Decide = Callable[[SessionData, Any, Moment], list[Command]]


def then_judge(decide: Decide) -> Decide:
    """`decide`, and then the rules. What must not be stored comes before, the end after everything else."""

    def decided(session: SessionData, event: Any, moment: Moment) -> list[Command]:
        hear(session, getattr(event, "headers", {}))
        commands = decide(session, event, moment)
        verdict = _new_verdict(session)
        if verdict is None:
            return commands
        first = apply(session, verdict)
        return [*first, *commands, *_end(session, verdict, moment)]

    return decided


def hear(session: SessionData, headers: Headers) -> None:
    """Remember the headers that rules ask for, beside those of earlier requests."""
    session.headers = joined(session.headers, headers)


def joined(known: Headers, further: Headers) -> Headers:
    """Headers of earlier requests with those of a later one; each row once."""
    return {
        name: tuple(dict.fromkeys((*known.get(name, ()), *further.get(name, ()))))
        for name in {*known, *further}
    }


def apply(session: SessionData, verdict: Verdict, *, late: bool = True) -> list[Command]:
    """Do what a verdict says, short of ending the call."""
    session.knowledge.swap_sides = verdict.swap_sides
    commands: list[Command] = list(session.exchange.mask(True)) if verdict.action == "mask" else []
    if verdict.rule is not None:
        session.marks.rules += (verdict.rule,)
        fields = {"rule": verdict.rule, "action": verdict.action, "swap_sides": verdict.swap_sides}
        commands.append(AppendEvent("rule.applied", {**fields, "late": late}))
    return [*commands, *_mask_keys(session, verdict, late=late)]


def _mask_keys(session: SessionData, verdict: Verdict, *, late: bool) -> list[Command]:
    if verdict.digits is None:
        return [] if late else [session.settings.digits.told()]
    policy = KeyPolicy.said(verdict.digits, f"rule {verdict.rule}")
    if late and not policy.masked:
        return []
    return [*session.exchange.mask_digits(policy.masked), policy.told()]


def _new_verdict(session: SessionData) -> Verdict | None:
    rules, identity = session.settings.policy.rules, session.identity
    if not rules or identity is None or session.state not in (State.ANSWERED, State.ACTIVE):
        return None
    verdict = judge(rules, aspects_so_far(session.knowledge, identity.trunk, session.headers))
    return verdict if verdict.rule not in (None, *session.marks.rules) else None


def aspects_so_far(knowledge: Knowledge, trunk: str, headers: Headers) -> Aspects:
    """What rules may look at once several messages have come."""
    people = [name.aor for each in knowledge.model.participants.values() for name in each.names]
    told = [party.aor for party in knowledge.findings.parties if party.aor]
    return Aspects(
        trunk=trunk,
        vendor=knowledge.findings.vendor,
        participants=frozenset(map(address_key, (*people, *told))) - {""},
        headers=headers,
    )


def _end(session: SessionData, verdict: Verdict, moment: Moment) -> list[Command]:
    if verdict.action != "refuse":
        return []
    return ending.stop_when_allowed(session, outcome.forbidden(str(verdict.rule)), moment)
