"""The media plane: sockets, capture logs and readers, over the compiled core."""

from siprecord.media.engine import CaptureLog, MediaEngine, MediaStream
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
    "LogStatus",
    "MediaEngine",
    "MediaSettings",
    "MediaStream",
    "Notice",
    "StreamSpec",
    "StreamStats",
]
