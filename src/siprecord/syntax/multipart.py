"""Bodies with several parts (RFC 2046 section 5.1, RFC 5621), read as widely as deployed clients need.

A SIPREC body is SDP and metadata in one `multipart/mixed`. Parts are chosen by their type, never by their
order. One rule finds a delimiter: a line of `--boundary`, with blanks after it allowed; the line break before
it belongs to it. Everything between is kept, whatever it is.
"""

from __future__ import annotations

import binascii
import quopri
import re
from collections.abc import Iterable, Mapping, Sequence

import msgspec
from msgspec.structs import replace

from siprecord.errors import ParseError
from siprecord.syntax.limits import DEFAULT_LIMITS, Limits
from siprecord.syntax.quiet import Quiet
from siprecord.syntax.sip import MediaType, parse_params

SDP_TYPE = "application/sdp"
METADATA_TYPE = "application/rs-metadata+xml"
METADATA_TYPES = frozenset(
    {
        METADATA_TYPE,  # RFC 9806, RFC 7865
        "application/rs-metadata",  # RFC 7866; most deployed clients
        "application/rs-metadata-request",  # drafts, and the Accept fields of RFC 8068
        "application/rs-metadata-request+xml",
    }
)
_XML_TYPES = frozenset({"application/xml", "text/xml", "application/recording-metadata+xml"})
_HEADER = re.compile(rb"([!-9;-~]+)[ \t]*:[ \t]*(.*)")
_DELIMITER_TAIL = re.compile(rb"(--)?[ \t]*(?:\r?\n|\Z)")
_MAX_BOUNDARY = 256  # RFC 2046 allows 70; some clients are more generous


class Part(Quiet, frozen=True, kw_only=True):
    """One part of a body, or a whole body that is not multipart.

    `headers` maps lower-case names to values (the first of a name counts). `disposition` is the lower-case
    type of Content-Disposition, without parameters. `body` is decoded from base64 and quoted-printable.
    """

    headers: Mapping[str, str] = msgspec.field(default_factory=dict)
    content_type: MediaType | None = None
    disposition: str | None = None
    body: bytes = b""

    @property
    def essence(self) -> str:
        """Type and subtype in lower case, or "" when the part says nothing of its type."""
        return self.content_type.essence if self.content_type else ""

    @property
    def handling(self) -> str | None:
        """`required` or `optional` where the part says so (RFC 3261 section 20.11)."""
        _, _, params = self.headers.get("content-disposition", "").partition(";")
        try:
            value = parse_params(params).get("handling")
        except ParseError:
            return None
        return value.lower() if value else None


def find_sdp(parts: Iterable[Part]) -> Part | None:
    """The first part that is a session description."""
    return next((part for part in parts if part.essence == SDP_TYPE), None)


def find_metadata(parts: Sequence[Part]) -> Part | None:
    """The part that holds recording metadata: by type, else by disposition, else XML with the right root."""
    for part in parts:
        if part.essence in METADATA_TYPES:
            return part
    for part in parts:
        if part.disposition == "recording-session" and part.essence != SDP_TYPE:
            return part
    for part in parts:
        if part.essence in _XML_TYPES and b"<" in part.body and b"recording" in part.body:
            return part
    return None


def body_parts(
    content_type: str | None, body: bytes, limits: Limits = DEFAULT_LIMITS
) -> tuple[list[Part], list[str]]:
    """All parts of a message body, with what was odd about it in plain words.

    A body that is not multipart is one part. A missing or unreadable `content_type` is guessed from the
    first bytes. Raises `ParseError` when a multipart body has no delimiter at all.
    """
    if not body.strip():
        return [], []
    deviations: list[str] = []
    media_type = _declared_type(content_type, body, deviations)
    headers = {"content-type": content_type} if content_type else {}
    whole = Part(headers=headers, content_type=media_type, body=body)
    return _Reader(limits, deviations).flatten(whole, depth=0), deviations


def parse_multipart(body: bytes, boundary: str, limits: Limits = DEFAULT_LIMITS) -> list[Part]:
    """The parts of a multipart body, nested ones in place; raises `ParseError` without any delimiter."""
    return _Reader(limits, []).split(body, boundary, depth=1)


