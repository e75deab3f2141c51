"""The SDP that we would answer."""

from __future__ import annotations

from siprecord.cli.output import print_notes
from siprecord.protocol.negotiation import AnswerPlan, MediaAnswer, answer_offer
from siprecord.recording.plan import OfferPlan, StreamPlan
from siprecord.syntax.sdp import Attribute, SessionDescription

EXAMPLE_ADDRESS = "192.0.2.1"
EXAMPLE_PORT = 20000


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
