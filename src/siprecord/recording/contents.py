"""What the bodies of one request say: the SDP, the metadata, and how far we had to be lenient."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec.structs import replace

from siprecord.errors import ParseError
from siprecord.recording import deviations, refusal
from siprecord.recording.deviations import Deviation
from siprecord.recording.dialects import Findings, read_findings
from siprecord.recording.dialects.evidence import Said
from siprecord.recording.refusal import Refusal
from siprecord.syntax.limits import DEFAULT_LIMITS, Limits
from siprecord.syntax.metadata import Extension, MetadataDocument, read_metadata
from siprecord.syntax.multipart import METADATA_TYPES, Part, body_parts, find_metadata, find_sdp
from siprecord.syntax.quiet import Quiet
from siprecord.syntax.sdp import SessionDescription, parse_sdp
from siprecord.syntax.sip import Request, unquote


class Document(Quiet, frozen=True, gc=False):
    """A metadata body exactly as received."""

    content_type: str
    data: bytes


class Contents(msgspec.Struct, frozen=True, kw_only=True):
    """The bodies of a request, read.

    `refusal` is set when the request must be refused for them. Bad metadata never refuses: then `metadata` is
    None, `documents` holds the bytes and `deviations` says why.
    """

    sdp: SessionDescription | None = None
    metadata: MetadataDocument | None = None
    documents: tuple[Document, ...] = ()
    deviations: tuple[Deviation, ...] = ()
    refusal: Refusal | None = None
    others: tuple[str, ...] = ()
    """Types of the parts that are neither SDP nor metadata."""
    findings: Findings = msgspec.field(default_factory=Findings)
    """What the message tells beside these: ids, parties, the vendor."""


def read_contents(request: Request, *, limits: Limits = DEFAULT_LIMITS, strict: bool = False) -> Contents:
    """Read the bodies of `request`. `strict` refuses parts of unknown type that don't say they are
    optional.
    """
    contents, extensions = _read_bodies(request, limits, strict)
    if contents.refusal is not None or (request.method == "ACK" and not request.body):
        return contents  # the headers of an ACK are those of its INVITE
    said = Said(
        sdp=contents.sdp,
        metadata=contents.metadata,
        has_document=bool(contents.documents),
        others=contents.others,
        extensions=extensions,
    )
    findings, quirks = read_findings(request, said)
    return replace(contents, findings=findings, deviations=contents.deviations + quirks)


def _read_bodies(request: Request, limits: Limits, strict: bool) -> tuple[Contents, Sequence[Extension]]:
    if (encoding := request.headers.get("Content-Encoding") or "").lower() not in ("", "identity"):
        note = deviations.body_note(f"The body has Content-Encoding {encoding[:40]}.")
        return Contents(refusal=refusal.unsupported_encoding(), deviations=(note,)), ()
    if not request.body:
        return Contents(), ()
    try:
        parts, notes = body_parts(request.headers.get("Content-Type"), request.body, limits)
    except ParseError as error:
        return Contents(refusal=Refusal(error.status, refusal.bad_request(str(error)).reason)), ()
    reader = _Reader(limits, strict)
    reader.deviations.extend(deviations.body_note(note) for note in notes)
    return reader.read(parts), reader.extensions


class _Reader:
    def __init__(self, limits: Limits, strict: bool) -> None:
        self._limits = limits
        self._strict = strict
        self._refusal: Refusal | None = None
        self._others: list[str] = []
        self.deviations: list[Deviation] = []
        self.extensions: Sequence[Extension] = ()

    def read(self, parts: list[Part]) -> Contents:
        first_document = find_metadata(parts)
        metadata_parts = [part for part in parts if part is first_document or part.essence in METADATA_TYPES]
        sdp_part = find_sdp(parts)
        for part in parts:
            if part is not sdp_part and part not in metadata_parts:
                self._set_aside(part)
        if sdp_part is None and not metadata_parts:
            self._refusal = refusal.unsupported_body()
        sdp = self._read_sdp(sdp_part) if sdp_part else None
        metadata = self._read_metadata(metadata_parts) if metadata_parts else None
        return Contents(
            sdp=sdp,
            metadata=metadata,
            documents=tuple(Document(part.essence, part.body) for part in metadata_parts),
            deviations=tuple(self.deviations),
            refusal=self._refusal,
            others=tuple(self._others),
        )

    def _set_aside(self, part: Part) -> None:
        self._others.append(part.essence)
        if part.handling == "required" or (self._strict and part.handling != "optional"):
            self._refusal = refusal.unsupported_body()
        else:
            self.deviations.append(deviations.unknown_part(part.essence or "unknown"))

    def _read_sdp(self, part: Part) -> SessionDescription | None:
        try:
            sdp = parse_sdp(part.body, self._limits)
        except ParseError as error:
            self._refusal = Refusal(error.status, refusal.bad_request(f"Bad SDP: {error}").reason)
            return None
        self.deviations.extend(deviations.sdp_note(note) for note in sdp.deviations)
        return sdp

    def _read_metadata(self, parts: list[Part]) -> MetadataDocument | None:
        if any(part.disposition != "recording-session" for part in parts):
            self.deviations.append(deviations.no_disposition())
        if len(parts) > 1:
            self.deviations.append(deviations.several_documents(len(parts)))
        try:
            charset = parts[0].content_type.params.get("charset") if parts[0].content_type else None
            document, self.extensions = read_metadata(
                parts[0].body, self._limits, charset=unquote(charset or "") or None
            )
        except ParseError as error:
            self.deviations.append(deviations.unreadable_metadata(str(error)))
            return None
        return document
