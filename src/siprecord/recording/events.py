"""What happens to a recording session. The runner makes these from protocol events and from its own
results.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from siprecord.protocol import Flow
from siprecord.recording.contents import Contents
from siprecord.recording.identity import CallIdentity
from siprecord.recording.outcome import Ending
from siprecord.recording.policy import Signs
from siprecord.recording.rules import Verdict


@dataclass(frozen=True, slots=True)
class InviteReceived:
    """The INVITE of a new call."""

    transaction: str
    identity: CallIdentity
    contents: Contents
    signs: Signs
    verdict: Verdict = field(default_factory=Verdict)
    """What the operator's rules say of this call."""


@dataclass(frozen=True, slots=True)
class ReinviteReceived:
    """An INVITE within the session: an offer, metadata, both or neither. `confirmed`: it bears the marks."""

    transaction: str
    contents: Contents
    confirmed: bool = True


@dataclass(frozen=True, slots=True)
class TakeoverReceived:
    """An INVITE outside the dialog that takes the session over (RFC 3891)."""

    transaction: str
    identity: CallIdentity
    flow: Flow
    contents: Contents
    confirmed: bool = True


@dataclass(frozen=True, slots=True)
class UpdateReceived:
    """An UPDATE within the session (RFC 3311)."""

    transaction: str
    contents: Contents
    confirmed: bool = True


@dataclass(frozen=True, slots=True)
class InfoReceived:
    """An INFO; some SRCs send metadata in it."""

    transaction: str
    contents: Contents


@dataclass(frozen=True, slots=True)
class ByeReceived:
    """The SRC hangs up. `reason` is the Reason header, if any."""

    transaction: str
    contents: Contents
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class AckReceived:
    """The ACK of a 2xx of ours, with the answer to our offer where there was one."""

    contents: Contents


@dataclass(frozen=True, slots=True)
class CancelReceived:
    """The SRC cancelled the INVITE; the endpoint has answered it."""


@dataclass(frozen=True, slots=True)
class AckTimedOut:
    """The ACK never came; the endpoint has sent BYE."""


@dataclass(frozen=True, slots=True)
class SessionExpired:
    """No refresh came in time; the endpoint has sent BYE."""


@dataclass(frozen=True, slots=True)
class DialogLost:
    """The peer doesn't know the dialog any more, or can't be reached."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """Where one stream is received."""

    rtp: int
    rtcp: int


@dataclass(frozen=True, slots=True)
class StreamsOpened:
    """The result of `OpenStreams`: ports by m-line, and a sentence for each stream that could not be
    opened.
    """

    ports: Mapping[int, Ports]
    failed: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RecordingUnavailable:
    """The capture log could not be opened."""

    reason: str


@dataclass(frozen=True, slots=True)
class StreamCount:
    """Packets of one stream since it was opened; `heard` counts RTCP and dropped packets too."""

    packets: int
    heard: int


@dataclass(frozen=True, slots=True)
class MediaChecked:
    """The result of `CheckMedia`, by m-line."""

    counts: Mapping[int, StreamCount]


@dataclass(frozen=True, slots=True)
class PauseRequested:
    """Somebody wants nothing stored from now on, for so many seconds; None is as long as is allowed."""

    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class ResumeRequested:
    """The pause is over."""


@dataclass(frozen=True, slots=True)
class StopRequested:
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
