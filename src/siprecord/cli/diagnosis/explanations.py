"""What the rules say, and what to change, for each kind of deviation: a table from its sentence.

The first row whose pattern is found in the sentence explains it. `fault` says it anew where the recorder's
own sentence is meant for the log; groups of the pattern can stand in it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from siprecord.cli.diagnosis.finding import Line
from siprecord.cli.diagnosis.text import Text

Where = Callable[[Text, re.Match[str]], Line | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """One row. An empty `rule` hides the deviation: another row says the same better."""

    pattern: str
    where: Where = lambda text, found: None
    rule: str = ""
    change: str = ""
    fault: str = ""


def header(*names: str) -> Where:
    """A header line."""
    return lambda text, found: text.header(*names)


def body(pattern: str) -> Where:
    """A line of the body; `{}` stands for the first group of the deviation's own pattern."""
    return lambda text, found: text.body(
        pattern.replace("{}", re.escape(found[1]) if found.lastindex else "")
    )


def media(pattern: str = r"m=") -> Where:
    """A line of the m-line whose number, from 1, is the first group."""
    return lambda text, found: text.media(int(found[1]) - 1, pattern)


def document(text: Text, found: re.Match[str]) -> Line | None:
    """The line of the metadata that a parser's message names."""
    number = re.search(r"line (\d+)", found.string)
    return text.document(int(number[1]) if number else 1)


LABELS = (
    "Each m-line of a recording session must have an a=label, and the metadata names the same label in the "
    "<label> of one <stream>; nothing else says which voice a stream is."
)
SNAPSHOT = (
    "A partial update may be sent only after a full snapshot, and the INVITE should carry that snapshot."
)
MULTIPART = "Each part begins with -- and the boundary; the last one ends with the boundary between two --."

