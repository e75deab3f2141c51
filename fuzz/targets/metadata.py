"""`parse_metadata` and `write_metadata`.

Invariants, for any octets:

- `parse_metadata` gives a document or raises `ParseError`.
- What is written from a document parses, and is written the same again.
- A document type declaration is refused, so no entity is expanded; what we write is bounded by what came.
- Nothing is opened or connected to: the runner refuses both while a check runs.
"""

from __future__ import annotations

import re

from fuzz.outcome import Outcome, bucket, held, plain, refusal, same
from siprecord.errors import ParseError
from siprecord.syntax.limits import DEFAULT_LIMITS, Limits
from siprecord.syntax.metadata import MetadataDocument, parse_metadata, write_metadata

ROOMY = Limits(max_xml=DEFAULT_LIMITS.max_xml * 8, max_xml_elements=DEFAULT_LIMITS.max_xml_elements * 4)
"""For what we wrote: drafts become more elements, and characters are escaped."""
_DOCTYPE = re.compile(rb"\A(?:\xef\xbb\xbf)?\s*(?:<\?xml[^>]*\?>)?\s*<!DOCTYPE\s+\w")
_GROWTH = 12
"""Characters written for one that came: an escaped ampersand is five, an element name is written twice."""


def check(data: bytes) -> Outcome:
    """Parse, write, parse, write."""
    try:
        document = parse_metadata(data)
    except ParseError as error:
        held(400 <= error.status <= 699, "the status is one of an error")
        return refusal(error)
    held(_DOCTYPE.match(data) is None, "a document type declaration is refused")
    written = write_metadata(document)
    _check_size(data, document, written)
    again = parse_metadata(written, ROOMY)
    same(write_metadata(again), written, "it is written the same again")
    same(_counts(again), _counts(document), "as many of each element")
    odd = tuple(plain(text) for text in document.deviations[:5])
    return Outcome(False, (tuple(bucket(count) for count in _counts(document)), odd))


def _check_size(data: bytes, document: MetadataDocument, written: bytes) -> None:
    # Extensions repeat namespace names, within a bound of the reader's own.
    size = len(written) - sum(len(text.encode()) for text in _extensions(document))
    held(size <= _GROWTH * (len(data) + 100), "what is written is bounded by what came")


def _extensions(document: MetadataDocument) -> list[str]:
    found = list(document.extensions)
    for items in (
        document.groups,
        document.sessions,
        document.participants,
        document.streams,
        document.session_associations,
        document.participant_session_associations,
        document.participant_stream_associations,
    ):
        for item in items:
            found += item.extensions
    return found


def _counts(document: MetadataDocument) -> tuple[int, ...]:
    if document.request_snapshot:
        return ()  # only its reason is written
    return (
        len(document.groups),
        len(document.sessions),
        len(document.participants),
        len(document.streams),
        len(document.session_associations),
        len(document.participant_session_associations),
        len(document.participant_stream_associations),
        len(_extensions(document)),
    )