def build_multipart(parts: Iterable[Part], boundary: str) -> tuple[str, bytes]:
    """Put parts together as (Content-Type value, body); `boundary` must not stand in any part."""
    delimiter = b"--" + boundary.encode("ascii")
    chunks: list[bytes] = []
    for part in parts:
        if delimiter in part.body:
            raise ValueError("the boundary stands in a part")
        chunks += [delimiter, b"\r\n", _head(part), b"\r\n", part.body, b"\r\n"]
    media_type = MediaType("multipart", "mixed", {"boundary": boundary})
    return str(media_type), b"".join([*chunks, delimiter, b"--\r\n"])


def _head(part: Part) -> bytes:
    fields = {name: value for name, value in part.headers.items() if name != "content-transfer-encoding"}
    if part.content_type is not None:
        fields["content-type"] = str(part.content_type)
    if part.disposition is not None:
        fields.setdefault("content-disposition", part.disposition)
    return "".join(f"{name.title()}: {value}\r\n" for name, value in fields.items()).encode()


def _declared_type(content_type: str | None, body: bytes, deviations: list[str]) -> MediaType | None:
    if content_type is not None:
        try:
            return MediaType.parse(content_type)
        except ParseError:
            deviations.append(f"Content-Type can't be read: {content_type[:80]!r} (RFC 3261 section 20.15)")
    guess = _guess_type(body)
    if guess is not None:
        deviations.append(
            f"the body has no usable Content-Type and looks like {guess} (RFC 3261 section 20.15)"
        )
    return guess


def _guess_type(body: bytes) -> MediaType | None:
    start = body.lstrip(b"\xef\xbb\xbf \t\r\n")[:2]
    if start == b"v=":
        return MediaType("application", "sdp")
    if start == b"--":
        return MediaType("multipart", "mixed")
    if start[:1] == b"<":
        return MediaType("application", "rs-metadata+xml")
    return None


class _Delimiter(msgspec.Struct, frozen=True, gc=False):
    """A delimiter line, from the line break before it to the one after it."""

    start: int
    end: int
    closing: bool


