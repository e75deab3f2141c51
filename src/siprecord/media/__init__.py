"""The media plane: a Python face on the compiled core."""

from __future__ import annotations

from siprecord.media.sender import Impairments, RtpClip, RtpSender, SendProgress, SendSpec
from siprecord.media.sharded_map import ShardedMap

__all__ = ["Impairments", "RtpClip", "RtpSender", "SendProgress", "SendSpec", "ShardedMap"]
