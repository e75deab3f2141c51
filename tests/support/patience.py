"""How long tests wait for what must happen."""

from __future__ import annotations

PATIENCE = 120.0
"""Seconds, longer than any machine is busy: it only ends a test that hangs."""
