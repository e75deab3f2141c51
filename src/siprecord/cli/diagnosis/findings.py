"""All findings of one message: what the recorder notes, explained, and what only an inspection looks for."""

from __future__ import annotations

import re
from collections.abc import Iterable

from siprecord.cli.diagnosis.checks import checks
from siprecord.cli.diagnosis.explanations import explanation_of
from siprecord.cli.diagnosis.finding import Finding
from siprecord.cli.diagnosis.text import Text
from siprecord.recording.deviations import Deviation
from siprecord.recording.dialects import dialect_named
from siprecord.syntax.sdp import SessionDescription
from siprecord.syntax.sip import Request

GENERAL = {
    "RFC 7866 section 6.1.1": "send Require: siprec, and +sip.src as a parameter of the Contact header",
    "RFC 7866 section 9.1": "send complete metadata in the INVITE, marked by its Content-Disposition",
    "RFC 7865 section 9": "use the names of RFC 7865, in the namespace urn:ietf:params:xml:ns:recording:1",
    "RFC 2046 section 5.1.1": "frame the multipart body as RFC 2046 says; check boundary and lengths",
    "RFC 8866 section 5": "send all lines SDP must have: v, o, s, t, and c",
}
"""What to change where the table has nothing more exact, by the rule that was broken."""
_INNER = re.compile(r" \(((?:RFC|Q\d|FLD)[^()]*)\)$")
_REFUSED = re.compile(r"m-line (\d+) was refused")
_NO_KEY = re.compile(r"m-line (\d+) asks for")


def findings_of(
    deviations: Iterable[Deviation],
    text: Text,
    *,
    vendor: str,
    request: Request | None = None,
    offer: SessionDescription | None = None,
) -> list[Finding]:
    """In the order of their lines, what has none first."""
    own = list(checks(request, offer, text)) if request is not None and offer is not None else []
    explained = {found[1] for each in own if (found := _NO_KEY.match(each.fault))}
    told = [
        finding
        for deviation in deviations
        if ((line := _REFUSED.match(deviation.text)) is None or line[1] not in explained)
        and (finding := _finding(deviation, text, vendor)) is not None
    ]
    return sorted(dict.fromkeys((*told, *own)), key=_place)


def _finding(deviation: Deviation, text: Text, vendor: str) -> Finding | None:
    known = dialect_named(vendor)
    ours = known.quirks.get(deviation.reference)
    explained = explanation_of(deviation.text)
    if explained is None:
        said, reference = _apart(deviation)
        change = f"{known.title}: {ours}" if ours else GENERAL.get(deviation.reference, "")
        return Finding(fault=said, reference=reference, change=change)
    row, found = explained
    if not row.rule:
        return None
    return Finding(
        fault=row.fault.format(*found.groups()) if row.fault else deviation.text,
        reference=_apart(deviation)[1],
        rule=row.rule,
        change=f"{known.title}: {ours}" if ours else row.change,
        line=row.where(text, found),
    )


def _apart(deviation: Deviation) -> tuple[str, str]:
    """A parser's note names its rule at its own end: `text (RFC 1 section 2)`."""
    inner = _INNER.search(deviation.text)
    said = deviation.text if inner is None else deviation.text[: inner.start()]
    sentence = said[:1].upper() + said[1:]
    return sentence if sentence.endswith(".") else f"{sentence}.", inner[1] if inner else deviation.reference


def _place(finding: Finding) -> tuple[int, str]:
    return (finding.line.number if finding.line else 0, finding.fault)
