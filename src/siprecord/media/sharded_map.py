"""The concurrent map of active calls."""

from __future__ import annotations

from siprecord.media._core import ShardedMap

__all__ = ["ShardedMap"]
