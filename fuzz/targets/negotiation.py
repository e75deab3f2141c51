"""`answer_offer`, with a plan that accepts all.

Invariants, for any offer that can be parsed:

- The answer has as many m-lines, of the same kinds and protocols, in the same order.
- The labels are those of the offer. An m-line has port 0 where the offer has, and only formats of the offer.
- A recorder never sends: it answers recvonly to a client that sends, else inactive.
- The answer is written, parsed and written again without change, and answers the same offer with itself.
  So is our own offer of the same, looked at for one input of four.
- `accepted_formats` chooses only what was offered.
"""

from __future__ import annotations

import zlib

from fuzz.outcome import Outcome, bucket, held, refusal, same
from fuzz.targets.sdp import check_written
from siprecord.errors import ParseError
from siprecord.protocol.negotiation import (
    AnswerPlan,
    MediaAnswer,
    accepted_formats,
    answer_offer,
    drops_media,
    offer_again,
)
from siprecord.syntax.sdp import Direction, MediaDescription, SessionDescription, parse_sdp

ADDRESS = "192.0.2.9"
_SENDS = frozenset({Direction.SENDONLY, Direction.SENDRECV})


def check(data: bytes) -> Outcome:
    """Answer an offer, once more, and by an offer of our own."""
    try:
        offer = parse_sdp(data)
    except ParseError as error:
        return refusal(error)
    answer = answer_offer(offer, _plan(offer, None))
    same(len(answer.media), len(offer.media), "as many m-lines")
    for offered, answered in zip(offer.media, answer.media, strict=True):
        _check_media(offered, answered)
    check_written(answer)
    ours = _check_later(offer, answer)
    if zlib.crc32(data) % 4 == 0:
        check_written(ours)  # it differs from the answer in its directions only
    shape = tuple((each.kind[:8], bool(each.port), each.direction) for each in answer.media[:4])
    return Outcome(not any(each.port for each in answer.media), (bucket(len(answer.media)), shape))


def _plan(offer: SessionDescription, previous: SessionDescription | None) -> AnswerPlan:
    media = tuple(
        MediaAnswer(port=20_000 + 2 * place, formats=each.formats, rtcp_mux=True, rtcp_port=20_001)
        for place, each in enumerate(offer.media)
    )
    return AnswerPlan(address=ADDRESS, session_id=7, media=media, previous=previous)


def _check_media(offered: MediaDescription, answered: MediaDescription) -> None:
    same((answered.kind, answered.protocol), (offered.kind, offered.protocol), "kind and protocol go back")
    same(answered.label, offered.label, "labels are equal")
    held(set(answered.formats) <= set(offered.formats), "formats are offered ones")
    held(set(accepted_formats(offered)) <= set(offered.formats), "accepted formats are offered ones")
    same(bool(answered.port), bool(offered.port and offered.formats), "what is offered is accepted")
    if answered.port:
        legal = Direction.RECVONLY if offered.direction in _SENDS else Direction.INACTIVE
        same(answered.direction, legal, "the direction is the offered one, seen from us")
        held(offered.rtcp_mux or not answered.rtcp_mux, "rtcp-mux only where it was offered")


def _check_later(offer: SessionDescription, answer: SessionDescription) -> SessionDescription:
    held(answer_offer(offer, _plan(offer, answer)) is answer, "the same offer gets the same answer")
    held(not drops_media(answer, offer), "no m-line is missing")
    ours = offer_again(answer)
    same(len(ours.media), len(answer.media), "our offer has as many m-lines")
    directions = {each.direction for each in ours.media if each.port}
    held(directions <= {Direction.RECVONLY}, "our offer receives")
    return ours
