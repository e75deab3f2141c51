"""What a recording session wants done. Executed in order; `OpenStreams` and `CheckMedia` report back by an
event.

A command that fails drops the rest of its batch: the event that tells of the failure brings new commands.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from siprecord.protocol import Flow
from siprecord.recording.identity import CallIdentity
from siprecord.recording.outcome import Ending
from siprecord.recording.plan import StreamPlan
from siprecord.recording.refusal import Refusal
from siprecord.syntax.sdp import SessionDescription


@dataclass(frozen=True, slots=True)
class StartRecording:
    """Open the capture log and write the INVITE. Fails with `RecordingUnavailable`."""

    identity: CallIdentity


@dataclass(frozen=True, slots=True)
class DiscardRecording:
    """Nothing was recorded and the call is refused for want of room: leave nothing behind."""


@dataclass(frozen=True, slots=True)
class OpenStreams:
    """Open these streams, and report with `StreamsOpened`."""

    plans: tuple[StreamPlan, ...]


@dataclass(frozen=True, slots=True)
class UpdateStream:
    """The stream goes on under a new description."""

    plan: StreamPlan


@dataclass(frozen=True, slots=True)
class PauseStream:
    """Store nothing of this stream until it is resumed. `cause` is "hold" (the SRC) or "pause" (we)."""

    mline: int
    cause: str


@dataclass(frozen=True, slots=True)
class ResumeStream:
    """Store this stream again."""

    mline: int


@dataclass(frozen=True, slots=True)
class CloseStream:
    """The stream is over; its ports may be used again."""

    mline: int


@dataclass(frozen=True, slots=True)
class Answer:
    """Answer the request with 200, and with this SDP if there is one."""

    transaction: str
    sdp: SessionDescription | None = None


@dataclass(frozen=True, slots=True)
class ChangeDialog:
    """The dialog that answering `transaction` created is that of the session now; hang up the one before."""

    transaction: str
    flow: Flow


@dataclass(frozen=True, slots=True)
class Refuse:
    """Refuse the request."""

    transaction: str
    refusal: Refusal


@dataclass(frozen=True, slots=True)
class AppendEvent:
    """Write an event to the capture log."""

    name: str
    fields: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class SendBye:
    """Hang up. `reason` goes into a Reason header (RFC 3326)."""

    reason: str


@dataclass(frozen=True, slots=True)
class RequestSnapshot:
    """Ask the SRC for complete metadata by UPDATE, in this content type (RFC 7866 section 9.2)."""

    content_type: str


@dataclass(frozen=True, slots=True)
class CheckMedia:
    """Count the packets, and report with `MediaChecked`."""


@dataclass(frozen=True, slots=True)
class FinishRecording:
    """Close the capture log and hand it on."""

    ending: Ending


Command = (
    StartRecording
    | DiscardRecording
    | OpenStreams
    | UpdateStream
    | PauseStream
    | ResumeStream
    | CloseStream
    | Answer
    | ChangeDialog
    | Refuse
    | AppendEvent
    | SendBye
    | RequestSnapshot
    | CheckMedia
    | FinishRecording
)
