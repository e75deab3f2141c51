"""What happens to a recording session. The runner makes these from protocol events and from its own
results.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from siprecord.protocol import Flow
from siprecord.recording.contents import Contents
from siprecord.recording.identity import CallIdentity
from siprecord.recording.outcome import Ending
from siprecord.recording.policy import Signs
from siprecord.recording.rules import Verdict


class InviteReceived(msgspec.Struct, frozen=True):
    """The INVITE of a new call."""

    transaction: str
    identity: CallIdentity
    contents: Contents
    signs: Signs
    verdict: Verdict = msgspec.field(default_factory=Verdict)
    """What the operator's rules say of this call."""
    headers: Mapping[str, tuple[str, ...]] = msgspec.field(default_factory=dict)
    """Those that rules ask for."""


class ReinviteReceived(msgspec.Struct, frozen=True):
    """An INVITE within the session: an offer, metadata, both or neither. `confirmed`: it bears the marks."""

    transaction: str
    contents: Contents
    confirmed: bool = True
    headers: Mapping[str, tuple[str, ...]] = msgspec.field(default_factory=dict)
    """Those that rules ask for."""


class TakeoverReceived(msgspec.Struct, frozen=True):
    """An INVITE outside the dialog that takes the session over (RFC 3891)."""

    transaction: str
    identity: CallIdentity
    flow: Flow
    contents: Contents
    confirmed: bool = True
    headers: Mapping[str, tuple[str, ...]] = msgspec.field(default_factory=dict)
    """Those that rules ask for."""


class UpdateReceived(msgspec.Struct, frozen=True):
    """An UPDATE within the session (RFC 3311)."""

    transaction: str
    contents: Contents
    confirmed: bool = True
    headers: Mapping[str, tuple[str, ...]] = msgspec.field(default_factory=dict)
    """Those that rules ask for."""


class InfoReceived(msgspec.Struct, frozen=True):
    """An INFO; some SRCs send metadata in it."""

    transaction: str
    contents: Contents
    headers: Mapping[str, tuple[str, ...]] = msgspec.field(default_factory=dict)
    """Those that rules ask for."""


class ByeReceived(msgspec.Struct, frozen=True):
    """The SRC hangs up. `reason` is the Reason header, if any."""

    transaction: str
    contents: Contents
    reason: str | None = None


class AckReceived(msgspec.Struct, frozen=True):
    """The ACK of a 2xx of ours, with the answer to our offer where there was one."""

    contents: Contents


class CancelReceived(msgspec.Struct, frozen=True):
    """The SRC cancelled the INVITE; the endpoint has answered it."""


class AckTimedOut(msgspec.Struct, frozen=True):
    """The ACK never came; the endpoint has sent BYE."""


class SessionExpired(msgspec.Struct, frozen=True):
    """No refresh came in time; the endpoint has sent BYE."""


class DialogLost(msgspec.Struct, frozen=True):
    """The peer doesn't know the dialog any more, or can't be reached."""


class Ports(msgspec.Struct, frozen=True, kw_only=True):
    """Where one stream is received."""

    rtp: int
    rtcp: int


class StreamsOpened(msgspec.Struct, frozen=True):
    """The result of `OpenStreams`: ports by m-line, and a sentence for each stream that could not be
    opened.
    """

    ports: Mapping[int, Ports]
    failed: Mapping[int, str] = msgspec.field(default_factory=dict)


class RecordingUnavailable(msgspec.Struct, frozen=True):
    """The capture log could not be opened."""

    reason: str


class StreamCount(msgspec.Struct, frozen=True):
    """Packets of one stream since it was opened; `heard` counts RTCP and dropped packets too."""

    packets: int
    heard: int


class MediaChecked(msgspec.Struct, frozen=True):
    """The result of `CheckMedia`, by m-line."""

    counts: Mapping[int, StreamCount]


class PauseRequested(msgspec.Struct, frozen=True):
    """Somebody wants nothing stored from now on, for so many seconds; None is as long as is allowed."""

    seconds: float | None = None


class ResumeRequested(msgspec.Struct, frozen=True):
    """The pause is over."""


class StopRequested(msgspec.Struct, frozen=True):
    """Somebody wants the recording to end."""

    ending: Ending


Event = (
    InviteReceived
    | ReinviteReceived
    | TakeoverReceived
    | UpdateReceived
    | InfoReceived
    | ByeReceived
    | AckReceived
    | CancelReceived
    | AckTimedOut
    | SessionExpired
    | DialogLost
    | StreamsOpened
    | RecordingUnavailable
    | MediaChecked
    | PauseRequested
    | ResumeRequested
    | StopRequested
)
