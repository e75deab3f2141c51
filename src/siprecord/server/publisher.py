"""What the rest of the server hears of recordings. Logs, metrics and transcription subscribe here.

Subscribers run on the loop, in order, and must be quick. One that fails is told of in the log and costs the
recording nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime

import msgspec

_log = logging.getLogger("siprecord.server")


class RecordingStarted(msgspec.Struct, frozen=True, kw_only=True):
    """A recording has begun: its log is open, its call is about to be answered."""

    recording_id: str
    call_id: str
    from_uri: str
    to_uri: str
    source: str
    transport: str
    started: datetime
    trunk: str = ""


class RecordingResumed(msgspec.Struct, frozen=True, kw_only=True):
    """A recording goes on in the same log after the recorder was started again."""

    recording_id: str
    call_id: str
    from_uri: str
    to_uri: str
    source: str
    transport: str
    started: datetime
    streams: int


class RecordingContinues(msgspec.Struct, frozen=True, kw_only=True):
    """A recording continues another: its node died (`cause` is failover or restart), or its client fell
    silent and called again. `gap_s` is how long nothing has been heard so far.
    """

    recording_id: str
    call_id: str
    recording: str
    by: str
    gap_s: float
    node: str | None = None
    cause: str | None = None


class DialogReplaced(msgspec.Struct, frozen=True, kw_only=True):
    """A recording goes on in another dialog, that of `call_id` (RFC 3891)."""

    recording_id: str
    call_id: str
    source: str


class StreamOpened(msgspec.Struct, frozen=True, kw_only=True):
    """A stream is captured. `log_interface` is its interface in the capture log."""

    recording_id: str
    call_id: str
    name: str
    label: str | None
    mline: int
    kind: str
    rtp_port: int
    log_interface: int


class StreamPaused(msgspec.Struct, frozen=True, kw_only=True):
    """Nothing of this stream is stored for now. `cause` is "hold" or "pause"."""

    recording_id: str
    call_id: str
    name: str
    cause: str


class StreamResumed(msgspec.Struct, frozen=True, kw_only=True):
    """The stream is stored again."""

    recording_id: str
    call_id: str
    name: str


class StreamClosed(msgspec.Struct, frozen=True, kw_only=True):
    """The stream is over."""

    recording_id: str
    call_id: str
    name: str


class StreamAlarm(msgspec.Struct, frozen=True, kw_only=True):
    """A stream brings nothing (`one_way`) or nothing audible (`silent`), or, when `over`, does so again."""

    recording_id: str
    call_id: str
    name: str
    kind: str
    text: str
    over: bool


class MetadataReceived(msgspec.Struct, frozen=True, kw_only=True):
    """A metadata document came; `number` counts them from 1."""

    recording_id: str
    call_id: str
    number: int


class DeviationNoted(msgspec.Struct, frozen=True, kw_only=True):
    """The SRC does something otherwise than the RFCs say."""

    recording_id: str
    call_id: str
    text: str
    reference: str


class TroubleNoted(msgspec.Struct, frozen=True, kw_only=True):
    """The media plane or the disk failed at something; the call goes on."""

    recording_id: str
    call_id: str
    text: str


class RecordingFinished(msgspec.Struct, frozen=True, kw_only=True):
    """A recording is over and handed on for rendering."""

    recording_id: str
    call_id: str
    outcome: str
    reason: str
    started: datetime
    ended: datetime
    packets: int
    lost: int
    overflowed: int
    """Packets that came faster than they were taken: the kernel dropped them."""


class CallRefused(msgspec.Struct, frozen=True, kw_only=True):
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
    | StreamAlarm
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
