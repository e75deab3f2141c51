"""What only several messages of a call show: a version that goes back, a BYE that never came."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from siprecord.cli.diagnosis.finding import Finding
from siprecord.cli.diagnosis.text import Text
from siprecord.errors import ParseError
from siprecord.recording.knowledge import Knowledge
from siprecord.recording.model import RecordingModel
from siprecord.syntax.metadata import MetadataDocument
from siprecord.syntax.sdp import SessionDescription
from siprecord.syntax.sip import Message, MessageError, Request, Response, parse_message

SAME_VERSION = (
    "When a later offer changes anything, the version in its o= line must rise by one, and user, id and "
    "address stay. A recorder may take a version that it has seen for a repetition and change nothing."
)


@dataclass(slots=True)
class CallSoFar:
    """What the messages of one call have told. `knowledge` grows as that of a recorder would."""

    call_id: str
    knowledge: Knowledge = field(default_factory=Knowledge)
    offer: SessionDescription | None = None
    answered: bool = False
    acknowledged: bool = False
    ended: bool = False
    refused: Response | None = None

    def note(self, message: Message) -> None:
        """Take in that a message was there."""
        if isinstance(message, Request):
            self.ended |= message.method in ("BYE", "CANCEL")
            self.acknowledged |= message.method == "ACK"
            return
        if message.cseq.method != "INVITE":
            return
        if 200 <= message.status < 300:
            self.answered = True
        elif message.status >= 300 and not self.answered and message.status not in (401, 407):
            self.refused = message

    def take_offer(self, offer: SessionDescription, text: Text) -> list[Finding]:
        """Compare an offer of the client with the one before."""
        before, self.offer = self.offer, offer
        return [] if before is None else _compare(before, offer, text)

    def take_partial(self, document: MetadataDocument, before: RecordingModel, text: Text) -> list[Finding]:
        """What a partial document builds on and nobody has told before."""
        if document.data_mode != "partial" or not before.snapshot:
            return []
        known = {*before.participants, *before.streams, *before.sessions}
        named = [
            (each.participant_id, stream)
            for each in document.participant_stream_associations
            for stream in (*each.send, *each.recv)
        ]
        introduced = {each.id for each in document.participants} | {each.id for each in document.streams}
        unknown = [id for pair in named for id in pair if id and id not in known | introduced]
        return [_unknown(id, text) for id in dict.fromkeys(unknown)]

    def findings(self) -> list[Finding]:
        """What is left to say at the end of the capture."""
        if self.refused is not None:
            return [_refused(self.refused)]
        if not self.answered:
            return [_unanswered()]
        found = [] if self.acknowledged else [_unacknowledged()]
        return found if self.ended else [*found, _no_bye()]


def explain_calls(messages: Iterable[bytes]) -> dict[str, list[Finding]]:
    """The findings on each call of a capture that begins in it, by Call-ID."""
    calls: dict[str, CallSoFar] = {}
    for data in messages:
        try:
            message = parse_message(data)
            call_id = message.headers.get("Call-ID") or ""
            opens = isinstance(message, Request) and message.method == "INVITE" and message.to.tag is None
            if opens or call_id in calls:
                calls.setdefault(call_id, CallSoFar(call_id)).note(message)
        except (MessageError, ParseError):
            continue
    return {call_id: call.findings() for call_id, call in calls.items()}


def _compare(before: SessionDescription, offer: SessionDescription, text: Text) -> list[Finding]:
    old, new = before.origin, offer.origin
    found = []
    versions = old.version, new.version
    numbers = [int(each) for each in versions if each.isascii() and each.isdigit()]
    if len(numbers) == 2 and numbers[1] < numbers[0]:
        fault = f"The version of the SDP goes back, from {old.version} to {new.version}."
        found.append(_version(fault, text))
    elif versions[0] == versions[1] and before.to_bytes() != offer.to_bytes():
        fault = f"The SDP has changed, but its version is still {new.version}."
        found.append(_version(fault, text))
    if (old.username, old.session_id) != (new.username, new.session_id):
        found.append(_version("The o= line names another session than the offer before.", text))
    if len(offer.media) < len(before.media):
        found.append(
            Finding(
                fault=f"This offer has {len(offer.media)} m-lines, the one before had {len(before.media)}; "
                "it is refused by 488.",
                line=text.body(r"^m="),
                reference="RFC 3264 section 8",
                rule="An m-line is never taken out of a session: a stream that is over keeps its place, with "
                "port 0.",
                change="keep the m-line of a party who left, with port 0",
            )
        )
    return found


def _version(fault: str, text: Text) -> Finding:
    return Finding(
        fault=fault,
        line=text.body(r"^o="),
        reference="RFC 3264 section 8",
        rule=SAME_VERSION,
        change="let the SBC count the version up with each change; if two units answer for one call, let "
        "only one of them write the o= line",
    )


def _unknown(id: str, text: Text) -> Finding:
    return Finding(
        fault=f"The partial update names {id}, which no document of this call has introduced.",
        line=text.body(id.replace("+", r"\+")),
        reference="RFC 7866 section 9.1",
        rule="A partial update changes what a full snapshot before it has described. What it names for the "
        "first time must be described in it.",
        change="describe the new participant or stream in the same update, or send a full snapshot",
    )


def _refused(answer: Response) -> Finding:
    warning = answer.headers.get("Warning") or ""
    why = f" ({warning})" if warning else ""
    return Finding(
        fault=f"The recorder refused the call: {answer.status} {answer.reason}{why}.",
        reference="RFC 3261 section 13.3.1.3",
        rule="Nothing of this call is recorded.",
        change="see what the recorder says, and the findings on the INVITE",
    )


def _unanswered() -> Finding:
    return Finding(
        fault="The capture holds no final answer to the INVITE.",
        reference="RFC 3261 section 17.1.1",
        rule="An INVITE is answered, or given up after 32 seconds.",
        change="check that the answer reaches the SBC: a firewall on the way back, or fragments of a large "
        "INVITE over UDP that were dropped; TCP does not have that fault",
    )


def _unacknowledged() -> Finding:
    return Finding(
        fault="The answer 200 was never acknowledged.",
        reference="RFC 3261 section 13.2.2.4",
        rule="Each 200 to an INVITE is answered by an ACK; without it the recorder ends the call after 32 "
        "seconds.",
        change="check that the 200 reaches the SBC, and that the SBC can reach the address in its Contact",
    )


def _no_bye() -> Finding:
    return Finding(
        fault="There is no BYE: the capture ends before the call does, or the SBC never ended the recording.",
        reference="RFC 3261 section 15",
        rule="A recording session ends by BYE. A recorder that waits for it in vain has to guess from "
        "silence (recording.media_timeout_s).",
        change="check that the SBC ends the recording session when the call ends, also when it is cancelled "
        "while it rings or an SBC of a pair fails over",
    )
