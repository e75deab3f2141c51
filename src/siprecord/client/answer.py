"""What the recorder's answer says about each stream we offered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from siprecord.client.codecs import CODECS
from siprecord.client.invitation import Line
from siprecord.errors import ParseError
from siprecord.syntax.multipart import body_parts, find_sdp
from siprecord.syntax.sdp import CryptoLine, Direction, MediaDescription, SessionDescription, parse_sdp
from siprecord.syntax.sip import Response


@dataclass(frozen=True, slots=True)
class Accepted:
    """A stream the recorder takes: where to send it, and as which payload type."""

    host: str
    port: int
    payload_type: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """One entry for each line, in order: accepted, or why not. `remarks` are in plain words."""

    lines: tuple[Accepted | str, ...]
    remarks: tuple[str, ...] = ()


def read_answer(response: Response, lines: Sequence[Line]) -> Verdict:
    """Match the answer's m-lines with ours, by their order (RFC 3264 section 6)."""
    try:
        parts, remarks = body_parts(response.headers.get("Content-Type"), response.body)
        part = find_sdp(parts)
        if part is None:
            return _all_refused(lines, "the answer has no SDP")
        answer = parse_sdp(part.body)
    except ParseError as error:
        return _all_refused(lines, f"the SDP of the answer can't be read: {error}")
    remarks = [*remarks, *answer.deviations]
    if len(answer.media) != len(lines):
        remarks.append(f"the answer has {len(answer.media)} m-lines; {len(lines)} were offered")
    verdicts: list[Accepted | str] = []
    for number, line in enumerate(lines):
        if number >= len(answer.media):
            verdicts.append("the answer has no m-line for it")
            continue
        media = answer.media[number]
        verdicts.append(_judge(answer, media, line))
        remarks += _remarks(media, line)
    return Verdict(tuple(verdicts), tuple(remarks))


def _all_refused(lines: Sequence[Line], why: str) -> Verdict:
    return Verdict(tuple(why for _ in lines), (why,))


def _judge(answer: SessionDescription, media: MediaDescription, line: Line) -> Accepted | str:
    if media.port == 0:
        return "the recorder refused it (port 0)"
    if media.direction in (Direction.SENDONLY, Direction.INACTIVE):
        return f"the recorder does not want to receive it now ({media.direction})"
    connection = answer.connection_of(media)
    if connection is None or connection.unspecified:
        return "the answer names no address for it"
    payload_type = _payload_type(media, line)
    if payload_type is None:
        return f"the recorder did not take {line.party.codec.upper()}"
    unprotected = _unprotected(media, line)
    return unprotected or Accepted(connection.host, media.port, payload_type)


def _unprotected(media: MediaDescription, line: Line) -> str | None:
    """Why a stream that we would protect must not be sent (RFC 4568 section 5.1.3)."""
    if line.crypto is None:
        return None
    try:
        (theirs,) = [CryptoLine.parse(text) for text in media.crypto]
    except ValueError:
        return f"the answer has {len(media.crypto)} crypto lines instead of one"
    except ParseError as error:
        return f"the crypto line of the answer can't be used: {error}"
    if (theirs.tag, theirs.suite) != (line.crypto.tag, line.crypto.suite):
        return "the crypto line of the answer is none that was offered"
    return None


def _payload_type(media: MediaDescription, line: Line) -> int | None:
    ours = CODECS[line.party.codec].payload_type
    if str(ours) in media.formats:
        return ours
    return None


def _remarks(media: MediaDescription, line: Line) -> list[str]:
    if media.port == 0:
        return []
    remarks = []
    if media.label != line.label:
        said = f"label {media.label}" if media.label else "no label"
        remarks.append(f"stream {line.label}: the answer has {said}")
    if media.direction is Direction.SENDRECV:
        remarks.append(f"stream {line.label}: the answer says sendrecv instead of recvonly")
    if line.crypto is not None and any(line.crypto.keys[0].inline() in text for text in media.crypto):
        remarks.append(f"stream {line.label}: the answer repeats our key instead of giving its own")
    return remarks