class _Reader:
    """Reads one body; counts the parts of all levels together."""

    def __init__(self, limits: Limits, deviations: list[str]) -> None:
        self._limits = limits
        self._deviations = deviations
        self._seen = 0

    def flatten(self, part: Part, depth: int) -> list[Part]:
        """The part itself, or the parts within it."""
        media_type = part.content_type
        if media_type is None or media_type.type != "multipart":
            return [part]
        if depth >= self._limits.max_multipart_depth:
            self._note("parts are nested deeper than the limit; the inner ones were not read")
            return [part]
        guess = _guess_type(part.body)
        if guess is not None and guess.essence == SDP_TYPE:
            self._note("Content-Type says multipart, but the body is plain SDP")
            return [replace(part, content_type=guess)]
        try:
            parts = self.split(part.body, media_type.params.get("boundary") or "", depth + 1)
        except ParseError as error:
            if depth == 0:
                raise
            self._note(f"an inner part can't be read: {error}")
            return [part]
        return _best_alternative(parts) if media_type.subtype == "alternative" else parts

    def split(self, body: bytes, boundary: str, depth: int) -> list[Part]:
        """The parts between delimiter lines."""
        parts: list[Part] = []
        for chunk in self._chunks(body, boundary):
            self._seen += 1
            if self._seen > self._limits.max_parts:
                self._note(f"more than {self._limits.max_parts} parts; the rest was not read")
                break
            parts += self.flatten(self._part(chunk), depth)
        return parts

    def _chunks(self, body: bytes, boundary: str) -> list[bytes]:
        matches = self._delimiters(body, boundary)
        chunks: list[bytes] = []
        for index, delimiter in enumerate(matches):
            if delimiter.closing:
                return chunks
            end = matches[index + 1].start if index + 1 < len(matches) else len(body)
            chunk = body[delimiter.end : end]
            if chunk.strip():
                chunks.append(chunk)
        self._note("the closing boundary is missing (RFC 2046 section 5.1.1)")
        return chunks

    def _delimiters(self, body: bytes, boundary: str) -> list[_Delimiter]:
        matches = _delimiter_lines(body, boundary, self._limits.max_parts) if boundary.strip() else []
        if matches:
            return matches
        found = re.search(rb"(?:\A|\n)--([^\r\n]*[^\r\n \t-])", body)
        if found is not None:
            matches = _delimiter_lines(body, found[1].decode("latin-1"), self._limits.max_parts)
        if not matches:
            raise ParseError("the multipart body has no boundary line (RFC 2046 section 5.1.1)")
        self._note(
            "the boundary in Content-Type is missing or is not the one in the body (RFC 2046 section 5.1.1)"
        )
        return matches

    def _part(self, chunk: bytes) -> Part:
        headers, body = self._split_head(chunk)
        body = self._decoded(headers, body)
        self._check_length(headers, body)
        content_type = None
        if "content-type" in headers:
            content_type = _declared_type(headers["content-type"], body, self._deviations)
        elif body.strip():
            content_type = _declared_type(None, body, self._deviations)
        disposition = headers.get("content-disposition", "").partition(";")[0].strip().lower()
        return Part(headers=headers, content_type=content_type, disposition=disposition or None, body=body)

    def _split_head(self, chunk: bytes) -> tuple[dict[str, str], bytes]:
        headers: dict[str, str] = {}
        last = ""
        position = 0
        while position < len(chunk):
            end = chunk.find(b"\n", position) + 1 or len(chunk)
            text = chunk[position:end].rstrip(b"\n").rstrip(b"\r")
            if not text:
                return headers, chunk[end:]
            if last and text[:1] in b" \t":
                headers[last] += " " + _text(text)
            elif self._room(headers, end) and (field_ := _HEADER.fullmatch(text)) is not None:
                last = _text(field_[1]).lower()
                headers.setdefault(last, _text(field_[2]))
            else:
                self._note(
                    "a part has no empty line between its headers and its content (RFC 2046 section 5.1)"
                )
                return headers, chunk[position:]
            position = end
        return headers, b""

    def _room(self, headers: Mapping[str, str], size: int) -> bool:
        return len(headers) < self._limits.max_headers and size <= self._limits.max_head

    def _decoded(self, headers: Mapping[str, str], body: bytes) -> bytes:
        encoding = headers.get("content-transfer-encoding", "").strip().lower()
        if encoding == "quoted-printable":
            return quopri.decodestring(body)
        if encoding == "base64":
            try:
                return binascii.a2b_base64(body)
            except binascii.Error:
                self._note("a part says base64 and is not (RFC 2045 section 6.8)")
        return body

    def _check_length(self, headers: Mapping[str, str], body: bytes) -> None:
        said = headers.get("content-length")
        # Clients count a line break at the end or not; that is no news.
        if said is not None and said not in {str(len(body) + extra) for extra in (-2, -1, 0, 1, 2)}:
            self._note(
                f"a part says Content-Length {said[:12]} and has {len(body)} octets; the boundary decides"
            )

    def _note(self, text: str) -> None:
        if text not in self._deviations:
            self._deviations.append(text)


def _delimiter_lines(body: bytes, boundary: str, max_parts: int) -> list[_Delimiter]:
    # Boundaries differ from message to message: compiling a pattern for each would cost more than this.
    name = b"--" + boundary.strip().encode("utf-8", "replace")
    if len(name) > _MAX_BOUNDARY:
        return []
    found: list[_Delimiter] = []
    position = body.find(name)
    while position >= 0 and len(found) <= max_parts + 1:
        tail = _DELIMITER_TAIL.match(body, position + len(name))
        if tail is not None and (position == 0 or body[position - 1 : position] == b"\n"):
            found.append(_Delimiter(_before_break(body, position), tail.end(), tail[1] is not None))
            if tail[1]:
                break
        position = body.find(name, position + 1)
    return found


def _before_break(body: bytes, position: int) -> int:
    """Where the line before `position` ends, which is where its line break begins."""
    if body[max(0, position - 2) : position] == b"\r\n":
        return position - 2
    return max(0, position - 1)


def _best_alternative(parts: list[Part]) -> list[Part]:
    """Of `multipart/alternative`, the last part that is understood (RFC 2046 section 5.1.4)."""
    for part in reversed(parts):
        if part.essence == SDP_TYPE or part.essence in METADATA_TYPES:
            return [part]
    return parts


def _text(data: bytes) -> str:
    try:
        return data.strip().decode()
    except UnicodeDecodeError:
        return data.strip().decode("latin-1")
