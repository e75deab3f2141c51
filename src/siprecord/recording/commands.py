"""What a recording session wants done. Executed in order; `OpenStreams` and `CheckMedia` report back by an
event.

A command that fails drops the rest of its batch: the event that tells of the failure brings new commands.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from siprecord.protocol import Flow
from siprecord.recording.identity import CallIdentity
from siprecord.recording.outcome import Ending
from siprecord.recording.plan import StreamPlan
from siprecord.recording.refusal import Refusal
from siprecord.syntax.sdp import SessionDescription


class StartRecording(msgspec.Struct, frozen=True):
    """Open the capture log and write the INVITE. Fails with `RecordingUnavailable`."""

    identity: CallIdentity


class DiscardRecording(msgspec.Struct, frozen=True):
    """Nothing was recorded and the call is refused for want of room: leave nothing behind."""


class OpenStreams(msgspec.Struct, frozen=True):
    """Open these streams, and report with `StreamsOpened`."""

    plans: tuple[StreamPlan, ...]


class UpdateStream(msgspec.Struct, frozen=True):
    """The stream goes on under a new description."""

    plan: StreamPlan


class PauseStream(msgspec.Struct, frozen=True):
    """Store nothing of this stream until it is resumed. `cause` is "hold" (the SRC) or "pause" (we)."""

    mline: int
    cause: str


class ResumeStream(msgspec.Struct, frozen=True):
    """Store this stream again."""

    mline: int


class CloseStream(msgspec.Struct, frozen=True):
    """The stream is over; its ports may be used again."""

    mline: int


class Answer(msgspec.Struct, frozen=True):
    """Answer the request with 200, and with this SDP if there is one."""

    transaction: str
    sdp: SessionDescription | None = None


class ChangeDialog(msgspec.Struct, frozen=True):
    """The dialog that answering `transaction` created is that of the session now; hang up the one before."""

    transaction: str
    flow: Flow


class Refuse(msgspec.Struct, frozen=True):
    """Refuse the request."""

    transaction: str
    refusal: Refusal


class AppendEvent(msgspec.Struct, frozen=True):
    """Write an event to the capture log."""

    name: str
    fields: Mapping[str, object]


class SendBye(msgspec.Struct, frozen=True):
    """Hang up. `reason` goes into a Reason header (RFC 3326)."""

    reason: str


class RequestSnapshot(msgspec.Struct, frozen=True):
    """Ask the SRC for complete metadata by UPDATE, in this content type (RFC 7866 section 9.2)."""

    content_type: str


class CheckMedia(msgspec.Struct, frozen=True):
    """Count the packets, and report with `MediaChecked`."""


class FinishRecording(msgspec.Struct, frozen=True):
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
