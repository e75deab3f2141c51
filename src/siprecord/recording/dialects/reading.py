"""Chooses the dialect of a message and reads it by that dialect's tables and the common ones."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from siprecord.recording.deviations import Deviation
from siprecord.recording.dialects import (
    audiocodes,
    avaya,
    broadworks,
    cisco_cube,
    cisco_phone,
    freeswitch,
    genesys,
    jambonz,
    metaswitch,
    netsapiens,
    opensips,
    oracle,
    ribbon,
    sems,
    twilio,
    webex,
)
from siprecord.recording.dialects.dialect import Dialect, IdRule, PartyRule, WayRule
from siprecord.recording.dialects.evidence import Evidence, Said, Signs
from siprecord.recording.dialects.findings import MAX_PARTIES, Direction, Fact, Findings, Party, each_once
from siprecord.recording.dialects.generic import GENERIC, asserted, common_facts, common_ids
from siprecord.recording.dialects.quirks import quirks_of
from siprecord.syntax.sip import Request

DIALECTS: tuple[Dialect, ...] = (
    oracle.DIALECT,
    cisco_cube.DIALECT,
    cisco_phone.DIALECT,
    avaya.DIALECT,
    broadworks.DIALECT,
    webex.DIALECT,
    metaswitch.DIALECT,
    ribbon.DIALECT,
    audiocodes.DIALECT,
    genesys.DIALECT,
    opensips.DIALECT,
    freeswitch.DIALECT,
    netsapiens.DIALECT,
    twilio.DIALECT,
    jambonz.DIALECT,
    sems.DIALECT,
)
"""In this order where the evidence is equal."""
MAX_KINDS = 64
"""Sets of signs whose dialect is remembered: a few kinds of clients send a few kinds of messages each."""
_BY_NAME = {dialect.vendor: dialect for dialect in (GENERIC, *DIALECTS)}


def dialect_named(vendor: str) -> Dialect:
    """The dialect of that name; the generic one for a name that is none."""
    return _BY_NAME.get(vendor, GENERIC)


@dataclass(frozen=True, slots=True)
class _Reading:
    """What to look for in messages with the same signs: the rules that can find nothing are left out."""

    dialect: Dialect
    seen: tuple[str, ...]
    own_ids: tuple[IdRule, ...]
    """Those of the dialect, which come after the ids that any vendor may give."""
    ids: tuple[IdRule, ...]
    parties: tuple[PartyRule, ...]
    ways: tuple[WayRule, ...]


def read_findings(request: Request, said: Said) -> tuple[Findings, tuple[Deviation, ...]]:
    """All that a message tells beside its metadata, and its vendor's habits that show in it.

    Never raises: what can't be read is not there.
    """
    evidence = Evidence(request, said)
    reading = _choose(evidence.signs)
    ids = [*_ids(reading.ids, evidence), *common_ids(evidence), *_ids(reading.own_ids, evidence)]
    findings = Findings(
        vendor=reading.dialect.vendor,
        product=evidence.product,
        evidence=reading.seen,
        ids=each_once(ids),
        facts=each_once(common_facts(evidence)),
        parties=_parties(reading, evidence),
        direction=_direction(reading, evidence),
    )
    return findings, quirks_of(evidence)


@lru_cache(maxsize=MAX_KINDS)
def _choose(signs: Signs) -> _Reading:
    weighed = [(dialect, *dialect.weigh(signs)) for dialect in DIALECTS]
    best, weight, seen = max(weighed, key=lambda each: each[1])
    dialect = best if weight else GENERIC
    return _Reading(
        dialect=dialect,
        seen=seen if weight else (),
        own_ids=tuple(rule for rule in dialect.ids if rule.may_find(signs)),
        ids=tuple(rule for rule in GENERIC.ids if rule.may_find(signs)),
        parties=tuple(rule for rule in dialect.parties if rule.may_find(signs)),
        ways=tuple(rule for rule in dialect.ways if rule.may_find(signs)),
    )


def _ids(rules: tuple[IdRule, ...], evidence: Evidence) -> list[Fact]:
    return [fact for rule in rules for fact in rule.find(evidence)]


def _parties(reading: _Reading, evidence: Evidence) -> tuple[Party, ...]:
    found = [party for rule in reading.parties for party in rule.find(evidence)]
    found.extend(reading.dialect.more_parties(evidence))
    return tuple(dict.fromkeys((*found, *asserted(evidence))))[:MAX_PARTIES]


def _direction(reading: _Reading, evidence: Evidence) -> Direction | None:
    told = (way.find(evidence) for way in reading.ways)
    return next((direction for direction in told if direction), None)
