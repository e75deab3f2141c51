"""Habits of the field that can be seen in one message, by their number in the field guide.

Each costs nothing: it says why something is as it is, for whoever asks. What a parser had to mend is noted by
the parser; here stands what is odd about a message that reads well.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from siprecord.recording.deviations import Deviation
from siprecord.recording.dialects.evidence import Evidence
from siprecord.syntax.metadata import MetadataDocument
from siprecord.syntax.sdp import Direction

UNSPECIFIED = frozenset({"0.0.0.0", "::"})
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:")
_UUID = re.compile(r"[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Quirk:
    """One habit: its number, how it is seen, and a sentence on it."""

    id: str
    seen: Callable[[Evidence], bool]
    text: str


def _document(test: Callable[[MetadataDocument], bool]) -> Callable[[Evidence], bool]:
    return lambda evidence: evidence.metadata is not None and test(evidence.metadata)


def _names(test: Callable[[str, str], bool]) -> Callable[[Evidence], bool]:
    """Looks at the address and the display name of every participant."""
    return _document(
        lambda document: any(
            test(name.aor, name.name or "") for person in document.participants for name in person.name_ids
        )
    )


def _whole(document: MetadataDocument) -> bool:
    return document.data_mode == "complete" and bool(document.participants)


def _starts_inactive(evidence: Evidence) -> bool:
    lines = [media for media in evidence.sdp.media if media.port] if evidence.sdp else []
    return evidence.opens and bool(lines) and all(line.direction is Direction.INACTIVE for line in lines)


def _zero_origin(evidence: Evidence) -> bool:
    sdp = evidence.sdp
    if sdp is None:
        return False
    own = sdp.connection.host if sdp.connection else ""
    return sdp.origin.address in UNSPECIFIED or (evidence.opens and own in UNSPECIFIED)


def _identity_in_headers(evidence: Evidence) -> bool:
    return (
        evidence.opens
        and not evidence.has_document
        and bool(evidence.headers_starting("X-Cisco-Recording") or "x-refci" in evidence.from_params)
    )


def _mixed(evidence: Evidence) -> bool:
    document, sdp = evidence.metadata, evidence.sdp
    if document is None or sdp is None or len(document.participants) < 2:
        return False
    return len([media for media in sdp.media if media.kind == "audio" and media.port]) == 1


def _nobody_sends(document: MetadataDocument) -> bool:
    associations = document.participant_stream_associations
    return _whole(document) and bool(document.streams) and not any(each.send for each in associations)


def _shared_stream(document: MetadataDocument) -> bool:
    sent = [stream for each in document.participant_stream_associations for stream in set(each.send)]
    return len(document.streams) > 1 and len(sent) != len(set(sent))


def _dummy(document: MetadataDocument) -> bool:
    people = document.participants
    return any(not any(name.aor for name in person.name_ids) for person in people) or any(
        not stream.id for stream in document.streams
    )


QUIRKS: tuple[Quirk, ...] = (
    Quirk("Q16", _identity_in_headers, "There is no metadata; who speaks is told by headers."),
    Quirk(
        "Q19",
        lambda each: "x-nearend" in each.from_params or "x-farend" in each.from_params,
        "The call is one of two that fork one conversation, one for each end.",
    ),
    Quirk(
        "Q17", _mixed, "One m-line carries several participants mixed; they can't be told apart by channel."
    ),
    Quirk("Q24", _starts_inactive, "The call begins inactive; nothing is stored until a stream is sendonly."),
    Quirk("Q40", _zero_origin, "The SDP has the address 0.0.0.0; RTCP is sent where media comes from."),
    Quirk(
        "Q46",
        _document(lambda document: _nobody_sends(document) or _shared_stream(document)),
        "The metadata doesn't say clearly who sends which stream; sides are left open.",
    ),
    Quirk(
        "Q47", _document(_dummy), "The metadata holds placeholders: a participant or a stream without a name."
    ),
    Quirk(
        "Q48",
        _names(
            lambda aor, _: bool(aor) and (_SCHEME.match(aor) is None or ";" in aor or "Extension-" in aor)
        ),
        "An address of a participant is no plain URI; it is kept as written and compared by its number.",
    ),
    Quirk(
        "Q49",
        _document(lambda document: any("@" in person.id for person in document.participants)),
        "Participant ids look like Call-IDs; they are not used to know a person again.",
    ),
    Quirk(
        "Q55",
        _names(lambda _, name: ";" in name and "=" in name),
        "A participant's name holds parameters; they are cut off where the name is shown.",
    ),
    Quirk(
        "Q56",
        _document(lambda document: _whole(document) and not document.streams),
        "The metadata has no stream element; the labels of the SDP stand in.",
    ),
    Quirk(
        "Q59",
        _names(lambda aor, _: _UUID.search(aor.partition("@")[0]) is not None),
        "A participant's address is an internal user id, not a number.",
    ),
)


def quirks_of(evidence: Evidence) -> tuple[Deviation, ...]:
    """The habits that show in this message."""
    return tuple(Deviation(quirk.text, quirk.id) for quirk in QUIRKS if quirk.seen(evidence))
