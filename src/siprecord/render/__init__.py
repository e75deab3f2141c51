"""From a capture log to what people want: a file that plays, and a true account of the call."""

from __future__ import annotations

from siprecord.render.options import RenderOptions
from siprecord.render.recording import RenderResult, render_recording

__all__ = ["RenderOptions", "RenderResult", "render_recording"]
