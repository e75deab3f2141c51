"""What an operator wants done with certain calls: record, refuse, send elsewhere, store nothing, swap sides.

Rules are asked in order when the INVITE comes, and the first that fits decides. Everything a rule names must
hold. A rule sees what the INVITE says: its trunk, its headers, the vendor, and the participants that its
metadata or its headers name. `rejudging` asks again when the call tells more.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Literal

import msgspec

from siprecord.recording.addresses import address_key
from siprecord.recording.contents import Contents
from siprecord.recording.keypresses import Keys
from siprecord.recording.refusal import Refusal, warning

Action = Literal["record", "refuse", "route", "mask"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule. What is empty is not asked.

    `participants` are addresses with `*` and `?`, compared by number or by user@host; one that fits is
    enough. `headers` are regular expressions, all of which must be found. `route` is the SIP URI of another
    recorder.
    """

    name: str
    action: Action = "record"
    trunks: tuple[str, ...] = ()
    vendors: tuple[str, ...] = ()
    participants: tuple[str, ...] = ()
    headers: Mapping[str, re.Pattern[str]] = field(default_factory=dict)
    status: int = 403
    route: str = ""
    swap_sides: bool = False
    digits: Keys | None = None
    """What becomes of keys that are pressed; None leaves it to the trunk."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Aspects:
    """What rules may look at. `participants` are address keys."""

    trunk: str = ""
    vendor: str = "generic"
    participants: frozenset[str] = frozenset()
    headers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What the rules say. `rule` is None when none fits, and then the call is recorded."""

    action: Action = "record"
    rule: str | None = None
    swap_sides: bool = False
    refusal: Refusal | None = None
    digits: Keys | None = None


def aspects_of(contents: Contents, trunk: str, headers: Mapping[str, tuple[str, ...]]) -> Aspects:
    """What a new INVITE shows; `headers` are those that rules ask for."""
    findings = contents.findings
    addresses = [party.aor for party in findings.parties if party.aor]
    if contents.metadata is not None:
        people = contents.metadata.participants
        addresses.extend(name.aor for person in people for name in person.name_ids)
    return Aspects(
        trunk=trunk,
        vendor=findings.vendor,
        participants=frozenset(map(address_key, addresses)) - {""},
        headers=headers,
    )


def judge(rules: Iterable[Rule], aspects: Aspects) -> Verdict:
    """The word of the first rule that fits."""
    rule = next((rule for rule in rules if fits(rule, aspects)), None)
    if rule is None:
        return Verdict()
    return Verdict(
        action=rule.action,
        rule=rule.name,
        swap_sides=rule.swap_sides,
        refusal=_refusal(rule),
        digits=rule.digits,
    )


def fits(rule: Rule, aspects: Aspects) -> bool:
    """Whether everything the rule names holds."""
    if rule.trunks and aspects.trunk not in rule.trunks:
        return False
    if rule.vendors and aspects.vendor not in rule.vendors:
        return False
    if rule.participants and not _some_participant(rule, aspects):
        return False
    return all(
        any(pattern.search(row[:4096]) for row in aspects.headers.get(name, ()))
        for name, pattern in rule.headers.items()
    )


def participant_pattern(written: str) -> str:
    """A pattern in the form in which addresses are compared: `tel:+49 30*` is `4930*`."""
    if "*" not in written and "?" not in written:
        return address_key(written)
    bare = re.sub(r"^(?:sips?|tel):", "", written.strip(), flags=re.IGNORECASE).lower()
    return re.sub(r"[+().\- ]", "", bare) if re.fullmatch(r"[+0-9().\- *?]+", bare) else bare


def _some_participant(rule: Rule, aspects: Aspects) -> bool:
    return any(
        fnmatchcase(who, pattern) for pattern in rule.participants for who in aspects.participants if pattern
    )


def _refusal(rule: Rule) -> Refusal | None:
    """A redirection lets the client go to the other recorder (CONFORMANCE RESP-21)."""
    if rule.action == "route":
        return Refusal(302, "", (("Contact", f"<{rule.route}>;+sip.srs"),))
    if rule.action == "refuse":
        return Refusal(rule.status, "", (warning(399, f"Refused by rule {rule.name}"),))
    return None
