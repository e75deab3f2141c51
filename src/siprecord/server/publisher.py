"""What the rest of the server hears of recordings. Logs, metrics and transcription subscribe here.

Subscribers run on the loop, in order, and must be quick. One that fails is told of in the log and costs the
recording nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

_log = logging.getLogger("siprecord.server")


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingStarted:
    """A recording has begun: its log is open, its call is about to be answered."""

    recording_id: str
    call_id: str
    from_uri: str
    to_uri: str
    source: str
    transport: str
    started: datetime
    trunk: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingResumed:
    """A recording goes on in the same log after the recorder was started again."""

    recording_id: str
    call_id: str
    from_uri: str
    to_uri: str
    source: str
    transport: str
    started: datetime
    streams: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingContinues:
    """A recording continues another, whose client fell silent `gap_s` ago and called again."""

    recording_id: str
    call_id: str
    recording: str
    by: str
    gap_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class DialogReplaced:
    """A recording goes on in another dialog, that of `call_id` (RFC 3891)."""

    recording_id: str
    call_id: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamOpened:
    """A stream is captured. `log_interface` is its interface in the capture log."""

    recording_id: str
    call_id: str
    name: str
    label: str | None
    mline: int
    kind: str
    rtp_port: int
    log_interface: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamPaused:
    """Nothing of this stream is stored for now. `cause` is "hold" or "pause"."""

    recording_id: str
    call_id: str
    name: str
    cause: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamResumed:
    """The stream is stored again."""

    recording_id: str
    call_id: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamClosed:
    """The stream is over."""

    recording_id: str
    call_id: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MetadataReceived:
    """A metadata document came; `number` counts them from 1."""

    recording_id: str
    call_id: str
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviationNoted:
    """The SRC does something otherwise than the RFCs say."""

    recording_id: str
    call_id: str
    text: str
    reference: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TroubleNoted:
    """The media plane or the disk failed at something; the call goes on."""

    recording_id: str
    call_id: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingFinished:
    """A recording is over and handed on for rendering."""

    recording_id: str
    call_id: str
    outcome: str
    reason: str
    started: datetime
    ended: datetime
    packets: int
    lost: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRefused:
    """A new call was refused and left no recording. `status` 0: it got no answer at all."""

    call_id: str
    source: str
    status: int
    reason: str
    quiet: bool = False
    """Not worth a line in the log: its source was told of just now."""


RecordingEvent = (
    RecordingStarted
    | RecordingResumed
    | RecordingContinues
    | DialogReplaced
    | StreamOpened
    | StreamPaused
    | StreamResumed
    | StreamClosed
    | MetadataReceived
    | DeviationNoted
    | TroubleNoted
    | RecordingFinished
    | CallRefused
)
Subscriber = Callable[[RecordingEvent], object]


class Publisher:
    """Tells each subscriber each event."""

    def __init__(self) -> None:
        self._subscribers: list[Subscriber] = []

    def subscribe(self, callback: Subscriber) -> Callable[[], None]:
        """Call `callback` for each event from now on; the returned function ends that."""
        self._subscribers.append(callback)

        def unsubscribe() -> None:
            if callback in self._subscribers:
                self._subscribers.remove(callback)

        return unsubscribe

    def publish(self, event: RecordingEvent) -> None:
        """Tell everybody."""
        for callback in tuple(self._subscribers):
            try:
                callback(event)
            except Exception as error:  # noqa: BLE001  (a reader must never cost a recording)
                _log.error("a subscriber failed at %s", type(event).__name__, exc_info=error)
