"""What to say to whoever looks after the client: what to change, and what we would answer."""

from __future__ import annotations

from collections.abc import Iterable

from siprecord.cli.output import print_notes
from siprecord.protocol.negotiation import AnswerPlan, MediaAnswer, answer_offer
from siprecord.recording.deviations import Deviation
from siprecord.recording.dialects import dialect_named
from siprecord.recording.plan import OfferPlan, StreamPlan
from siprecord.syntax.sdp import Attribute, SessionDescription

EXAMPLE_ADDRESS = "192.0.2.1"
EXAMPLE_PORT = 20000
_GENERAL = {
    "RFC 7866 section 6.1.1": "send Require: siprec, and +sip.src as a parameter of the Contact header",
    "RFC 7866 section 7.1.1": "give each m-line an a=label, and name it in one stream of the metadata",
    "RFC 7866 section 9.1": "send complete metadata in the INVITE, marked by its Content-Disposition",
    "RFC 7865 section 9": "use the names of RFC 7865, in the namespace urn:ietf:params:xml:ns:recording:1",
    "RFC 7865 section 5.1": "send well-formed XML",
    "RFC 2046 section 5.1.1": "frame the multipart body as RFC 2046 says; check boundary and lengths",
    "RFC 8866 section 5": "send all lines SDP must have: v, o, s, t, and c",
}


def advice(vendor: str, found: Iterable[Deviation]) -> list[str]:
    """Sentences on what to change, in the vendor's own terms where they are known."""
    known = dialect_named(vendor)
    sentences: dict[str, None] = {}
    for deviation in found:
        if deviation.reference in known.quirks:
            sentences[f"{known.title}: {known.quirks[deviation.reference]}"] = None
        elif deviation.reference in _GENERAL:
            sentences[_GENERAL[deviation.reference]] = None
    return list(sentences)


def answer_lines(offer: SessionDescription, plan: OfferPlan) -> list[str]:
    """The SDP we would answer, with an example's address and ports."""
    streams = {stream.mline: stream for stream in (*plan.open, *plan.go_on)}
    media = tuple(
        _answer(streams[mline]) if mline in streams else MediaAnswer() for mline in range(len(offer.media))
    )
    made = answer_offer(offer, AnswerPlan(address=EXAMPLE_ADDRESS, session_id=1, media=media))
    return made.to_bytes().decode("utf-8", "replace").split("\r\n")[:-1]


def _answer(stream: StreamPlan) -> MediaAnswer:
    security = stream.security
    crypto = () if security is None else (Attribute("crypto", f"{security.tag} {security.suite} inline:..."),)
    return MediaAnswer(
        port=EXAMPLE_PORT + 2 * stream.mline,
        formats=stream.formats,
        rtcp_mux=stream.mux,
        attributes=crypto,
    )


def print_answer(lines: list[str]) -> None:
    """Show it."""
    print_notes("We would answer (addresses, ports and keys are examples)", lines)