EXPLANATIONS = (
    Explanation(pattern=r"^an m-line has no label|^two m-lines have the same label"),
    Explanation(pattern=r"^No label ties stream"),
    Explanation(
        pattern=r"^m-line (\d+) has no a=label",
        where=media(),
        rule=LABELS,
        change="send a=label on every m-line; on most SBCs this comes with SIPREC metadata being enabled",
    ),
    Explanation(
        pattern=r"^The metadata names label (\S+), but",
        where=body("<(?:[^:<>]*:)?label>[^<]*{}"),
        rule=LABELS,
        change="write the same label in a=label and in <label>; a media proxy on the way must not rewrite it",
    ),
    Explanation(
        pattern=r"^The SDP offers m-line (\d+).*doesn't mention",
        where=media(r"a=label:"),
        rule=LABELS,
        change="describe each m-line by one <stream> with its label",
    ),
    Explanation(
        pattern=r"^m-line (\d+) repeats label",
        where=media(r"a=label:"),
        rule="The label names one m-line within the SDP; with the same label twice the metadata can't tell "
        "the two streams apart.",
        change="give each m-line a label of its own",
    ),
    Explanation(
        pattern=r"^The INVITE has no Require: siprec",
        rule="The client must send the option tag siprec in Require, so that whoever is no recorder refuses "
        "the call.",
        change="send the header Require: siprec in the INVITE",
        fault="The INVITE has no Require: siprec; we take it as SIPREC all the same, other recorders don't.",
    ),
    Explanation(
        pattern=r"^The Contact of the INVITE has no \+sip\.src",
        where=header("contact", "m"),
        rule="The client must mark itself by the feature tag +sip.src in its Contact.",
        change="send Contact: <sip:...>;+sip.src with the tag behind the closing bracket",
    ),
    Explanation(
        pattern=r"^The Contact marks the SRC with",
        where=header("contact", "m"),
        rule="+sip.src is a parameter of the Contact header: it stands behind the closing bracket, with its "
        "plus sign.",
        change="send Contact: <sip:...>;+sip.src",
    ),
    Explanation(
        pattern=r"^the boundary in Content-Type is missing",
        where=header("content-type", "c"),
        rule=MULTIPART,
        change="write into Content-Type the boundary that the body uses",
        fault="The boundary in Content-Type is missing, or is not the one that the body uses.",
    ),
    Explanation(
        pattern=r"^the closing boundary is missing",
        where=lambda text, found: text.last(),
        rule=MULTIPART,
        change="end the body with the closing boundary; if it is cut off, look for a limit on the size of "
        "messages, or send them over TCP",
        fault="The multipart body has no closing boundary: it may have been cut off.",
    ),
    Explanation(
        pattern=r"^The metadata can't be read \(the metadata has a DOCTYPE",
        where=body("<!DOCTYPE"),
        rule="Metadata is plain XML by the schema of RFC 7865. A DOCTYPE could make a reader open files or "
        "use up its memory, so none is ever read.",
        change="send the document without <!DOCTYPE ...> and without entities of its own",
        fault="The metadata has a DOCTYPE (DTD), so none of it is read; it is kept as received.",
    ),
    Explanation(
        pattern=r"^The metadata can't be read",
        where=document,
        rule="The metadata must be one well-formed XML document. Without it the audio is recorded, but "
        "nobody is named.",
        change="send well-formed XML; if it is cut off there, look for a limit on the size of messages",
    ),
    Explanation(
        pattern=r"^the namespace is '([^']*)'",
        where=body("xmlns[^=]*=[\"']{}"),
        rule="The root element must be <recording> in the namespace urn:ietf:params:xml:ns:recording:1; any "
        "other is that of a draft before 2016.",
        change="switch the metadata to RFC 7865, in place of the draft",
        fault="The metadata is in the namespace {0}, which is not that of RFC 7865; we read it all the same.",
    ),
    Explanation(
        pattern=r"^The first metadata is partial",
        where=body("partial"),
        rule=SNAPSHOT,
        change="send complete metadata in the INVITE, and partial updates only after it",
    ),
    Explanation(
        pattern=r"^The INVITE has no metadata",
        where=header("content-type", "c"),
        rule="The client must send metadata; without it the recording has no names.",
        change="turn on SIPREC metadata, as a body part of type application/rs-metadata+xml",
    ),
    Explanation(
        pattern=r"^The metadata part has no Content-Disposition",
        where=lambda text, found: text.body("(?i)rs-metadata") or text.header("content-type", "c"),
        rule="The part, or the message when it is metadata alone, is marked Content-Disposition: "
        "recording-session.",
        change="add Content-Disposition: recording-session",
    ),
    Explanation(
        pattern=r"^The metadata cites labels but came without SDP",
        where=body("<(?:[^:<>]*:)?label>"),
        rule="A request whose metadata names labels must also carry the SDP offer that defines them.",
        change="send the SDP with the metadata, or leave out the labels",
    ),
    Explanation(
        pattern=r"^m-line (\d+) was refused: none of its formats",
        where=media(),
        rule="A stream is accepted when at least one format can be received. Telephone events, comfort noise "
        "and wrappers alone are no audio, and a payload type above 95 says nothing without its a=rtpmap.",
        change="offer the codec of the call itself, with its a=rtpmap: PCMA, PCMU, G722, G729, opus or AMR",
        fault="m-line {0} has no codec that could be recorded, so it is answered with port 0.",
    ),
    Explanation(
        pattern=r"^m-line (\d+) was refused",
        where=media(),
        rule="A stream that can't be received is answered with port 0.",
        change="offer this stream in a form that the reason above allows",
    ),
    Explanation(
        pattern=r"^m-line (\d+) is held by the address 0\.0\.0\.0",
        where=lambda text, found: text.connection(int(found[1]) - 1),
        rule="A stream on hold is marked by its direction, here a=inactive; the address 0.0.0.0 is the way "
        "of RFC 2543.",
        change="nothing has to be changed: it is understood as hold",
    ),
)
_TABLE = tuple((re.compile(row.pattern), row) for row in EXPLANATIONS)


def explanation_of(sentence: str) -> tuple[Explanation, re.Match[str]] | None:
    """The row for a deviation, and what its pattern found."""
    for pattern, row in _TABLE:
        found = pattern.search(sentence)
        if found is not None:
            return row, found
    return None
