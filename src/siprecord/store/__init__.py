"""Where recordings lie: the spool of open logs, and the finished recordings by date."""

from __future__ import annotations

from siprecord.store.layout import Layout, safe_name, spooled
from siprecord.store.local import Leftovers, LocalStore, Recording, RecordingNotFound

__all__ = ["Layout", "Leftovers", "LocalStore", "Recording", "RecordingNotFound", "safe_name", "spooled"]
