"""One line in the log for what happens to recordings."""

from __future__ import annotations

import logging

import structlog
from msgspec.structs import asdict

from siprecord.media import Notice
from siprecord.server.publisher import (
    CallRefused,
    DeviationNoted,
    DialogReplaced,
    MetadataReceived,
    RecordingContinues,
    RecordingEvent,
    RecordingFinished,
    RecordingResumed,
    RecordingStarted,
    StreamAlarm,
    StreamClosed,
    StreamOpened,
    StreamPaused,
    StreamResumed,
    TroubleNoted,
)

LEVELS: dict[type[RecordingEvent], tuple[int, str]] = {
    RecordingStarted: (logging.INFO, "recording started"),
    RecordingResumed: (logging.DEBUG, "recording goes on"),
    RecordingContinues: (logging.INFO, "recording continues another"),
    DialogReplaced: (logging.INFO, "dialog replaced"),
    StreamOpened: (logging.DEBUG, "stream opened"),
    StreamPaused: (logging.INFO, "stream paused"),
    StreamResumed: (logging.INFO, "stream resumed"),
    StreamClosed: (logging.DEBUG, "stream closed"),
    StreamAlarm: (logging.WARNING, "stream alarm"),
    MetadataReceived: (logging.DEBUG, "metadata received"),
    DeviationNoted: (logging.INFO, "deviation"),
    TroubleNoted: (logging.WARNING, "trouble"),
    RecordingFinished: (logging.INFO, "recording finished"),
    CallRefused: (logging.WARNING, "call refused"),
}

NAME = "siprecord.server"
_log = structlog.stdlib.get_logger(NAME)


def log_event(event: RecordingEvent) -> None:
    """A subscriber of the publisher. Each line carries recording_id and call_id."""
    level, text = LEVELS[type(event)]
    if isinstance(event, CallRefused) and event.quiet:
        return
    if logging.getLogger(NAME).isEnabledFor(level):  # before the work of describing it
        fields = asdict(event)
        fields.pop("quiet", None)
        _log.log(level, text, **fields)


_NOTICE_LEVELS = {
    "write_recovered": logging.INFO,
    "source_changed": logging.INFO,
    "source_refused": logging.WARNING,
    "srtp_failed": logging.WARNING,
}


def log_notice(notice: Notice) -> None:
    """What the media engine tells: disk, sockets and senders."""
    level = _NOTICE_LEVELS.get(notice.kind, logging.ERROR)
    _log.log(level, notice.text, recording=notice.recording, kind=notice.kind, dropped=notice.dropped)
