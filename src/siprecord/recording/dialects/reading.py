"""Chooses the dialect of a message and reads it by that dialect's tables and the common ones."""

from __future__ import annotations

from functools import lru_cache

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
from siprecord.recording.dialects.dialect import Dialect
from siprecord.recording.dialects.evidence import Evidence, Said, Signs
from siprecord.recording.dialects.findings import MAX_PARTIES, Direction, Fact, Findings, Party
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


def read_findings(request: Request, said: Said) -> Findings:
    """All that a message tells beside its metadata. Never raises: what can't be read is not there."""
    evidence = Evidence(request, said)
    dialect, seen = _choose(evidence.signs)
    ids = [*_ids(GENERIC, evidence), *common_ids(evidence), *_ids(dialect, evidence)]
    found = Findings(
        vendor=dialect.vendor,
        product=evidence.product,
        evidence=seen,
        facts=tuple(common_facts(evidence)),
        parties=tuple(_parties(dialect, evidence))[:MAX_PARTIES],
        direction=_direction(dialect, evidence),
        deviations=quirks_of(evidence),
    )
    return found.joined(Findings(ids=tuple(ids)))


@lru_cache(maxsize=MAX_KINDS)
def _choose(signs: Signs) -> tuple[Dialect, tuple[str, ...]]:
    weighed = [(dialect, *dialect.weigh(signs)) for dialect in DIALECTS]
    best, weight, seen = max(weighed, key=lambda each: each[1])
    return (best, seen) if weight else (GENERIC, ())


def _ids(dialect: Dialect, evidence: Evidence) -> list[Fact]:
    return [fact for rule in dialect.ids for fact in rule.find(evidence)]


def _parties(dialect: Dialect, evidence: Evidence) -> list[Party]:
    found = [party for rule in dialect.parties for party in rule.find(evidence)]
    found.extend(dialect.more_parties(evidence))
    return [*found, *asserted(evidence)]


def _direction(dialect: Dialect, evidence: Evidence) -> Direction | None:
    told = (way.find(evidence) for way in dialect.ways)
    return next((direction for direction in told if direction), None)
