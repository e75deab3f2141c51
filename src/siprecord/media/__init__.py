"""The media plane: sockets, capture logs, readers and senders, over the compiled core."""

from siprecord.media.engine import CaptureLog, MediaEngine, MediaStream
from siprecord.media.sender import Impairments, RtpClip, RtpSender, SendProgress, SendSpec
from siprecord.media.sharded_map import ShardedMap
from siprecord.media.srtp import SrtpKeys, SrtpReceiver, SrtpSender
from siprecord.media.types import (
    EngineTotals,
    LogStatus,
    MediaSettings,
    Notice,
    StreamSpec,
    StreamStats,
)

__all__ = [
    "CaptureLog",
    "EngineTotals",
    "Impairments",
    "LogStatus",
    "MediaEngine",
    "MediaSettings",
    "MediaStream",
    "Notice",
    "RtpClip",
    "RtpSender",
    "SendProgress",
    "SendSpec",
    "ShardedMap",
    "SrtpKeys",
    "SrtpReceiver",
    "SrtpSender",
    "StreamSpec",
    "StreamStats",
]
