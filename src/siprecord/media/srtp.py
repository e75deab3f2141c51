"""Both sides of SRTP, for tests and test clients; the engine has its own."""

from __future__ import annotations

from siprecord.media._core import SrtpReceiver, SrtpSender

__all__ = ["SrtpReceiver", "SrtpSender"]
