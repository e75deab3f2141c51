"""The media plane: sockets, capture logs, readers and senders, over the compiled core."""

from siprecord.media.engine import CaptureLog, MediaEngine, MediaStream
from siprecord.media.merging import CaptureMerge, MergedStream, Pause, UnmatchedStream
from siprecord.media.sender import Impairments, RtpClip, RtpSender, SendProgress, SendSpec
from siprecord.media.sharded_map import ShardedMap
from siprecord.media.srtp import SrtpReceiver, SrtpSender
from siprecord.media.types import (
    EngineTotals,
    LogStatus,
    MediaSettings,
    Notice,
    Settled,
    StreamSpec,
    StreamStats,
)
from siprecord.media.verification import FoundCapture, FoundStream, SentStream, verify_capture

__all__ = [
    "CaptureLog",
    "CaptureMerge",
    "EngineTotals",
    "FoundCapture",
    "FoundStream",
    "Impairments",
    "LogStatus",
    "MediaEngine",
    "MediaSettings",
    "MediaStream",
    "MergedStream",
    "Notice",
    "Pause",
    "RtpClip",
    "RtpSender",
    "SendProgress",
    "SendSpec",
    "SentStream",
    "Settled",
    "ShardedMap",
    "SrtpReceiver",
    "SrtpSender",
    "StreamSpec",
    "StreamStats",
    "UnmatchedStream",
    "verify_capture",
]
