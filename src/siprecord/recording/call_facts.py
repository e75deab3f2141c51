"""What is known about the call beside its metadata, as the JSON object of a `call.identity` event."""

from __future__ import annotations

from siprecord.recording.dialects import Fact, Findings
from siprecord.recording.model import RecordingModel
from siprecord.recording.sides import SideOf, Sides, decide_sides

Json = dict[str, object]


def call_fields(model: RecordingModel, findings: Findings, *, swap: bool = False) -> Json:
    """Vendor, ids, direction and sides; empty when there is nothing to tell."""
    sides = decide_sides(model, findings, swap=swap)
    if not findings.telling and sides is None:
        return {}
    fields: Json = {
        "vendor": findings.vendor,
        "product": findings.product or None,
        "evidence": list(findings.evidence),
        "direction": findings.direction,
        "correlation": [_fact(fact) for fact in findings.ids],
        "facts": [_fact(fact) for fact in findings.facts],
        "sides": _sides(sides) if sides else None,
    }
    return {name: value for name, value in fields.items() if value is not None and value != []}


def _fact(fact: Fact) -> Json:
    return {"kind": fact.kind, "value": fact.value, "source": fact.source}


def _sides(sides: Sides) -> Json:
    return {
        "caller": _side(sides.caller),
        "callee": _side(sides.callee),
        "decided_from": sides.decided_from,
    }


def _side(side: SideOf | None) -> Json | None:
    if side is None:
        return None
    return {
        "participant": side.participant,
        "aor": side.aor,
        "name": side.name,
        "labels": list(side.labels),
    }
